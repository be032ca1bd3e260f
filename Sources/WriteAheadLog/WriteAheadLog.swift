public import EtcdWire
public import Platform

/// etcd's write-ahead log, open for writing: segments of records with a running CRC-32C, preallocated, locked.
///
/// Each call of ``append(_:_:)`` is one write and one sync; when it returns, its entries are durable. After the first
/// error every call throws that error again: what a failed sync left behind is unknown, and the process must stop.
/// Owned by one thread.
public final class WriteAheadLog {
    public let directory: String
    private let disk: any Disk
    private let configuration: WALConfiguration
    private let metadata: [UInt8]
    private var segments: [(name: SegmentName, file: any DiskFile)]
    private var offset: Int64
    private var crc: UInt32
    private var state: HardState
    private var lastIndex: UInt64
    private var failure: WALError?

    private init(
        _ directory: String, _ disk: any Disk, _ configuration: WALConfiguration, _ contents: LogContents,
        _ segments: [(name: SegmentName, file: any DiskFile)], offset: Int64, crc: UInt32
    ) {
        (self.directory, self.disk, self.configuration, self.segments) = (directory, disk, configuration, segments)
        (self.metadata, self.state, self.lastIndex) = (contents.metadata, contents.state, contents.lastIndex)
        (self.offset, self.crc) = (offset, crc)
    }

    // MARK: Opening

    /// Makes a new log: in a directory beside, renamed when whole.
    /// - Parameters:
    ///   - metadata: Whose log it is, an encoded ``WALMetadata``; repeated in each segment.
    ///   - start: The snapshot that the log goes on from; by default it begins at the beginning.
    public static func create(
        _ directory: String, metadata: [UInt8], after start: WALSnapshot = WALSnapshot(), disk: any Disk,
        configuration: WALConfiguration = .init()
    ) throws(WALError) -> WriteAheadLog {
        let name = SegmentName(sequence: 0, index: start.index)
        var bytes: [UInt8] = []
        var crc: UInt32 = 0
        Frame.append(.crc, [], crc: &crc, to: &bytes)
        Frame.append(.metadata, metadata, crc: &crc, to: &bytes)
        Frame.append(.snapshot, start.encoded(), crc: &crc, to: &bytes)
        let file = try onDisk { () throws(DiskError) in
            let temporary = directory + ".tmp"
            if try disk.stat(temporary) != nil {
                for leftover in try disk.list(temporary) { try disk.remove("\(temporary)/\(leftover)") }
            }
            try disk.makeDirectory(temporary)
            let file = try disk.open("\(temporary)/\(name)", .createNew)
            _ = try file.tryLock()
            if configuration.preallocates { try file.allocate(to: configuration.segmentBytes) }
            try file.write(bytes, at: 0)
            try file.sync()
            try disk.syncDirectory(temporary)
            try disk.rename(temporary, to: directory)
            try disk.syncDirectory(parent(of: directory))
            return file
        }
        var contents = LogContents()
        contents.metadata = metadata
        contents.lastIndex = start.index
        return WriteAheadLog(
            directory, disk, configuration, contents, [(name, file)], offset: Int64(bytes.count), crc: crc)
    }

    /// Opens a log for writing and reads it from a snapshot on. A torn tail is kept beside as `<segment>.broken`, then cut;
    /// what it held was never acknowledged. Damage to anything else throws, and changes nothing.
    public static func open(
        _ directory: String, after snapshot: WALSnapshot, disk: any Disk, configuration: WALConfiguration = .init()
    ) throws(WALError) -> (log: WriteAheadLog, contents: LogContents) {
        let (log, contents, _) = try self.open(directory, from: snapshot, disk, configuration)
        return (log, contents)
    }

    /// Cuts a torn tail off a log, as ``open(_:after:disk:configuration:)`` does, and as etcd does when it starts.
    /// - Returns: How the log ended before: ``LogEnd/clean`` or ``LogEnd/torn(file:offset:)``. Worse throws.
    public static func repair(
        _ directory: String, disk: any Disk, configuration: WALConfiguration = .init()
    ) throws(WALError) -> LogEnd {
        let (log, _, end) = try self.open(directory, from: nil, disk, configuration)
        try log.close()
        return end
    }

    private static func open(
        _ directory: String, from snapshot: WALSnapshot?, _ disk: any Disk, _ configuration: WALConfiguration
    ) throws(WALError) -> (log: WriteAheadLog, contents: LogContents, end: LogEnd) {
        let locked = try self.lock(directory, from: snapshot, disk)
        var builder = LogBuilder(after: snapshot)
        var unsettled = Unsettled()
        var cursor = try LogReader.cursor(directory, from: snapshot, disk: disk, configuration: configuration)
        while let item = try cursor.next() {
            try builder.add(item, directory)
            unsettled.add(item)
        }
        let contents = try builder.finish(cursor.place.file, at: cursor.place.offset)
        guard let window = cursor.window, let last = locked.last?.name, last.sequence < .max, contents.lastIndex < .max else {
            throw WALError(.corrupt, directory, "the log has come to the last number there is")
        }
        let log = WriteAheadLog(
            directory, disk, configuration, contents, locked, offset: Int64(cursor.offset), crc: cursor.crc ?? 0)
        try log.settle(window, from: unsettled.offset, to: cursor.offset)
        return (log, contents, cursor.end ?? .clean)
    }

