public import EtcdWire
public import Platform

/// Reads a log that another process writes, as it grows: each ``poll(limit:)`` gives what was added since the one before.
///
/// It locks and changes nothing. A record that is not whole is one being written, and is waited for; once a further segment
/// is there, nothing more can come, and it is damage. Owned by one thread; every call blocks.
public struct LogFollower {
    /// What an entry of the log is about: its records but for those of the format itself.
    public enum Record: Sendable, Hashable {
        case entry(RaftEntry)
        case state(HardState)
        case snapshot(WALSnapshot)
    }

    /// Bytes read at once.
    private static let chunk = 1 << 18

    public let directory: String
    /// Whose log it is; nil until the first segment was read.
    public private(set) var metadata: WALMetadata?
    private let disk: any Disk
    private var name: SegmentName
    private var file: any DiskFile
    private var offset: Int64 = 0
    private var crc: UInt32?

    /// - Parameter index: Where to begin: the first record given is at or before the entry that follows this one.
    public init(_ directory: String, after index: UInt64, disk: any Disk) throws(WALError) {
        let names = try LogReader.names(directory, from: index, disk: disk)
        (self.directory, self.disk, self.name) = (directory, disk, names[0])
        self.file = try Self.open(names[0], directory, disk)
        self.crc = names[0].sequence == 0 ? 0 : nil
    }

    /// What was added since the last call, oldest first; empty when nothing was.
    /// - Parameter limit: Bytes after which the call ends though there is more.
    public mutating func poll(limit: Int = 4 << 20) throws(WALError) -> [Record] {
        var records: [Record] = []
        var read = 0
        while read < limit {
            // Looked up before reading on: once the next segment has its name, this one has all it will ever have.
            let next = try self.successor()
            let before = self.offset
            try self.readOn(into: &records)
            read += Int(self.offset - before)
            if self.offset > before { continue }
            guard let next else { break }
            try self.move(to: next)
        }
        return records
    }

    private func successor() throws(WALError) -> SegmentName? {
        let names = try onDisk { () throws(DiskError) in try self.disk.list(self.directory) }.compactMap { SegmentName($0) }
        guard let next = names.filter({ $0.sequence > self.name.sequence }).min() else { return nil }
        guard next.sequence == self.name.sequence + 1 else {
            throw WALError(.missingSegment, self.directory, "segments between \(self.name) and \(next) are gone")
        }
        return next
    }

    /// Reads the whole records of one chunk.
    private mutating func readOn(into records: inout [Record]) throws(WALError) {
        var bytes = try self.bytes(Self.chunk)
        if bytes.count >= Frame.headerBytes {
            let field = Frame.lengthField(bytes, at: 0)
            let length = Int(clamping: field & 0x00FF_FFFF_FFFF_FFFF)
            let size = try onDisk { () throws(DiskError) in try self.file.size() }
            // A length that reaches past the file is of a record that is being written, or damage; both wait.
            if length > bytes.count - 2 * Frame.headerBytes, Int64(length) <= size - self.offset {
                bytes = try self.bytes(length + 2 * Frame.headerBytes)
            }
        }
        var at = 0
        while let (record, kind) = Frame.validRecord(bytes, at: at, continuing: self.crc) {
            guard let content = RecordContent(kind, bytes, record.data),
                self.take(LogItem.Kind(content, bytes), into: &records)
            else {
                let offset = self.offset + Int64(at)
                throw WALError(.corrupt, self.file.path, at: offset, "the \(kind) record's data is malformed")
            }
            self.crc = record.crc
            at = record.end
        }
        self.offset += Int64(at)
    }

    private func bytes(_ count: Int) throws(WALError) -> [UInt8] {
        try onDisk { () throws(DiskError) in try self.file.read(at: self.offset, count: count) }
    }

    /// False where it is malformed.
    private mutating func take(_ record: LogItem.Kind, into records: inout [Record]) -> Bool {
        switch record {
        case .entry(let entry): records.append(.entry(entry))
        case .state(let state): records.append(.state(state))
        case .snapshot(let snapshot): records.append(.snapshot(snapshot))
        case .metadata(let data):
            guard let metadata = try? WALMetadata(decoding: data) else { return false }
            self.metadata = metadata
        case .crc: break
        }
        return true
    }

    private mutating func move(to next: SegmentName) throws(WALError) {
        let rest = try self.bytes(Self.chunk)
        guard rest.isZero(0..<rest.count) else {
            throw WALError(.corrupt, self.file.path, at: self.offset, "the record is damaged, and a later segment follows it")
        }
        try onDisk { () throws(DiskError) in try self.file.close() }
        self.file = try Self.open(next, self.directory, self.disk)
        (self.name, self.offset) = (next, 0)
    }

    private static func open(_ name: SegmentName, _ directory: String, _ disk: any Disk) throws(WALError) -> any DiskFile {
        try onDisk { () throws(DiskError) in try disk.open("\(directory)/\(name)", .read) }
    }
}
