import EtcdWire
import Platform
import Testing

@testable import Store

/// One watch as its receiver sees it: what it asked for, and what it was told.
private struct Receiver {
    let request: WatchCreateRequest
    /// The first revision it is to hear of.
    let start: Int64
    var events: [WatchEvent] = []
    /// Everything up to here was told, by the last header.
    var told: Int64
    var canceledAt: Int64?
    var isPaused = false
}

/// Watches of every kind over the changes of random requests, held to etcd's promises: ordered, unique, reliable, atomic,
/// resumable, with the right previous values, filters, and end by compaction.
@Suite struct WatchModelTests {
    @Test(arguments: 0..<40, BackendKind.allCases)
    func watchesTellTheHistory(seed: UInt64, kind: BackendKind) throws {
        var operations = Operations(seed: 1000 + seed)
        var model = Model()
        var store = try Store(backend: kind.make(seed: seed), options: ModelTests.options)
        var receivers: [Int64: Receiver] = [:]
        for index in UInt64(1)...600 {
            operations.revision = model.revision
            let operation = operations.next()
            // Compactions make history end for those behind; a few are enough.
            if case .compaction = operation, operations.chance(0.5) { continue }
            if (try? store.validate(operation)) != nil { _ = try? model.apply(operation, uptime: .zero) }
            _ = store.propose(operation, index: index)
            #expect(store.revision == model.revision)
            if operations.chance(0.1) { Self.open(&store, &receivers, &operations) }
            Self.pauseAndResume(&store, &receivers, &operations)
            if operations.chance(0.3) { try store.compactionStep(limit: operations.roll(8)) }
            if operations.chance(0.4) { try Self.take(&store, &receivers, model, seed, limit: operations.roll(4)) }
            if operations.chance(0.03) { Self.checkProgress(store, receivers, model, seed) }
        }
        for (id, receiver) in receivers where receiver.isPaused && receiver.canceledAt == nil {
            store.resumeWatch(id)
            receivers[id]?.isPaused = false
        }
        while store.hasWatchResponses { try Self.take(&store, &receivers, model, seed, limit: 3) }

        var (complete, canceled) = (0, 0)
        for (id, receiver) in receivers {
            let wanted = model.events(receiver.request, from: receiver.start)
            if let compacted = receiver.canceledAt {
                canceled += 1
                #expect(receiver.told + 1 < compacted, "seed \(seed): watch \(id) was canceled without need")
                Self.compare(receiver.events, wanted.filter { $0.kv.modRevision <= receiver.told }, model, seed, id)
            } else {
                complete += 1
                Self.compare(receiver.events, wanted, model, seed, id)
                #expect(store.watchProgress(id)?.header.revision == model.revision, "seed \(seed): watch \(id)")
            }
        }
        #expect(store.watchCount == complete)
        #expect(complete >= 5, "seed \(seed): \(complete) complete, \(canceled) canceled")
    }

    private static func open(_ store: inout Store, _ receivers: inout [Int64: Receiver], _ operations: inout Operations) {
        let (key, rangeEnd) = operations.bounds()
        var request = WatchCreateRequest(key: key, rangeEnd: rangeEnd, prevKv: operations.chance(0.5))
        if operations.chance(0.5) { request.startRevision = max(0, operations.pastRevision() + Int64(operations.roll(3))) }
        if operations.chance(0.1) { request.filters.append(.noPut) }
        if operations.chance(0.1) { request.filters.append(.noDelete) }
        let response = store.createWatch(request)
        #expect(response.created && response.header.revision == store.revision)
        guard !response.canceled else {
            #expect(response.watchID == -1 && response.cancelReason == "mvcc: watcher range is empty")
            #expect(!rangeEnd.isEmpty && rangeEnd != [0] && !key.lexicographicallyPrecedes(rangeEnd))
            return
        }
        #expect(receivers[response.watchID] == nil)
        let start = request.startRevision == 0 ? store.revision + 1 : request.startRevision
        receivers[response.watchID] = Receiver(request: request, start: start, told: start - 1)
    }

    private static func pauseAndResume(
        _ store: inout Store, _ receivers: inout [Int64: Receiver], _ operations: inout Operations
    ) {
        for id in receivers.keys.sorted() where receivers[id]?.canceledAt == nil && operations.chance(0.05) {
            if receivers[id]?.isPaused == true { store.resumeWatch(id) } else { store.pauseWatch(id) }
            receivers[id]?.isPaused.toggle()
        }
    }

