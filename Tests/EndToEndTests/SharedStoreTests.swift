internal import ClusterAPI
internal import EtcdClient
internal import EtcdWire
internal import Synchronization
internal import TestSupport
internal import Testing

extension EndToEnd {
    @Suite("Controllers that share a store", .enabled(if: EtcdVersion.v35.isEnabled))
    struct SharedStoreTests {
        @Test("The acting one is killed mid-scale, the other finishes, and never two act", .timeLimit(.minutes(3)))
        func takeover() async throws {
            let store = try await EtcdProcess.start(try EtcdBinary.find(.v35))
            let extra = ["--store", store.clientURL]
            try await Stage.play(.etcd35, extra: extra) { stage in
                let other = try ControllerProcess("other", in: stage.path, specs: [Spec.path], extra: extra)
                do {
                    try await other.startAndWait()
                    try await Self.play(stage, other, store)
                } catch {
                    await other.stop()
                    throw TestSupportError("\(error)\nthe other controller's log ended with:\n\(other.log.suffix(4000))")
                }
                await other.stop()
            }
        }

        private static func play(_ stage: Stage, _ other: ControllerProcess, _ store: EtcdProcess) async throws {
            let bothLed = Mutex(false)
            let watch: @Sendable () async -> Void = {
                while !Task.isCancelled {
                    let leaders = await (Self.leads(stage, stage.controller), Self.leads(stage, other))
                    if leaders == (true, true) { bothLed.withLock { $0 = true } }
                    try? await Task.sleep(for: .milliseconds(50))
                }
            }
            try await whilst([watch]) {
                try stage.write(stage.spec())
                let cluster = try await stage.awaitsSettled(3)
                // The stage's own was first, and leads.
                #expect(await Self.leads(stage, stage.controller))
                #expect(await !Self.leads(stage, other))
                // Both tell the same.
                let told = await stage.get("\(Stage.clusters)/orders", from: other)
                #expect(told?.status == 200)

                try stage.write(stage.spec(replicas: 5))
                #expect(try await stage.comes(to: "AddLearner", of: .scaleUp, before: 5))
                stage.controller.kill()
                let finished = try await poll(within: .seconds(60), every: .milliseconds(100), "the other finishes") {
                    guard let answer = await stage.get("\(Stage.clusters)/orders", from: other) else {
                        return nil as EtcdCluster?
                    }
                    let cluster = try EtcdCluster(json: Array(answer.text.utf8))
                    return cluster.isSettled(5) ? cluster : nil
                }
                #expect(await Self.leads(stage, other))
                for (name, pid) in cluster.pids { #expect(finished.pids[name] == pid, "\(name) was left alone") }
                #expect(try await stage.memberList(finished.endpoints) == finished.memberNames)
                // The one that was killed comes back, and follows.
                try await stage.controller.startAndWait()
                try await stage.awaits("it tells what the other did") { $0.isSettled(5) }
                #expect(await !Self.leads(stage, stage.controller))
            }
            #expect(!bothLed.withLock { $0 })
            try await Self.expectOneAtATime(stage, store)
        }

        private static func leads(_ stage: Stage, _ controller: ControllerProcess) async -> Bool {
            let metrics = await stage.get("/metrics", from: controller)?.text ?? ""
            return metrics.split(separator: "\n").contains { $0.hasPrefix("quorate_leader") && $0.hasSuffix(" 1") }
        }

        /// The store's whole history: two terms, one after the other, and nothing written outside of a term.
        private static func expectOneAtATime(_ stage: Stage, _ store: EtcdProcess) async throws {
            let connection = stage.connector.connect(to: [store.clientURL], timeout: .seconds(5))
            let head = try await connection.range(RangeRequest(key: Array(ObjectKey.election.utf8))).header.revision
            let history = History()
            try await whilst([{ await history.read(connection, upTo: head) }]) {
                try await poll(within: .seconds(10), "the history is read") { history.isComplete ? () : nil }
            }
            var holder: [UInt8]?
            var holders: [[UInt8]] = []
            for event in history.events {
                let row = event.kv
                if row.key == Array(ObjectKey.election.utf8) {
                    holder = event.type == .delete ? nil : row.value
                    if let holder, holders.last != holder { holders.append(holder) }
                } else {
                    #expect(holder != nil, "\(String(decoding: row.key, as: UTF8.self)) was written while nobody led")
                }
            }
            #expect(Set(holders).count == holders.count && holders.count == 2, "the election's holders: \(holders.count)")
        }
    }
}

/// All changes that a store ever saw of the controllers' keys.
private final class History: Sendable {
    private let state = Mutex<(events: [WatchEvent], isComplete: Bool)>(([], false))

    var events: [WatchEvent] { self.state.withLock { $0.events } }
    var isComplete: Bool { self.state.withLock { $0.isComplete } }

    /// Reads from the first revision on, until the task is cancelled.
    func read(_ connection: any EtcdConnection, upTo head: Int64) async {
        let start = Array(ObjectKey.root.utf8)
        let end = Array(start.dropLast()) + [UInt8(ascii: "/") + 1]
        try? await connection.watch(WatchCreateRequest(key: start, rangeEnd: end, startRevision: 1)) { response in
            self.state.withLock { state in
                state.events += response.events
                if let last = state.events.last, last.kv.modRevision >= head { state.isComplete = true }
            }
        }
    }
}
