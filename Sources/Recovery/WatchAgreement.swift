public import EtcdWire
public import Platform

/// Compares an archived log with the watch stream of the same cluster: two records of one history, made by different means.
///
/// Every revision that the stream tells of must be the work of one archived entry, in the same order and with the same
/// bytes. Entries that the stream does not tell of are passed over: a request may fail, or change nothing. Pure.
public struct WatchAgreement: Sendable {
    /// A revision that the archive should hold and does not.
    public struct Disagreement: Error, Sendable, Hashable, CustomStringConvertible {
        public var revision: Int64
        /// A key that the revision changed.
        public var key: [UInt8]

        public init(revision: Int64, key: [UInt8]) {
            (self.revision, self.key) = (revision, key)
        }

        public var description: String {
            "revision \(self.revision), which changed \(String(decoding: self.key, as: UTF8.self)), is not in the archived log"
        }
    }

    /// All that one revision changed.
    private struct Told: Sendable {
        var revision: Int64
        var events: [WatchEvent]
        var arrival: Timestamp
    }

    /// Entries and revisions kept at most while the other side is behind.
    private static let limit = 100_000

    /// The last revision found in both.
    public private(set) var revision: Int64 = 0
    private var entries: [EntryContent] = []
    private var told: [Told] = []

    public init() {}

    /// - Parameter events: Of one response of the stream, all events of a revision together.
    public mutating func add(_ events: [WatchEvent], at arrival: Timestamp) {
        for event in events {
            if let last = self.told.indices.last, self.told[last].revision == event.kv.modRevision {
                self.told[last].events.append(event)
            } else {
                self.told.append(Told(revision: event.kv.modRevision, events: [event], arrival: arrival))
            }
        }
        if self.told.count > Self.limit { self.told.removeFirst(self.told.count - Self.limit) }
    }

    /// - Parameters:
    ///   - entries: What the archive got since the last call.
    ///   - completeUntil: The archive is known to hold all that was committed until then.
    public mutating func add(_ entries: [RaftEntry], completeUntil: Timestamp?) throws(Disagreement) {
        for entry in entries {
            if let content = try? EntryContent(entry), content.mayChangeKeys { self.entries.append(content) }
        }
        var (place, matched) = (0, 0)
        for told in self.told {
            guard let found = self.entries[place...].firstIndex(where: { $0.couldHaveMade(told.events) }) else {
                guard let completeUntil, told.arrival < completeUntil else { break }
                self.told.removeFirst(matched + 1)
                throw Disagreement(revision: told.revision, key: told.events.first?.kv.key ?? [])
            }
            place = found + 1
            matched += 1
            self.revision = told.revision
        }
        self.told.removeFirst(matched)
        self.entries.removeFirst(place)
        if self.entries.count > Self.limit { self.entries.removeFirst(self.entries.count - Self.limit) }
    }
}

extension EntryContent {
    private var operation: InternalRaftRequest.Operation? {
        if case .request(let request) = self { request.operation } else { nil }
    }

    /// Whether the entry asks for something that a watch of all keys could tell of.
    fileprivate var mayChangeKeys: Bool {
        switch self.operation {
        case .put, .deleteRange, .txn, .leaseRevoke: true
        default: false
        }
    }

    /// Whether these events, all of one revision, are what the entry asks for.
    fileprivate func couldHaveMade(_ events: [WatchEvent]) -> Bool {
        switch self.operation {
        case .put(let request): events.count == 1 && request.couldHaveMade(events[0])
        case .deleteRange(let request): events.allSatisfy(request.couldHaveMade)
        case .txn(let request): request.couldHaveMade(events)
        case .leaseRevoke: events.allSatisfy { $0.type == .delete }
        default: false
        }
    }
}

extension PutRequest {
    fileprivate func couldHaveMade(_ event: WatchEvent) -> Bool {
        event.type == .put && event.kv.key == self.key && (self.ignoreValue || event.kv.value == self.value)
            && (self.ignoreLease || event.kv.lease == self.lease)
    }
}

extension DeleteRangeRequest {
    fileprivate func couldHaveMade(_ event: WatchEvent) -> Bool {
        guard event.type == .delete else { return false }
        if self.rangeEnd.isEmpty { return event.kv.key == self.key }
        let isBeforeEnd = self.rangeEnd == [0] || event.kv.key.lexicographicallyPrecedes(self.rangeEnd)
        return isBeforeEnd && !event.kv.key.lexicographicallyPrecedes(self.key)
    }
}

extension TxnRequest {
    /// One branch was taken, and within it one of each nested transaction's.
    fileprivate func couldHaveMade(_ events: [WatchEvent]) -> Bool {
        [self.success, self.failure].contains { branch in
            events.allSatisfy { event in branch.contains { $0.couldHaveMade(event) } }
        }
    }
}

extension RequestOp {
    fileprivate func couldHaveMade(_ event: WatchEvent) -> Bool {
        switch self {
        case .put(let request): request.couldHaveMade(event)
        case .deleteRange(let request): request.couldHaveMade(event)
        case .txn(let request): request.couldHaveMade([event])
        case .range: false
        }
    }
}
