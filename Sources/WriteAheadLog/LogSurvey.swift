public import EtcdWire
public import Platform

/// What a log holds up to its first damage, all of it verified by the running checksum, and what is wrong with it. For logs
/// that may be damaged, or anyone's.
public struct LogSurvey: Sendable, Hashable {
    /// Whose log it is; nil where not even that can be read.
    public var metadata: WALMetadata?
    /// The last hard state.
    public var state = HardState()
    /// Every snapshot record, oldest first.
    public var snapshots: [WALSnapshot] = []
    /// All there are, those behind a gap or damage too.
    public var segments: [Segment] = []
    /// The entries that are there without a gap begin here; 0 when there are none. Where a leader had sent a snapshot that
    /// reaches beyond the log, they begin after it.
    public var firstIndex: UInt64 = 0
    public var lastIndex: UInt64 = 0
    /// The last entry's term.
    public var lastTerm: UInt64 = 0
    /// Entry records, those among them that later ones replace.
    public var entryRecords = 0
    public var end = LogEnd.clean
    /// Sequence numbers of segments that are missing between others.
    public var missing: [ClosedRange<UInt64>] = []
    /// What is wrong, each with file and offset. A torn tail is not.
    public var findings: [WALError] = []

    /// One segment of a log.
    public struct Segment: Sendable, Hashable {
        public var name: SegmentName
        /// Bytes of the file, free space included.
        public var size: Int64
        /// Bytes of it that are verified records.
        public var verified: Int64 = 0
        /// The lowest and highest index of the entries in it; nil where there are none.
        public var indexes: ClosedRange<UInt64>?
    }

    /// The snapshots that may be started from: those at or below the commit index. Newest last.
    public var validSnapshots: [WALSnapshot] {
        self.snapshots.filter { $0.index <= self.state.commit }
    }
}

extension LogReader {
    /// Looks through a log without stopping at damage: what comes before it is told, and what is wrong.
    /// - Throws: Where the disk fails, or there is no log.
    public static func survey(
        _ directory: String, disk: any Disk, configuration: WALConfiguration = .init()
    ) throws(WALError) -> LogSurvey {
        let names = try self.segments(directory, disk: disk)
        var survey = LogSurvey()
        for name in names {
            let info = try onDisk { () throws(DiskError) in try disk.stat("\(directory)/\(name)") }
            survey.segments.append(.init(name: name, size: info?.size ?? 0))
        }
        let gaps = zip(names, names.dropFirst()).filter { !$0.isFollowed(by: $1) }
        survey.missing = gaps.compactMap { name, next in
            next.sequence > name.sequence ? name.sequence + 1...next.sequence - 1 : nil
        }
        let verifiable = names.firstIndex { $0 == gaps.first?.1 } ?? names.count
        var cursor = LogCursor(Array(names[..<verifiable]), in: directory, disk: disk, configuration)
        do throws(WALError) {
            while let item = try cursor.next() { try survey.add(item, directory) }
            survey.end = cursor.end ?? .clean
            if let (name, next) = gaps.first {
                let what = "segments between \(name) and \(next) are missing"
                throw WALError(.missingSegment, "\(directory)/\(next)", at: 0, what)
            }
        } catch {
            guard error.code != .disk else { throw error }
            survey.findings.append(error)
            survey.end = .damaged(file: error.path, offset: error.offset ?? 0, what: error.message)
        }
        return survey
    }
}

extension LogSurvey {
    fileprivate mutating func add(_ item: LogItem, _ directory: String) throws(WALError) {
        switch item.kind {
        case .crc: break
        case .state(let state): self.state = state
        case .metadata(let data):
            // Every further segment's is the same, which the cursor sees to.
            guard item.segment == self.segments[0].name else { break }
            self.metadata = try? WALMetadata(decoding: data)
            if self.metadata == nil {
                self.findings.append(item.error(.corrupt, directory, "the metadata is not that of an etcd member"))
            }
        case .snapshot(let snapshot):
            self.snapshots.append(snapshot)
        case .entry(let entry):
            try self.add(entry, item, directory)
        }
        self.segments[self.place(of: item)].verified = item.end
    }

    private mutating func add(_ entry: RaftEntry, _ item: LogItem, _ directory: String) throws(WALError) {
        let follows = entry.index > 0 && (self.entryRecords == 0 || entry.index - 1 <= self.lastIndex)
        if self.entryRecords == 0 || entry.index < self.firstIndex {
            self.firstIndex = entry.index
        } else if !follows {
            // A leader's snapshot stands in for the entries it skips.
            guard self.snapshots.contains(where: { $0.index &+ 1 == entry.index }) else {
                throw item.error(
                    .gap, directory, "an entry leaves a gap behind it: \(self.lastIndex) before, \(entry.index) here")
            }
            self.firstIndex = entry.index
        }
        (self.lastIndex, self.lastTerm) = (entry.index, entry.term)
        self.entryRecords += 1
        let place = self.place(of: item)
        let known = self.segments[place].indexes ?? entry.index...entry.index
        self.segments[place].indexes = min(known.lowerBound, entry.index)...max(known.upperBound, entry.index)
    }

    /// Segments are read in order from the first, with none missing.
    private func place(of item: LogItem) -> Int {
        Int(item.segment.sequence - self.segments[0].name.sequence)
    }
}