    private static func take(
        _ store: inout Store, _ receivers: inout [Int64: Receiver], _ model: Model, _ seed: UInt64, limit: Int
    ) throws {
        for response in try store.nextWatchResponses(limit: limit) {
            guard var receiver = receivers[response.watchID] else {
                Issue.record("seed \(seed): a response to no watch: \(response)")
                continue
            }
            #expect(receiver.canceledAt == nil && !receiver.isPaused && !response.created, "seed \(seed)")
            if response.canceled {
                #expect(response.compactRevision == model.compactRevision && response.events.isEmpty, "seed \(seed)")
                #expect(response.cancelReason.isEmpty)
                receiver.canceledAt = response.compactRevision
            } else {
                #expect(!response.events.isEmpty, "seed \(seed)")
                // Ordered, unique and atomic: each response begins after the last one's last revision.
                #expect((response.events.first?.kv.modRevision ?? 0) > receiver.told, "seed \(seed)")
                #expect((response.events.last?.kv.modRevision ?? 0) <= response.header.revision, "seed \(seed)")
                // Reliable: what the header says was told, was.
                let wanted = model.events(receiver.request, from: receiver.told + 1).filter {
                    $0.kv.modRevision <= response.header.revision
                }
                self.compare(response.events, wanted, model, seed, response.watchID)
                receiver.events += response.events
                receiver.told = response.header.revision
            }
            receivers[response.watchID] = receiver
        }
    }

    private static func checkProgress(
        _ store: borrowing Store, _ receivers: [Int64: Receiver], _ model: Model, _ seed: UInt64
    ) {
        for (id, receiver) in receivers {
            guard let progress = store.watchProgress(id) else { continue }
            #expect(!receiver.isPaused && receiver.canceledAt == nil && progress.events.isEmpty)
            let wanted = model.events(receiver.request, from: receiver.start).filter {
                $0.kv.modRevision <= progress.header.revision
            }
            let missing = receiver.events.count < wanted.filter { !model.mayBeForgotten($0) }.count
            #expect(!missing, "seed \(seed): watch \(id) was told of progress it had not made")
        }
    }

    /// Equal but for what a compaction took.
    private static func compare(
        _ events: [WatchEvent], _ wanted: [WatchEvent], _ model: Model, _ seed: UInt64, _ id: Int64
    ) {
        var rest = events[...]
        for wanted in wanted {
            var forgiven = wanted
            if wanted.kv.modRevision - 1 < model.compactRevision { forgiven.prevKv = nil }
            if rest.first == wanted || rest.first == forgiven {
                rest.removeFirst()
            } else if !model.mayBeForgotten(wanted) {
                Issue.record("seed \(seed): watch \(id) got \(rest.first.map { "\($0)" } ?? "nothing") instead of \(wanted)")
                return
            }
        }
        #expect(rest.isEmpty, "seed \(seed): watch \(id)")
    }

    /// A watch that goes on from the last revision it was told of misses nothing and is told nothing twice.
    @Test(arguments: 0..<10, BackendKind.allCases)
    func watchesResume(seed: UInt64, kind: BackendKind) throws {
        var operations = Operations(seed: 5000 + seed)
        var store = try Store(backend: kind.make(seed: seed), options: ModelTests.options)
        var model = Model()
        var events: [WatchEvent] = []
        var request = WatchCreateRequest(key: [0], rangeEnd: [0], startRevision: 2, prevKv: true)
        for index in UInt64(1)...400 {
            operations.revision = store.revision
            let operation = operations.next()
            if case .compaction = operation { continue }
            if (try? store.validate(operation)) != nil { _ = try? model.apply(operation, uptime: .zero) }
            _ = store.propose(operation, index: index)
            guard operations.chance(0.1) else { continue }
            if operations.chance(0.3) {
                store = try Store(backend: try kind.reopen(store), options: ModelTests.options)
            }
            let id = store.createWatch(request).watchID
            while store.hasWatchResponses {
                for response in try store.nextWatchResponses() {
                    events += response.events
                    request.startRevision = response.header.revision + 1
                }
            }
            #expect(store.cancelWatch(id)?.canceled == true)
            #expect(events == model.events(request, from: 2), "seed \(seed), entry \(index)")
        }
        #expect(events.count > 100)
    }
}
