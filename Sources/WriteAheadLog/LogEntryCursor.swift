public import EtcdWire
public import Platform

extension LogReader {
    /// A log's entries after an index as they are in the end, in order and with no gap: where a later leader's entries
    /// replaced earlier ones, only those. Reads the log twice and keeps none of it in memory: the first time it is verified
    /// as a whole, and what was replaced is noted.
    /// - Parameters:
    ///   - index: Entries up to it are not needed, as a state or a snapshot has them.
    ///   - last: The last entry wanted; nil for all there are.
    public static func entries(
        _ directory: String, after index: UInt64, upTo last: UInt64? = nil, disk: any Disk,
        configuration: WALConfiguration = .init()
    ) throws(WALError) -> LogEntryCursor {
        // The segment that entry `index + 1` was to begin has it. A log's first segment may also have entries before those
        // it is named by, where they replace what had been in segments that are gone.
        let wanted = index == .max ? index : index + 1
        let first = try self.segments(directory, disk: disk)[0]
        let names = try self.names(directory, from: max(wanted, first.index), disk: disk)
        let cursor = LogCursor(names, in: directory, disk: disk, configuration)
        let replacements = try Replacements(cursor, directory, after: index)
        guard wanted >= first.index || replacements.lowest <= wanted else {
            let message = "the log begins after index \(wanted): segments before \(first) are missing"
            throw WALError(.missingSegment, directory, message)
        }
        return LogEntryCursor(cursor, after: index, upTo: last ?? .max, replacements)
    }
}

/// Entries of a log in the order of their indexes. See ``LogReader/entries(_:after:upTo:disk:configuration:)``.
public struct LogEntryCursor: Sendable {
    private var cursor: LogCursor
    private let start: UInt64
    private let last: UInt64
    private var replacements: Replacements
    private var records: UInt64 = 0
    private var index: UInt64

    fileprivate init(_ cursor: LogCursor, after start: UInt64, upTo last: UInt64, _ replacements: Replacements) {
        (self.cursor, self.start, self.last, self.replacements) = (cursor, start, last, replacements)
        self.index = start
    }

    /// The next entry; nil after the last.
    public mutating func next() throws(WALError) -> RaftEntry? {
        while self.index < self.last, let item = try self.cursor.next() {
            guard case .entry(let entry) = item.kind else { continue }
            defer { self.records += 1 }
            guard entry.index > self.start, !self.replacements.replaces(entry.index, at: self.records) else { continue }
            self.index = entry.index
            return entry
        }
        return nil
    }
}

/// Which entry records of a log are replaced by later ones.
private struct Replacements {
    /// At entry record `record` (by count from the first read), all entries from `index` on were replaced. Both ascend: a
    /// replacement hides those before it that begin at the same index or above.
    private var found: [(record: UInt64, index: UInt64)] = []
    /// How many of ``found`` lie behind.
    private var passed = 0
    /// The lowest index there is.
    private(set) var lowest = UInt64.max

    init(_ cursor: LogCursor, _ directory: String, after start: UInt64) throws(WALError) {
        var cursor = cursor
        var (records, last): (UInt64, UInt64) = (0, 0)
        while let record = try cursor.nextRecord() {
            guard case .entry(let entry) = record.content else { continue }
            let index = entry.index
            self.lowest = min(self.lowest, index)
            let covered = max(last, start)
            if index > start, index - 1 > covered {
                let path = "\(directory)/\(record.segment)"
                let message = "entries \(covered + 1) to \(index - 1) are missing: the log goes on with \(index)"
                throw WALError(.gap, path, at: Int64(record.offset), message)
            }
            if index <= last {
                while let earlier = self.found.last, earlier.index >= index { self.found.removeLast() }
                self.found.append((records, index))
            }
            last = index
            records += 1
        }
    }

    /// - Parameter record: Never less than before.
    mutating func replaces(_ index: UInt64, at record: UInt64) -> Bool {
        while self.passed < self.found.count, self.found[self.passed].record <= record { self.passed += 1 }
        return self.passed < self.found.count && self.found[self.passed].index <= index
    }
}