    /// Where in the newest segment what may have been read from a cache alone begins: with the first entry above the commit
    /// index, and with what the last sync was for. That is the last entries and all since the ones before them, for a commit
    /// index is not synced by itself; and the index that is written with entries can cover them.
    private struct Unsettled {
        private var segment: SegmentName?
        private var entries: [(index: UInt64, offset: Int)] = []
        /// How many of ``entries``, from the first, are committed.
        private var settled = 0
        private var last = 0
        /// Where the last entries without another record between them begin, and where the ones before do.
        private var (run, runBefore, isInRun) = (0, 0, false)

        mutating func add(_ item: LogItem) {
            self.last = Int(item.offset)
            if item.segment != self.segment {
                (self.segment, self.entries, self.settled) = (item.segment, [], 0)
                (self.run, self.runBefore, self.isInRun) = (self.last, self.last, false)
            }
            if case .entry = item.kind {
                if !self.isInRun { (self.run, self.runBefore) = (self.last, self.run) }
                self.isInRun = true
            } else {
                self.isInRun = false
            }
            switch item.kind {
            case .entry(let entry):
                self.entries.append((entry.index, self.last))
            case .state(let state):
                while self.settled < self.entries.count, self.entries[self.settled].index <= state.commit { self.settled += 1 }
            default: break
            }
        }

        var offset: Int {
            min(self.runBefore, self.settled < self.entries.count ? self.entries[self.settled].offset : self.last)
        }
    }

    private static func lock(
        _ directory: String, from snapshot: WALSnapshot?, _ disk: any Disk
    ) throws(WALError) -> [(name: SegmentName, file: any DiskFile)] {
        var locked: [(name: SegmentName, file: any DiskFile)] = []
        for name in try LogReader.names(directory, from: snapshot?.index, disk: disk) {
            let path = "\(directory)/\(name)"
            let file = try onDisk { () throws(DiskError) in try disk.open(path, .readWrite) }
            guard try onDisk({ () throws(DiskError) in try file.tryLock() }) else {
                throw WALError(.locked, path, "the log is in use by another process")
            }
            locked.append((name, file))
        }
        return locked
    }

    /// Makes sure that what was just read is what a next reader will read, and that nothing follows it.
    ///
    /// The last batch may have been read from a cache that a failed sync left behind: it is written again before anyone
    /// relies on it. What follows the last record is zeroed, for a record must never be found behind the end.
    private func settle(_ window: FileWindow, from start: Int, to end: Int) throws(WALError) {
        let file = self.segments[self.segments.count - 1].file
        let garbageEnd = try window.endOfContent(from: end)
        let settled = try window.read(start, count: end - start)
        try self.guarded { () throws(DiskError) in
            if garbageEnd > end { try self.keepAside(file, upTo: garbageEnd) }
            let zeros = [UInt8](repeating: 0, count: garbageEnd - end)
            try file.write(settled + zeros, at: Int64(start))
            if self.configuration.preallocates { try file.allocate(to: self.configuration.segmentBytes) }
            try file.sync()
            // So may the segment's name have been.
            try self.disk.syncDirectory(self.directory)
        }
    }

    private func keepAside(_ file: any DiskFile, upTo end: Int) throws(DiskError) {
        let copy = try self.disk.open(file.path + ".broken", .create)
        try copy.truncate(to: 0)
        var offset = 0
        while offset < end {
            let part = try file.read(at: Int64(offset), count: min(FileWindow.chunk, end - offset))
            guard !part.isEmpty else { break }
            try copy.write(part, at: Int64(offset))
            offset += part.count
        }
        try copy.sync()
        try copy.close()
        try self.disk.syncDirectory(self.directory)
    }

    // MARK: Writing

