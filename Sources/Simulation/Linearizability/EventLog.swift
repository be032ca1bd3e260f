public import EtcdWire

/// What a store has written: the events of every revision, as one watch of all keys from the beginning shows them, or as
/// the log on disk does.
public struct EventLog: Sendable {
    /// In the order of revisions; no revision between the first and the last is missing.
    public private(set) var revisions: [Revision] = []
    /// What each key was after each change of it, in the order of revisions; nil where it was deleted.
    private var versions: [[UInt8]: [(revision: Int64, row: KeyValue?)]] = [:]

    /// One revision, and the changes that it consists of in their order. They have no `prevKv`.
    public struct Revision: Sendable, Hashable {
        public var number: Int64
        public var events: [WatchEvent]
    }

    /// - Parameter events: In the order in which they were written.
    /// - Throws: When revisions are missing or go back.
    public init(_ events: some Sequence<WatchEvent>) throws(EventLogError) {
        for event in events { try self.append(event) }
    }

    public var first: Int64 { self.revisions.first?.number ?? 0 }
    public var last: Int64 { self.revisions.last?.number ?? 0 }

    public func events(at revision: Int64) -> [WatchEvent]? {
        guard revision >= self.first, revision <= self.last, self.last > 0 else { return nil }
        return self.revisions[Int(revision - self.first)].events
    }

    /// The key as it was before a revision; nil when it was not there.
    public func row(of key: [UInt8], before revision: Int64) -> KeyValue? {
        let versions = self.versions[key] ?? []
        var (low, high) = (0, versions.count)
        while low < high {
            let middle = (low + high) / 2
            if versions[middle].revision < revision { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : versions[low - 1].row
    }

    /// Whether a revision consists of these events, as far as the log tells.
    func mayHold(_ events: [WatchEvent], at revision: Int64) -> Bool {
        guard let held = self.events(at: revision) else { return revision > self.last }
        return held.elementsEqual(events) { $0.type == $1.type && $0.kv == $1.kv }
    }

    private mutating func append(_ event: WatchEvent) throws(EventLogError) {
        let revision = event.kv.modRevision
        let event = WatchEvent(type: event.type, kv: event.kv)
        if revision == self.last, !self.revisions.isEmpty {
            self.revisions[self.revisions.count - 1].events.append(event)
        } else {
            guard self.revisions.isEmpty || revision == self.last + 1 else {
                throw EventLogError(expected: self.last + 1, found: revision)
            }
            self.revisions.append(Revision(number: revision, events: [event]))
        }
        self.versions[event.kv.key, default: []].append((revision, event.type == .put ? event.kv : nil))
    }
}

/// A log of events has a gap, or goes back.
public struct EventLogError: Error, Hashable, CustomStringConvertible {
    public var expected: Int64
    public var found: Int64

    public init(expected: Int64, found: Int64) {
        self.expected = expected
        self.found = found
    }

    public var description: String { "a log of events has revision \(self.found) where \(self.expected) comes next" }
}
