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
        var cursor = try self.cursor(directory, from: snapshot, disk: disk, configuration: configuration)
        while let item = try cursor.next() { try builder.add(item, directory) }
        return try builder.finish(cursor.place.file, at: cursor.place.offset)
    }

    /// The records of a log, one after another.
    /// - Parameter snapshot: Where the segments that reading from it does not need are left out; nil begins at the first.
    public static func cursor(
        _ directory: String, from snapshot: WALSnapshot? = nil, disk: any Disk, configuration: WALConfiguration = .init()
    ) throws(WALError) -> LogCursor {
        let names = try self.names(directory, from: snapshot?.index, disk: disk)
        return LogCursor(names, in: directory, disk: disk, configuration)
    }

    /// The records of some of a log's segments, of which each follows the one before it; to go on behind damage, or a gap.
    public static func cursor(
        _ directory: String, segments: [SegmentName], disk: any Disk, configuration: WALConfiguration = .init()
    ) -> LogCursor {
        precondition(!segments.isEmpty, "a cursor goes over one segment or more")
        return LogCursor(segments, in: directory, disk: disk, configuration)
    }

    /// Visits the records of a log, one after another; see ``cursor(_:from:disk:configuration:)``.
    /// - Parameter visit: Returns false to stop.
    /// - Returns: How the log ends; nil where the visit stopped before.
    @discardableResult
    public static func forEach(
        _ directory: String, from snapshot: WALSnapshot? = nil, disk: any Disk, configuration: WALConfiguration = .init(),
        _ visit: (LogItem) throws(WALError) -> Bool
    ) throws(WALError) -> LogEnd? {
        var cursor = try self.cursor(directory, from: snapshot, disk: disk, configuration: configuration)
        while let item = try cursor.next() {
            guard try visit(item) else { return nil }
        }
        return cursor.end
    }

    /// The segments a log has, in order, whatever is missing between them.
    public static func segments(_ directory: String, disk: any Disk) throws(WALError) -> [SegmentName] {
        guard try onDisk({ () throws(DiskError) in try disk.stat(directory) })?.isDirectory == true else {
            throw WALError(.notFound, directory, "there is no log here")
        }
        let names = try onDisk { () throws(DiskError) in try disk.list(directory) }.compactMap { SegmentName($0) }.sorted()
        guard !names.isEmpty else { throw WALError(.notFound, directory, "the directory holds no segment of a log") }
        return names
    }

    /// The segments needed to read from a snapshot at `index` on, in order and with none missing.
    static func names(_ directory: String, from index: UInt64?, disk: any Disk) throws(WALError) -> [SegmentName] {
        var names = try self.segments(directory, disk: disk)
        if let index {
            guard let first = names.lastIndex(where: { $0.index <= index }) else {
                let message = "the log begins after index \(index): segments before \(names[0]) are missing"
                throw WALError(.missingSegment, directory, message)
            }
            names.removeFirst(first)
        }
        for (name, next) in zip(names, names.dropFirst()) where !name.isFollowed(by: next) {
            throw WALError(.missingSegment, directory, "segments between \(name) and \(next) are missing")
        }
        return names
    }
}

/// How a log is kept.
public struct WALConfiguration: Sendable, Hashable {
    /// Bytes after which a segment is cut. etcd's is 64,000,000.
    public var segmentBytes: Int64 = 64_000_000
    /// Whether a hard state's commit index is only ever written once all entries up to it are durable in this log, as a
    /// one-member log can promise. Damage at or below it is then known not to be a torn write.
    public var commitIsDurable = false
    /// Whether a segment has its full size from the start, so that writing to it needs no new blocks.
    public var preallocates = true

    public init(segmentBytes: Int64 = 64_000_000, commitIsDurable: Bool = false, preallocates: Bool = true) {
        (self.segmentBytes, self.commitIsDurable, self.preallocates) = (segmentBytes, commitIsDurable, preallocates)
    }
}
