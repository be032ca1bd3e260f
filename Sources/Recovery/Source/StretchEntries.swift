internal import EtcdWire
internal import Platform
internal import WriteAheadLog

/// The entries of a stretch of a log in order, each as the last leader left it.
struct StretchEntries {
    private let facts: LogFacts
    private let stretch: LogStretch
    private var cursor: LogCursor
    private var segment: SegmentName?
    /// The index of the entry that comes next.
    private(set) var next: UInt64

    /// - Parameter index: The entry after it comes first.
    init(_ facts: LogFacts, _ stretch: LogStretch, after index: UInt64, disk: any Disk) {
        (self.facts, self.stretch, self.next) = (facts, stretch, index + 1)
        let segments = facts.segments[stretch.segments].map(\.name)
        let first = segments.lastIndex { $0.index <= index + 1 } ?? segments.startIndex
        self.cursor = LogReader.cursor(facts.directory, segments: Array(segments[first...]), disk: disk)
    }

    /// The file that the entry given last stands in.
    var file: String { self.segment.map { "\(self.facts.directory)/\($0)" } ?? "" }

    /// - Throws: Also past the stretch's last entry.
    mutating func nextEntry() throws(RecoveryError) -> RaftEntry {
        do throws(WALError) {
            while let item = try self.cursor.next() {
                guard case .entry(let entry) = item.kind, entry.index == self.next,
                    entry.term == self.stretch.runs.first(where: { $0.first <= entry.index && entry.index <= $0.last })?.term
                else { continue }
                self.next += 1
                self.segment = item.segment
                return entry
            }
        } catch {
            throw RecoveryError(error)
        }
        throw RecoveryError(
            .damaged, self.facts.directory, "entry \(self.next) was there a moment ago, and is not now: is a member running?")
    }
}