    /// Writes entries and, where given, a hard state after them, and makes them durable: one write, one sync. A hard state
    /// that only moves the commit index is written but not waited for, as in etcd.
    public func append(_ entries: [RaftEntry], _ state: HardState? = nil) throws(WALError) {
        if let failure { throw failure }
        // An empty state says nothing, and is not written; one without a term is none.
        let state = state == HardState() ? nil : state
        precondition(state.map { $0.term > 0 } ?? true, "a hard state has a term")
        precondition(entries.allSatisfy { $0.term > 0 && $0.index > 0 }, "an entry has a term and an index")
        precondition(entries.allSatisfy { $0.kind == .normal || !$0.data.isEmpty }, "a change of members says which")
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entries.reduce(64) { $0 + $1.data.count + 64 })
        for entry in entries { Frame.append(.entry, entry.encoded(), crc: &self.crc, to: &bytes) }
        if let state { Frame.append(.state, state.encoded(), crc: &self.crc, to: &bytes) }
        guard !bytes.isEmpty else { return }
        let mustSync = !entries.isEmpty || state.map { $0.term != self.state.term || $0.vote != self.state.vote } ?? false
        if let state { self.state = state }
        if let last = entries.last { self.lastIndex = last.index }
        try self.write(bytes, sync: mustSync)
        if self.offset >= self.configuration.segmentBytes { try self.cut() }
    }

    /// Notes that a snapshot is durable, so that the log can be read from it.
    public func append(_ snapshot: WALSnapshot) throws(WALError) {
        if let failure { throw failure }
        var bytes: [UInt8] = []
        Frame.append(.snapshot, snapshot.encoded(), crc: &self.crc, to: &bytes)
        self.lastIndex = max(self.lastIndex, snapshot.index)
        try self.write(bytes, sync: true)
    }

    /// Waits for what was written without waiting: a commit index that something else is about to rest on.
    public func sync() throws(WALError) {
        if let failure { throw failure }
        let file = self.segments[self.segments.count - 1].file
        try self.guarded { () throws(DiskError) in try file.sync() }
    }

    private func write(_ bytes: [UInt8], sync: Bool) throws(WALError) {
        let file = self.segments[self.segments.count - 1].file
        try self.guarded { () throws(DiskError) in
            try file.write(bytes, at: self.offset)
            if sync { try file.sync() }
        }
        self.offset += Int64(bytes.count)
    }

    /// Ends the segment and begins the next: whole and durable under a temporary name before it gets its own.
    public func cut() throws(WALError) {
        if let failure { throw failure }
        let last = self.segments[self.segments.count - 1]
        let name = SegmentName(sequence: last.name.sequence + 1, index: self.lastIndex + 1)
        var bytes: [UInt8] = []
        var crc = self.crc
        Frame.append(.crc, [], crc: &crc, to: &bytes)
        Frame.append(.metadata, self.metadata, crc: &crc, to: &bytes)
        if self.state != HardState() { Frame.append(.state, self.state.encoded(), crc: &crc, to: &bytes) }
        let header = bytes
        let file = try self.guarded { () throws(DiskError) in
            try last.file.truncate(to: self.offset)
            try last.file.sync()
            let temporary = "\(self.directory)/\(name.sequence % 2).tmp"
            let file = try self.disk.open(temporary, .create)
            try file.truncate(to: 0)
            _ = try file.tryLock()
            if self.configuration.preallocates { try file.allocate(to: self.configuration.segmentBytes) }
            try file.write(header, at: 0)
            try file.sync()
            try self.disk.rename(temporary, to: "\(self.directory)/\(name)")
            try self.disk.syncDirectory(self.directory)
            return file
        }
        self.segments.append((name, file))
        (self.offset, self.crc) = (Int64(header.count), crc)
    }

    /// Removes the segments that reading from a snapshot at `index` does not need. Oldest first, each made durable before
    /// the next, so that no crash leaves a gap.
    /// - Parameter count: So many of the newest stay in any case. etcd's servers keep 5.
    public func purge(before index: UInt64, keeping count: Int = 1) throws(WALError) {
        precondition(count > 0, "the segment that is written stays")
        if let failure { throw failure }
        let names = try onDisk { () throws(DiskError) in try self.disk.list(self.directory) }
            .compactMap { SegmentName($0) }.sorted()
        guard let keep = names.lastIndex(where: { $0.index <= index }) else { return }
        for name in names[..<min(keep, max(0, names.count - count))] {
            try self.guarded { () throws(DiskError) in
                try self.disk.remove("\(self.directory)/\(name)")
                try self.disk.syncDirectory(self.directory)
                if self.segments.count > 1, self.segments[0].name == name { try self.segments.removeFirst().file.close() }
            }
        }
    }

    /// Lets go of all segments but the newest: they stay on the disk, and are neither locked nor purged any more.
    public func release() throws(WALError) {
        for segment in self.segments.dropLast() {
            try self.guarded { () throws(DiskError) in try segment.file.close() }
        }
        self.segments.removeFirst(self.segments.count - 1)
    }

    /// How many segments are held.
    public var segmentCount: Int { self.segments.count }
    /// The newest segment, which is being written.
    public var segment: SegmentName { self.segments[self.segments.count - 1].name }
    /// Bytes of records in it.
    public var segmentSize: Int64 { self.offset }

    /// Ends the log. What was appended is durable already.
    public func close() throws(WALError) {
        for segment in self.segments {
            try onDisk { () throws(DiskError) in try segment.file.close() }
        }
        self.failure = self.failure ?? WALError(.disk, self.directory, "the log is closed")
    }

    /// Runs file operations; the first that fails ends the log for good.
    private func guarded<Value>(_ body: () throws(DiskError) -> Value) throws(WALError) -> Value {
        do throws(DiskError) {
            return try body()
        } catch {
            let failure = WALError(error)
            self.failure = failure
            throw failure
        }
    }
}

private func parent(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.utf8.startIndex ? "/" : String(path.utf8[..<slash]) ?? "."
}
