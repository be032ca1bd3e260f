import EtcdWire
import Platform
import Simulation
import Testing

@Suite("Watches")
struct WatchCheckerTests {
    static let count = environmentNumber("QUORATE_HISTORIES", default: 1000) / 2

    @Test("What keeps every promise is accepted")
    func right() throws {
        for seed in 0..<UInt64(Self.count) {
            let run = try WatchRun(seed: seed)
            let violations = WatchChecker(run.log).violations(in: run.history)
            #expect(violations.isEmpty, "seed \(seed): \(violations)")
        }
    }

    @Test("A promise broken is found, and named", arguments: WatchGuarantee.allCases)
    func broken(guarantee: WatchGuarantee) throws {
        var planted = 0
        for seed in 0..<UInt64(Self.count) where planted < Self.count / 5 {
            var run = try WatchRun(seed: seed)
            guard run.plant(guarantee) else { continue }
            planted += 1
            let violations = WatchChecker(run.log).violations(in: run.history)
            #expect(violations.contains { $0.guarantee == guarantee }, "seed \(seed): \(violations)")
        }
        #expect(planted > Self.count / 50, "the seeds gave too few to break")
    }

    @Test("A log of events has no gaps")
    func gaps() throws {
        func event(_ revision: Int64) -> WatchEvent { WatchEvent(kv: KeyValue(key: [1], modRevision: revision)) }
        #expect(try EventLog([event(4), event(4), event(5)]).last == 5)
        #expect(throws: EventLogError(expected: 6, found: 7)) { try EventLog([event(5), event(7)]) }
        #expect(throws: EventLogError(expected: 6, found: 4)) { try EventLog([event(5), event(4)]) }
    }
}

/// A watch of a store, whole or with one promise broken.
struct WatchRun {
    var history: WatchHistory
    let log: EventLog
    private var random: SeededRandom

    init(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var store = PlainEtcd()
        var requests = EtcdRequests()
        for _ in 0..<60 { _ = store.apply(requests.next(&random, revision: store.revision)) }
        self.log = try EventLog(store.events)
        var request = WatchCreateRequest(key: [UInt8(ascii: "a")], rangeEnd: [0], prevKv: random.chance(0.6))
        if random.chance(0.3) { request.rangeEnd = [UInt8(ascii: "d")] }
        if random.chance(0.2) { request.rangeEnd = [] }
        if random.chance(0.2) { request.filters = [random.chance(0.5) ? .noPut : .noDelete] }
        request.startRevision = Int64.random(in: 0...store.revision, using: &random)
        let created = request.startRevision > 0 ? store.revision : Int64.random(in: 1...store.revision, using: &random)
        self.history = WatchHistory(
            request, responses: [WatchResponse(header: ResponseHeader(revision: created), created: true)])
        let start = request.startRevision > 0 ? request.startRevision : created + 1
        self.history.responses += Self.responses(request, from: start, store, &random)
        self.random = random
    }

    /// Batches of whole revisions, or of parts that say so, and word of progress between them.
    private static func responses(
        _ request: WatchCreateRequest, from start: Int64, _ store: PlainEtcd, _ random: inout SeededRandom
    ) -> [WatchResponse] {
        var responses: [WatchResponse] = []
        var batch: [WatchEvent] = []
        for revision in start..<(max(start, store.revision) + 1) {
            let events = store.events.filter { $0.kv.modRevision == revision && request.selects($0) }
            batch += events.map { WatchEvent(type: $0.type, kv: $0.kv, prevKv: request.prevKv ? $0.prevKv : nil) }
            guard random.chance(0.4) else { continue }
            if batch.count > 1 && random.chance(0.3) {
                let part = batch.count / 2
                responses.append(Self.response(Array(batch[..<part]), store.revision, fragment: true))
                batch.removeFirst(part)
            }
            if !batch.isEmpty { responses.append(Self.response(batch, store.revision)) }
            batch = []
            if random.chance(0.3) && revision <= store.revision { responses.append(Self.response([], revision)) }
        }
        return responses
    }

    private static func response(_ events: [WatchEvent], _ revision: Int64, fragment: Bool = false) -> WatchResponse {
        WatchResponse(header: ResponseHeader(revision: revision), fragment: fragment, events: events)
    }

    /// Breaks a promise; false when there is nothing to break it by.
    mutating func plant(_ guarantee: WatchGuarantee) -> Bool {
        let full = self.history.responses.indices.filter { !self.history.responses[$0].events.isEmpty }
        let revisions = full.flatMap { self.history.responses[$0].events.map(\.kv.modRevision) }
        guard let first = revisions.first, let last = revisions.last, first != last,
            let some = full.randomElement(using: &self.random)
        else { return false }
        switch guarantee {
        case .ordered:
            // The last of all comes first; nothing but the order is wrong.
            let event = self.history.responses[full[full.count - 1]].events.removeLast()
            self.history.responses[full[0]].events.insert(event, at: 0)
        case .unique:
            guard let event = self.history.responses[some].events.randomElement(using: &self.random) else { return false }
            self.history.responses[some].events.append(event)
        case .atomic:
            return self.splitRevision()
        case .reliable:
            let between = revisions.filter { $0 > first && $0 < last }
            guard let revision = between.randomElement(using: &self.random) else { return false }
            self.remove { $0.kv.modRevision == revision }
        case .resumable:
            self.remove { $0.kv.modRevision == first }
        case .bookmarkable:
            self.remove { $0.kv.modRevision == last }
            self.history.responses.append(Self.response([], last))
        case .filtered:
            self.history.request.filters = WatchCreateRequest.FilterType.allCases
        case .previous:
            guard let index = self.history.responses[some].events.indices.randomElement(using: &self.random) else {
                return false
            }
            let event = self.history.responses[some].events[index]
            self.history.responses[some].events[index].prevKv = event.prevKv == nil ? event.kv : nil
            return self.history.request.prevKv || event.prevKv == nil
        case .faithful:
            guard let index = self.history.responses[some].events.indices.randomElement(using: &self.random) else {
                return false
            }
            self.history.responses[some].events[index].kv.value = Array("never".utf8)
        }
        return true
    }

    private mutating func remove(_ isGone: (WatchEvent) -> Bool) {
        for index in self.history.responses.indices { self.history.responses[index].events.removeAll(where: isGone) }
        self.history.responses.removeAll { $0.events.isEmpty && !$0.created }
    }

    /// Sends a revision of several events in two responses that do not say that they belong together.
    private mutating func splitRevision() -> Bool {
        for index in self.history.responses.indices {
            let response = self.history.responses[index]
            for cut in response.events.indices.dropFirst()
            where response.events[cut - 1].kv.modRevision == response.events[cut].kv.modRevision {
                var (head, tail) = (response, response)
                head.events.removeSubrange(cut...)
                tail.events.removeSubrange(..<cut)
                head.fragment = false
                self.history.responses.replaceSubrange(index...index, with: [head, tail])
                return true
            }
        }
        return false
    }
}
