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
    /// - Parameter metadata: Whose log it is, an encoded ``WALMetadata``; repeated in each segment.
    public static func create(
        _ directory: String, metadata: [UInt8], disk: any Disk, configuration: WALConfiguration = .init()
    ) throws(WALError) -> WriteAheadLog {
        let name = SegmentName(sequence: 0, index: 0)
        var bytes: [UInt8] = []
        var crc: UInt32 = 0
        Frame.append(.crc, [], crc: &crc, to: &bytes)
        Frame.append(.metadata, metadata, crc: &crc, to: &bytes)
        Frame.append(.snapshot, WALSnapshot().encoded(), crc: &crc, to: &bytes)
        let file = try onDisk { () throws(DiskError) in
            let temporary = directory + ".tmp"
            if try disk.stat(temporary) != nil {
                for leftover in try disk.list(temporary) { try disk.remove("\(temporary)/\(leftover)") }
            }
            try disk.makeDirectory(temporary)
            let file = try disk.open("\(temporary)/\(name)", .createNew)
            _ = try file.tryLock()
            try file.allocate(to: configuration.segmentBytes)
            try file.write(bytes, at: 0)
            try file.sync()
            try disk.syncDirectory(temporary)
            try disk.rename(temporary, to: directory)
            try disk.syncDirectory(parent(of: directory))
            return file
        }
        var contents = LogContents()
        contents.metadata = metadata
        return WriteAheadLog(
            directory, disk, configuration, contents, [(name, file)], offset: Int64(bytes.count), crc: crc)
    }

    /// Opens a log for writing and reads it from a snapshot on. A torn tail is kept beside as `<segment>.broken`, then cut;
    /// what it held was never acknowledged. Damage to anything else throws, and changes nothing.
    public static func open(
        _ directory: String, after snapshot: WALSnapshot, disk: any Disk, configuration: WALConfiguration = .init()
    ) throws(WALError) -> (log: WriteAheadLog, contents: LogContents) {
        let locked = try self.lock(directory, disk)
        var builder = LogBuilder(after: snapshot)
        let names = try LogReader.names(directory, from: snapshot, disk: disk)
        let last = try LogReader.scan(names, in: directory, disk: disk, into: &builder, configuration)
        let contents = try builder.finish(directory)
        let log = WriteAheadLog(
            directory, disk, configuration, contents, locked, offset: Int64(last.endOffset), crc: last.crc)
        try log.settle(last, commit: contents.state.commit)
        return (log, contents)
    }

    private static func lock(
        _ directory: String, _ disk: any Disk
    ) throws(WALError) -> [(name: SegmentName, file: any DiskFile)] {
        var locked: [(name: SegmentName, file: any DiskFile)] = []
        for name in try LogReader.names(directory, from: nil, disk: disk) {
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
    private func settle(_ last: Segment, commit: UInt64) throws(WALError) {
        let file = self.segments[self.segments.count - 1].file
        let unsettled = last.records.first { record in
            record.kind == .entry && (try? RaftEntry(decoding: record.data)).map { $0.index > commit } ?? false
        }
        let start = min(unsettled?.offset ?? last.endOffset, last.records.last?.offset ?? last.endOffset)
        let garbage = last.end == .clean ? nil : last.bytes[last.endOffset...].lastIndex { $0 != 0 }
        let garbageEnd = garbage.map { $0 + 1 } ?? last.endOffset
        try self.guarded { () throws(DiskError) in
            if garbageEnd > last.endOffset { try self.keepAside(last, upTo: garbageEnd) }
            let zeros = [UInt8](repeating: 0, count: garbageEnd - last.endOffset)
            try file.write(Array(last.bytes[start..<last.endOffset]) + zeros, at: Int64(start))
            try file.allocate(to: self.configuration.segmentBytes)
            try file.sync()
        }
    }

    private func keepAside(_ segment: Segment, upTo end: Int) throws(DiskError) {
        let copy = try self.disk.open(segment.path + ".broken", .create)
        try copy.truncate(to: 0)
        try copy.write(Array(segment.bytes[..<end]), at: 0)
        try copy.sync()
        try copy.close()
        try self.disk.syncDirectory(self.directory)
    }

    // MARK: Writing

    /// Writes entries and, where given, a hard state after them, and makes them durable: one write, one sync. A hard state
    /// that only moves the commit index is written but not waited for, as in etcd.
    public func append(_ entries: [RaftEntry], _ state: HardState? = nil) throws(WALError) {
        if let failure { throw failure }
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
            try file.allocate(to: self.configuration.segmentBytes)
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
    public func purge(before index: UInt64) throws(WALError) {
        if let failure { throw failure }
        guard let keep = self.segments.lastIndex(where: { $0.name.index <= index }) else { return }
        for segment in self.segments[..<keep] {
            try self.guarded { () throws(DiskError) in
                try self.disk.remove("\(self.directory)/\(segment.name)")
                try self.disk.syncDirectory(self.directory)
                try segment.file.close()
            }
        }
        self.segments.removeFirst(keep)
    }

    /// How many segments there are.
    public var segmentCount: Int { self.segments.count }

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
