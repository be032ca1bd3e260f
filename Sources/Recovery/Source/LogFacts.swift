public import EtcdWire
public import Platform
public import WriteAheadLog

/// Entries of one term that follow one another.
public struct TermRun: Sendable, Hashable {
    public var term: UInt64
    public var first: UInt64
    public var last: UInt64

    public init(term: UInt64, first: UInt64, last: UInt64) {
        (self.term, self.first, self.last) = (term, first, last)
    }
}

/// Entries that follow one another without a gap: all of a sound log, and what lies between damage and damage of another.
public struct LogStretch: Sendable, Hashable {
    /// Oldest first.
    public var runs: [TermRun] = []
    /// The first and last of the log's segments that hold them.
    public var segments: ClosedRange<Int>
    /// Committed up to here, as far as was written until then.
    public var commit: UInt64 = 0
    /// What follows the last entry and may have been acknowledged; nil where nothing does.
    public var damage: Finding?

    public var firstIndex: UInt64 { self.runs.first?.first ?? 0 }
    public var lastIndex: UInt64 { self.runs.last?.last ?? 0 }
}

/// One segment of a log.
public struct SegmentFacts: Sendable, Hashable {
    public var name: SegmentName
    public var path: String
    /// Bytes of the file, and of the records in it.
    public var fileSize: Int64
    public var usedBytes: Int64 = 0
    /// When it was last written to: no entry in it came later.
    public var modified: Timestamp
    public var entries: Int64 = 0
    /// The lowest and highest index among its entries; 0 where it has none.
    public var firstIndex: UInt64 = 0
    public var lastIndex: UInt64 = 0
}

/// What is in a log, put together as a member would on its start: what a later leader wrote replaces what stood there.
public struct LogFacts: Sendable, Hashable {
    public var directory: String
    /// Whose log it is.
    public var metadata: WALMetadata?
    public var segments: [SegmentFacts] = []
    /// The last hard state: term, vote, and commit index as far as it was written.
    public var state = HardState()
    public var snapshots: [WALSnapshot] = []
    /// The entries, oldest first. More than one where something is damaged or missing, or a leader's snapshot skipped entries.
    public var stretches: [LogStretch] = []
    /// Entries that a later leader's replaced.
    public var replaced: Int64 = 0
    public var end: LogEnd = .clean
    public var findings: [Finding] = []

    /// The entries of the last stretch.
    public var runs: [TermRun] { self.stretches.last?.runs ?? [] }
    /// Of the first and last entry; 0 where there is none.
    public var firstIndex: UInt64 { self.runs.first?.first ?? 0 }
    public var lastIndex: UInt64 { self.runs.last?.last ?? 0 }
    public var lastTerm: UInt64 { self.runs.last?.term ?? 0 }
    public var isSound: Bool { !self.findings.contains(where: \.isDamage) }

    /// Whether, where it holds the first entry, the cluster began with it. A cluster that was restored begins with a database,
    /// of which its log has a snapshot record in the first term, when there is no leader yet. An archive does not tell.
    var isFromTheStart: Bool {
        self.metadata.map { $0.nodeID != 0 } ?? false && !self.snapshots.contains { $0.index > 0 && $0.term <= 1 }
    }

    /// The term of an entry; nil where it is not in the log.
    public func term(at index: UInt64) -> UInt64? {
        self.runs.first { $0.first <= index && index <= $0.last }?.term
    }

    init(directory: String) {
        self.directory = directory
    }
}
