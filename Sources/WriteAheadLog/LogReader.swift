public import EtcdWire
public import Platform

/// Reads a log without changing it, or needing to own it.
public enum LogReader {
    /// All of a log's segments, put together. A torn tail is left out; anything worse throws.
    /// - Parameter snapshot: Where to collect entries from; nil collects none, and checks no snapshot.
    public static func read(
        _ directory: String, after snapshot: WALSnapshot? = nil, disk: any Disk, configuration: WALConfiguration = .init()
    ) throws(WALError) -> LogContents {
        var builder = LogBuilder(after: snapshot)
        let names = try self.names(directory, from: snapshot, disk: disk)
        try self.scan(names, in: directory, disk: disk, into: &builder, configuration)
        return try builder.finish(directory)
    }

    /// The segments needed, in order and with none missing.
    static func names(_ directory: String, from snapshot: WALSnapshot?, disk: any Disk) throws(WALError) -> [SegmentName] {
        guard try onDisk({ () throws(DiskError) in try disk.stat(directory) }) != nil else {
            throw WALError(.notFound, directory, "there is no log here")
        }
        var names = try onDisk { () throws(DiskError) in try disk.list(directory) }.compactMap { SegmentName($0) }.sorted()
        guard !names.isEmpty else { throw WALError(.notFound, directory, "the directory holds no segment of a log") }
        if let snapshot {
            guard let first = names.lastIndex(where: { $0.index <= snapshot.index }) else {
                let message = "the log begins after index \(snapshot.index): segments before \(names[0]) are missing"
                throw WALError(.missingSegment, directory, message)
            }
            names.removeFirst(first)
        }
        for (name, next) in zip(names, names.dropFirst()) where next.sequence != name.sequence &+ 1 {
            throw WALError(.missingSegment, directory, "segments between \(name) and \(next) are missing")
        }
        return names
    }

    /// Reads segments into `builder` and returns the last. Only that one may end in a torn write.
    @discardableResult
    static func scan(
        _ names: [SegmentName], in directory: String, disk: any Disk, into builder: inout LogBuilder,
        _ configuration: WALConfiguration
    ) throws(WALError) -> Segment {
        var crc: UInt32 = 0
        var last: Segment?
        for name in names {
            if let last, last.end == .bad {
                let message = "the record is damaged, and later segments follow it"
                throw WALError(.corrupt, last.path, at: Int64(last.endOffset), message)
            }
            let path = "\(directory)/\(name)"
            let bytes = try onDisk { () throws(DiskError) in
                let file = try disk.open(path, .read)
                let bytes = try file.read(at: 0, count: Int(try file.size()))
                try file.close()
                return bytes
            }
            let segment = Segment(name: name, path: path, bytes: bytes, crc: crc)
            guard segment.records.count >= 2, segment.records[0].kind == .crc, segment.records[1].kind == .metadata else {
                throw WALError(.corrupt, path, at: Int64(segment.endOffset), "the segment does not begin as segments do")
            }
            try builder.add(segment)
            crc = segment.crc
            last = segment
        }
        // `names` is never empty.
        let segment = last!
        if segment.end == .bad {
            let tail = Tail(
                of: segment, lastIndex: builder.contents.lastIndex, commitIsDurable: configuration.commitIsDurable)
            if case .rotten(let message) = tail {
                throw WALError(.corrupt, segment.path, at: Int64(segment.endOffset), message)
            }
        }
        return segment
    }
}

/// How a log is kept.
public struct WALConfiguration: Sendable, Hashable {
    /// Bytes after which a segment is cut. etcd's is 64,000,000.
    public var segmentBytes: Int64 = 64_000_000
    /// Whether a hard state's commit index is only ever written once all entries up to it are durable in this log, as a
    /// one-member log can promise. Damage at or below it is then known not to be a torn write.
    public var commitIsDurable = false

    public init(segmentBytes: Int64 = 64_000_000, commitIsDurable: Bool = false) {
        (self.segmentBytes, self.commitIsDurable) = (segmentBytes, commitIsDurable)
    }
}
