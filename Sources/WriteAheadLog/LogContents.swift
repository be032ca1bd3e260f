public import EtcdWire

/// What a log says, from a snapshot on.
public struct LogContents: Sendable {
    /// The first record of every segment: whose log it is.
    public var metadata: [UInt8] = []
    /// The last hard state.
    public var state = HardState()
    /// The entries after the snapshot the log was read from, with no gap; none when it was not read from one.
    public var entries: [RaftEntry] = []
    /// Every snapshot record, oldest first.
    public var snapshots: [WALSnapshot] = []
    /// The index of the last entry, wherever it stands.
    public var lastIndex: UInt64 = 0

    /// The snapshots that may be started from: those at or below the commit index. Newest last.
    public var validSnapshots: [WALSnapshot] {
        self.snapshots.filter { $0.index <= self.state.commit }
    }
}

/// Puts a log's records together, segment by segment.
struct LogBuilder {
    var contents = LogContents()
    private let start: WALSnapshot?
    private var hasMetadata = false
    private var hasStart = false

    /// - Parameter start: Collect the entries after this snapshot; nil: none.
    init(after start: WALSnapshot?) {
        self.start = start
    }

    mutating func add(_ segment: Segment) throws(WALError) {
        for record in segment.records {
            do throws(WireError) {
                try self.add(record, segment)
            } catch {
                throw WALError(
                    .corrupt, segment.path, at: Int64(record.offset), "the \(record.kind) record's data is malformed")
            }
        }
    }

    /// Throws a wire error for malformed data. A log's own problem is kept in `problem`, for one function throws one type.
    private mutating func add(_ record: Segment.Record, _ segment: Segment) throws(WireError) {
        switch record.kind {
        case .metadata:
            if self.hasMetadata && self.contents.metadata != record.data { self.note(.conflictingMetadata, record, segment) }
            self.contents.metadata = record.data
            self.hasMetadata = true
        case .entry:
            let entry = try RaftEntry(decoding: record.data)
            guard entry.kind == .normal || !entry.data.isEmpty else { throw WireError(.truncated, offset: record.data.count) }
            self.add(entry, record, segment)
        case .state:
            let state = try HardState(decoding: record.data)
            guard state.encoded() == record.data else { throw WireError(.invalidTag, offset: 0) }
            self.contents.state = state
        case .snapshot:
            let snapshot = try WALSnapshot(decoding: record.data)
            guard snapshot.encoded() == record.data else { throw WireError(.invalidTag, offset: 0) }
            self.contents.snapshots.append(snapshot)
            guard let start, snapshot.index == start.index else { return }
            if snapshot.term != start.term { self.note(.snapshotNotFound, record, segment) }
            self.hasStart = true
        case .crc:
            break
        }
    }

    private mutating func add(_ entry: RaftEntry, _ record: Segment.Record, _ segment: Segment) {
        self.contents.lastIndex = entry.index
        guard let start, entry.index > start.index else { return }
        let place = entry.index - start.index - 1
        guard place <= UInt64(self.contents.entries.count) else { return self.note(.gap, record, segment) }
        // What a later leader wrote replaces what an earlier one had put at the same index.
        self.contents.entries.removeLast(self.contents.entries.count - Int(place))
        self.contents.entries.append(entry)
    }

    private var problem: WALError?

    private mutating func note(_ code: WALError.Code, _ record: Segment.Record, _ segment: Segment) {
        let message =
            switch code {
            case .conflictingMetadata: "conflicting metadata: a segment of another member or cluster"
            case .snapshotNotFound: "the log's snapshot at index \(self.start?.index ?? 0) is of another term"
            default: "an entry leaves a gap behind it"
            }
        self.problem = self.problem ?? WALError(code, segment.path, at: Int64(record.offset), message)
    }

    /// - Parameter directory: Named where the log as a whole is at fault.
    func finish(_ directory: String) throws(WALError) -> LogContents {
        if let problem { throw problem }
        if let start, !self.hasStart {
            throw WALError(.snapshotNotFound, directory, "the log has no record of the snapshot at index \(start.index)")
        }
        return self.contents
    }
}
