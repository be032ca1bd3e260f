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

/// Puts a log's records together.
struct LogBuilder {
    private var contents = LogContents()
    private let start: WALSnapshot?
    private var hasStart = false

    /// - Parameter start: Collect the entries after this snapshot; nil: none.
    init(after start: WALSnapshot?) {
        self.start = start
    }

    mutating func add(_ item: LogItem, _ directory: String) throws(WALError) {
        switch item.kind {
        case .metadata(let metadata): self.contents.metadata = metadata
        case .state(let state): self.contents.state = state
        case .crc: break
        case .entry(let entry):
            self.contents.lastIndex = entry.index
            guard let start, entry.index > start.index else { return }
            let place = entry.index - start.index - 1
            guard place <= UInt64(self.contents.entries.count) else {
                throw item.error(.gap, directory, "an entry leaves a gap behind it")
            }
            // What a later leader wrote replaces what an earlier one had put at the same index.
            self.contents.entries.removeLast(self.contents.entries.count - Int(place))
            self.contents.entries.append(entry)
        case .snapshot(let snapshot):
            self.contents.snapshots.append(snapshot)
            guard let start, snapshot.index == start.index else { return }
            guard snapshot.term == start.term else {
                throw item.error(
                    .snapshotNotFound, directory, "the log's snapshot at index \(start.index) is of another term")
            }
            self.hasStart = true
        }
    }

    /// - Parameters:
    ///   - file: The last segment.
    ///   - offset: Where its last record ends.
    func finish(_ file: String, at offset: Int64) throws(WALError) -> LogContents {
        if let start, !self.hasStart {
            throw WALError(
                .snapshotNotFound, file, at: offset,
                "the log ends here, and has no record of the snapshot at index \(start.index)")
        }
        return self.contents
    }
}

extension LogItem {
    func error(_ code: WALError.Code, _ directory: String, _ message: String) -> WALError {
        WALError(code, "\(directory)/\(self.segment)", at: self.offset, message)
    }
}
