public import EtcdWire
internal import Platform

/// A record of a log, and where it stands.
public struct LogItem: Sendable, Hashable {
    public var segment: SegmentName
    /// Bytes from the segment's start.
    public var offset: Int64
    /// Where the next record begins.
    public var end: Int64
    /// CRC-32C of the data of all records up to this one.
    public var crc: UInt32
    public var kind: Kind

    public enum Kind: Sendable, Hashable {
        /// Whose log it is: an encoded ``WALMetadata``.
        case metadata([UInt8])
        case entry(RaftEntry)
        case state(HardState)
        case snapshot(WALSnapshot)
        /// A segment's first record: the checksum of all before it.
        case crc
    }
}

/// How a log ends.
public enum LogEnd: Sendable, Hashable {
    /// Nothing but free space follows the last record.
    case clean
    /// The last write was interrupted: nobody was told that it was done, and it may be cut off.
    case torn(file: String, offset: Int64)
    /// What follows is not what was written, and may have been acknowledged.
    case damaged(file: String, offset: Int64, what: String)
}

/// Reads a log record by record, in the order they were written, in bounded memory: about a megabyte, or the longest record
/// where that is more. Each record's checksum is verified before it is given out.
public struct LogCursor: Sendable {
    private let directory: String
    private let disk: any Disk
    private let configuration: WALConfiguration
    private let names: [SegmentName]
    /// Which of ``names`` is being read.
    private var current = 0
    private(set) var window: FileWindow?
    /// Where in the segment the last good record ends.
    private(set) var offset = 0
    private var recordsOfSegment = 0
    private(set) var crc: UInt32?
    private var metadata: [UInt8]?
    private(set) var lastIndex: UInt64 = 0
    private var failure: WALError?
    /// How the log ends, once ``next()`` has returned nil.
    public private(set) var end: LogEnd?

    /// The segment being read, and where in it the last good record ends.
    var place: (file: String, offset: Int64) { (self.window?.path ?? self.directory, Int64(self.offset)) }

    /// - Parameter names: Segments without a gap between them.
    init(_ names: [SegmentName], in directory: String, disk: any Disk, _ configuration: WALConfiguration) {
        (self.names, self.directory, self.disk, self.configuration) = (names, directory, disk, configuration)
        // Nothing comes before the first segment of all. Before another, its first record says what did.
        self.crc = names.first?.sequence == 0 ? 0 : nil
    }

    /// The next record; nil after the last, where a torn tail counts as not there. Damage throws, now and ever after.
    public mutating func next() throws(WALError) -> LogItem? {
        guard let record = try self.nextRecord(), let window else { return nil }
        return LogItem(
            segment: record.segment, offset: Int64(record.offset), end: Int64(self.offset), crc: self.crc ?? 0,
            kind: LogItem.Kind(record.content, window.bytes))
    }

    /// A record whose data is still in the window, until the next is asked for.
    struct Record {
        var segment: SegmentName
        var offset: Int
        /// With ranges of the window's bytes.
        var content: RecordContent
    }

    mutating func nextRecord() throws(WALError) -> Record? {
        if let failure { throw failure }
        while self.end == nil {
            if self.window == nil { try self.openSegment() }
            if let record = try self.recordOfSegment() { return record }
            try self.endSegment()
        }
        return nil
    }

    private mutating func openSegment() throws(WALError) {
        self.window = try FileWindow("\(self.directory)/\(self.names[self.current])", disk: self.disk)
        (self.offset, self.recordsOfSegment) = (0, 0)
    }

    /// Nil where no good record follows.
    private mutating func recordOfSegment() throws(WALError) -> Record? {
        // It was opened just before.
        let size = self.window!.size
        let offset = self.offset
        guard offset + Frame.headerBytes <= size, try self.window!.hold(offset, count: Frame.headerBytes) else { return nil }
        let field = Frame.lengthField(self.window!.bytes, at: offset - self.window!.start)
        guard let extent = Frame.extent(field, at: offset, within: size),
            try self.window!.hold(offset, count: extent.end - offset)
        else { return nil }
        let start = self.window!.start
        let range = extent.record.lowerBound - start..<extent.record.upperBound - start
        guard let record = Frame.record(range, self.window!.bytes, end: extent.end),
            let kind = Frame.kind(record, self.window!.bytes, continuing: self.crc)
        else { return nil }
        try self.check(kind, record, at: offset)
        guard let content = RecordContent(kind, self.window!.bytes, record.data) else {
            throw self.fail(.corrupt, offset, "the \(kind) record's data is malformed")
        }
        if case .entry(let entry) = content { self.lastIndex = entry.index }
        self.crc = record.crc
        self.offset = record.end
        self.recordsOfSegment += 1
        return Record(segment: self.names[self.current], offset: offset, content: content)
    }

    /// Every segment begins with the checksum of what came before it and with whose log it is.
    private mutating func check(_ kind: WALRecord.Kind, _ record: Frame.Record, at offset: Int) throws(WALError) {
        switch self.recordsOfSegment {
        case 0 where kind != .crc, 1 where kind != .metadata:
            throw self.fail(.corrupt, offset, "the segment does not begin as segments do")
        default: break
        }
        guard kind == .metadata, let bytes = self.window?.bytes else { return }
        guard let metadata else {
            self.metadata = Array(bytes[record.data])
            return
        }
        guard metadata.elementsEqual(bytes[record.data]) else {
            throw self.fail(.conflictingMetadata, offset, "conflicting metadata: a segment of another member or cluster")
        }
    }

    /// Goes on to the next segment, or ends the log.
    private mutating func endSegment() throws(WALError) {
        let window = self.window!
        let isLast = self.current == self.names.count - 1
        guard self.recordsOfSegment >= 2 else {
            throw self.fail(.corrupt, self.offset, self.reasonForNoBegin())
        }
        let isClean = try window.endOfContent(from: self.offset) == self.offset
        guard isLast else {
            guard isClean else {
                throw self.fail(.corrupt, self.offset, "the record is damaged, and later segments follow it")
            }
            try window.close()
            self.window = nil
            self.current += 1
            return
        }
        guard !isClean else {
            self.end = .clean
            return
        }
        let tail = Tail(
            of: try window.read(0, count: window.size), at: self.offset, crc: self.crc, lastIndex: self.lastIndex,
            commitIsDurable: self.configuration.commitIsDurable)
        if case .rotten(let message) = tail { throw self.fail(.corrupt, self.offset, message) }
        self.end = .torn(file: window.path, offset: Int64(self.offset))
    }

    private func reasonForNoBegin() -> String {
        let hasOtherStart = self.current > 0 && self.recordsOfSegment == 0 && self.crc != nil
        return hasOtherStart
            ? "the segment does not begin with the checksum that the one before it ends with"
            : "the segment does not begin as segments do"
    }

    private mutating func fail(_ code: WALError.Code, _ offset: Int, _ message: String) -> WALError {
        let path = "\(self.directory)/\(self.names[self.current])"
        let failure = WALError(code, path, at: Int64(offset), message)
        self.failure = failure
        return failure
    }
}
