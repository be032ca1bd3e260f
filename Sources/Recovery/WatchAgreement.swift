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
            if let content = try? EntryContent(entry), content.mayWrite { self.entries.append(content) }
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
