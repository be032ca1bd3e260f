public import EtcdWire

/// Checks what a watch delivered against all that was written.
public struct WatchChecker: Sendable {
    private let log: EventLog

    /// - Parameter log: Complete from the first revision that a watch may deliver on; from revision 2 if previous values are
    ///   to be checked.
    public init(_ log: EventLog) {
        self.log = log
    }

    /// Everything that the watch broke, in the order in which it showed.
    public func violations(in history: WatchHistory) -> [WatchViolation] {
        var sweep = Sweep(history.request, self.log)
        for response in history.responses { sweep.take(response) }
        sweep.complete()
        return sweep.found
    }

    /// One pass over the responses.
    private struct Sweep {
        private(set) var found: [WatchViolation] = []
        private let request: WatchCreateRequest
        private let log: EventLog
        /// The first revision that is to be delivered; nil as long as the watch was not created.
        private var start: Int64?
        private var latest: Int64 = 0
        private var bookmark: Int64 = 0
        /// Whether the latest revision may go on: its response was one part of several.
        private var isOpen = false
        private var delivered: Set<EventName> = []
        private var deliveredRevisions: Set<Int64> = []

        private struct EventName: Hashable {
            var key: [UInt8]
            var revision: Int64
        }

        init(_ request: WatchCreateRequest, _ log: EventLog) {
            self.request = request
            self.log = log
            self.start = request.startRevision > 0 ? request.startRevision : nil
        }

        mutating func take(_ response: WatchResponse) {
            let revision = response.header.revision
            if response.created {
                if self.start == nil { self.start = revision + 1 }
            }
            guard !response.events.isEmpty else {
                if !response.created && !response.canceled { self.takeBookmark(revision) }
                return
            }
            let before = self.latest
            for event in response.events { self.take(event, after: before) }
            if revision < self.latest { self.add(.faithful, self.latest, "the header says \(revision)") }
            self.isOpen = response.fragment
        }

        private mutating func takeBookmark(_ revision: Int64) {
            if revision < self.bookmark { self.add(.bookmarkable, revision, "was told \(self.bookmark) before") }
            if revision < self.latest { self.add(.bookmarkable, revision, "an event of \(self.latest) came before") }
            self.bookmark = max(self.bookmark, revision)
            self.isOpen = false
        }

        private mutating func take(_ event: WatchEvent, after before: Int64) {
            let revision = event.kv.modRevision
            let name = String(decoding: event.kv.key, as: UTF8.self)
            if !self.delivered.insert(EventName(key: event.kv.key, revision: revision)).inserted {
                self.add(.unique, revision, "\(name) came again")
            } else if revision < self.latest {
                self.add(.ordered, revision, "\(name) came after an event of \(self.latest)")
            } else if revision == before && !self.isOpen {
                self.add(.atomic, revision, "\(name) came by itself")
            }
            if revision <= self.bookmark {
                self.add(.bookmarkable, revision, "\(name) came after progress to \(self.bookmark)")
            }
            if let start = self.start, revision < start { self.add(.resumable, revision, "the watch begins at \(start)") }
            if !self.request.selects(event) { self.add(.filtered, revision, "\(name) was not asked for") }
            self.compare(event, name)
            self.latest = max(self.latest, revision)
            self.deliveredRevisions.insert(revision)
        }

        private mutating func compare(_ event: WatchEvent, _ name: String) {
            let revision = event.kv.modRevision
            let isWritten = self.log.events(at: revision)?.contains { $0.type == event.type && $0.kv == event.kv } ?? false
            if !isWritten { self.add(.faithful, revision, "\(event.type) \(name) was never written so") }
            let expected = self.request.prevKv ? self.log.row(of: event.kv.key, before: revision) : nil
            if event.prevKv != expected {
                let previous = event.prevKv.map { "revision \($0.modRevision)" } ?? "nothing"
                let wanted = expected.map { "revision \($0.modRevision)" } ?? "nothing"
                self.add(.previous, revision, "before \(name) came \(previous), was \(wanted)")
            }
        }

        /// Looks for what should have come and did not.
        mutating func complete() {
            guard let start = self.start else { return }
            let first = self.deliveredRevisions.filter { $0 >= start }.min() ?? .max
            let upTo = max(self.latest, self.bookmark)
            for revision in self.log.revisions where revision.number >= start && revision.number <= upTo {
                if revision.number == self.latest && self.isOpen { continue }
                let missing = revision.events.first { event in
                    let name = EventName(key: event.kv.key, revision: revision.number)
                    return self.request.selects(event) && !self.delivered.contains(name)
                }
                guard let missing else { continue }
                let name = String(decoding: missing.kv.key, as: UTF8.self)
                let guarantee: WatchGuarantee =
                    if self.deliveredRevisions.contains(revision.number) {
                        .atomic
                    } else if revision.number > self.latest {
                        .bookmarkable
                    } else if revision.number < first {
                        .resumable
                    } else {
                        .reliable
                    }
                self.add(guarantee, revision.number, "\(name) did not come")
            }
        }

        private mutating func add(_ guarantee: WatchGuarantee, _ revision: Int64, _ what: String) {
            self.found.append(WatchViolation(guarantee: guarantee, revision: revision, what: what))
        }
    }
}

extension WatchCreateRequest {
    /// Whether the watch is to deliver an event.
    public func selects(_ event: WatchEvent) -> Bool {
        let key = event.kv.key
        let isWithin =
            switch self.rangeEnd {
            case []: key == self.key
            case [0]: !key.lexicographicallyPrecedes(self.key)
            default: !key.lexicographicallyPrecedes(self.key) && key.lexicographicallyPrecedes(self.rangeEnd)
            }
        return isWithin && !self.filters.contains(event.type == .put ? .noPut : .noDelete)
    }
}
