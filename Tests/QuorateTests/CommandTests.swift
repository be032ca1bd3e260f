internal import ClusterAPI

internal import NIOHTTP1
internal import Platform
internal import Synchronization
internal import Testing
internal import YAML

@testable internal import quorate

@Suite("Commands against a controller")
struct CommandTests {
    private static let clusters = "/apis/quorate.dev/v1alpha1/namespaces/default/etcdclusters"
    private static let snapshots = "/apis/quorate.dev/v1alpha1/namespaces/default/etcdsnapshots"
    private static let restores = "/apis/quorate.dev/v1alpha1/namespaces/default/etcdrestores"

    private static func list(_ items: [[UInt8]]) -> FakeAnswer {
        let items = items.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ",")
        return .ok(#"{"kind":"List","metadata":{"resourceVersion":"7"},"items":[\#(items)]}"#)
    }

    @Test("get: a table, an object, a list, none")
    func get() async throws {
        let cluster = Samples.cluster()
        try await FakeController.run { request in
            switch request.path {
            case Self.clusters: Self.list([cluster.json()])
            case "\(Self.clusters)/orders": .ok(cluster.json())
            case Self.snapshots: Self.list([])
            default: .status(404, "NotFound", "etcdclusters \\\"gone\\\" not found")
            }
        } _: { _, address in
            let table = Recorder()
            #expect(await table.run(["get", "ec"], at: address) == .done)
            #expect(table.out.split(separator: "\n").count == 2)
            #expect(table.out.contains("orders   3/3     True"))
            let json = Recorder()
            #expect(await json.run(["get", "ec", "orders", "-o", "json"], at: address) == .done)
            let read = try EtcdCluster(json: Array(json.out.utf8))
            #expect(read == cluster)
            let yaml = Recorder()
            #expect(await yaml.run(["get", "ec", "-o", "yaml"], at: address) == .done)
            #expect(yaml.out == cluster.yaml())
            let list = Recorder()
            #expect(await list.run(["get", "ec", "-o", "json"], at: address) == .done)
            let items = try Node.read(json: Array(list.out.utf8))["items"]
            #expect(items?.sequence?.count == 1)
            let none = Recorder()
            #expect(await none.run(["get", "es"], at: address) == .done)
            #expect(none.out.isEmpty && none.notes == "No etcdsnapshots found.\n")
            let gone = Recorder()
            #expect(await gone.run(["get", "ec", "gone"], at: address) == .failed)
            #expect(gone.notes == "error: etcdclusters \"gone\" not found\n")
        }
    }

    @Test("get --watch: a line for each change, and again when the stream ends")
    func watch() async throws {
        var changed = Samples.cluster()
        changed.status.phase = .degraded
        let (before, after) = (Samples.cluster(), changed)
        try await FakeController.run { request in
            guard request.path.contains("watch=true") else { return Self.list([before.json()]) }
            let object = String(decoding: after.json(), as: UTF8.self)
            return .ok(#"{"type":"BOOKMARK","object":{}}"# + "\n" + #"{"type":"MODIFIED","object":\#(object)}"# + "\n")
        } _: { controller, address in
            let recorder = Recorder(waits: 1)
            #expect(await recorder.run(["get", "ec", "--watch"], at: address) == .failed)
            let lines = recorder.out.split(separator: "\n").map { $0.split(separator: " ").suffix(2).first.map(String.init) }
            #expect(lines == ["PHASE", "Running", "Degraded", "Running", "Degraded"])
            #expect(controller.requests.map(\.path)[1] == "\(Self.clusters)?watch=true&resourceVersion=7")
        }
    }

    @Test("A controller that is not there: where it was looked for, and how to start one")
    func unreachable() async throws {
        let address = try ServerAddress("http+unix:///nowhere/quorate.sock")
        let recorder = Recorder()
        #expect(await recorder.run(["get", "ec"], at: address) == .failed)
        for word in ["http+unix:///nowhere/quorate.sock", "No such file", "quorate run", "QUORATE_SERVER"] {
            #expect(recorder.notes.contains(word), "\(recorder.notes)")
        }
    }

    @Test("delete: asks first, and refuses where there is nobody to ask")
    func delete() async throws {
        try await FakeController.run { _ in
            .ok(Samples.cluster().json())
        } _: { controller, address in
            let refused = Recorder()
            #expect(await refused.run(["delete", "ec", "orders"], at: address) == .unsafe)
            #expect(refused.notes.contains("--yes"))
            #expect(await Recorder().run(["delete", "ec", "orders"], at: address, answer: "order") == .unsafe)
            #expect(controller.requests.allSatisfy { $0.method == .GET })
            #expect(await Recorder().run(["delete", "ec", "orders"], at: address, answer: "orders") == .done)
            #expect(await Recorder().run(["delete", "ec", "orders", "--yes"], at: address) == .done)
            #expect(controller.requests.count { $0.method == .DELETE && $0.path == "\(Self.clusters)/orders" } == 2)
        }
    }

    @Test("pause and resume change one field")
    func pause() async throws {
        try await FakeController.run { _ in
            .ok(Samples.cluster().json())
        } _: { controller, address in
            #expect(await Recorder().run(["pause", "orders"], at: address) == .done)
            #expect(await Recorder().run(["resume", "orders"], at: address) == .done)
            #expect(controller.requests.map(\.method) == [.PATCH, .PATCH])
            #expect(controller.requests.map(\.text) == [#"{"spec":{"paused":true}}"#, #"{"spec":{"paused":false}}"#])
        }
    }

    @Test("snapshot --wait: each phase, then what it holds; a failure is one", arguments: [SnapshotPhase.succeeded, .failed])
    func snapshot(end: SnapshotPhase) async throws {
        let asked = Mutex(0)
        try await FakeController.run { request in
            if request.path.hasPrefix(Self.clusters) { return .ok(Samples.cluster().json()) }
            if request.method == .POST { return .ok(request.body) }
            let name = request.path.split(separator: "/").last.map(String.init) ?? ""
            var snapshot = EtcdSnapshot(metadata: ObjectMeta(name: name), spec: EtcdSnapshotSpec(clusterRef: "orders"))
            let count = asked.withLock { count in
                count += 1
                return count
            }
            snapshot.status.phase = count < 2 ? .pending : count < 4 ? .inProgress : end
            if count >= 4 { snapshot.status.message = end == .failed ? "the disk is full" : "" }
            if count >= 4, end == .succeeded { snapshot.status.artifact = Samples.artifact() }
            return .ok(snapshot.json())
        } _: { controller, address in
            let recorder = Recorder()
            let status = await recorder.run(["snapshot", "orders", "--wait"], at: address)
            #expect(status == (end == .succeeded ? .done : .failed))
            #expect(controller.requests[1].path == Self.snapshots)
            let made = try EtcdSnapshot(json: controller.requests[1].body)
            #expect(made.spec.clusterRef == "orders")
            #expect(recorder.notes.contains("Pending") && recorder.notes.split(separator: "InProgress").count == 2)
            if end == .succeeded {
                for word in ["41900", "20 KiB (20512 bytes)", "abab", "file:///"] { #expect(recorder.out.contains(word)) }
            } else {
                #expect(recorder.notes.contains("the disk is full"))
            }
        }
    }

    @Test("restore: shows and refuses, then approves what waits")
    func restore() async throws {
        let stored = Mutex<EtcdRestore?>(nil)
        try await FakeController.run { request in
            if request.path.hasPrefix(Self.clusters) { return .ok(Samples.cluster().json()) }
            return stored.withLock { stored in
                switch request.method {
                case .POST: stored = try? EtcdRestore(json: request.body)
                case .PATCH: stored?.spec.approved = true
                case .GET where request.path == Self.restores: return Self.list(stored.map { [$0.json()] } ?? [])
                default: break
                }
                guard let restore = stored else { return .status(404, "NotFound", "no such restore") }
                defer {
                    stored?.status = Samples.restore().status
                    stored?.status.phase = restore.spec.approved ? .succeeded : .awaitingApproval
                }
                return .ok(restore.json())
            }
        } _: { controller, address in
            let shown = Recorder()
            #expect(await shown.run(["restore", "orders"], at: address) == .unsafe)
            #expect(shown.out.contains("41901 to 42000"))
            #expect(shown.notes.hasSuffix("error: nothing was done. --approve carries it out.\n"))
            let done = Recorder()
            #expect(await done.run(["restore", "orders", "--approve"], at: address) == .done)
            #expect(done.out.contains("Moved aside"))
            #expect(controller.requests.count { $0.method == .POST } == 1)
            #expect(controller.requests.filter { $0.method == .PATCH }.map(\.text) == [#"{"spec":{"approved":true}}"#])
        }
    }

    @Test("apply: creates, changes, leaves alone, and tries again when another was faster")
    func apply() async throws {
        let file = try TemporaryFile(Samples.manifest)
        defer { file.remove() }
        let stored = Mutex<(cluster: EtcdCluster?, version: Int, losses: Int)>((nil, 6, 1))
        try await FakeController.run { request in
            stored.withLock { stored in
                guard request.method != .GET else {
                    return stored.cluster.map { .ok($0.json()) } ?? .status(404, "NotFound", "not found")
                }
                guard let sent = try? EtcdCluster(json: request.body) else { return .status(400, "BadRequest", "no cluster") }
                if request.method == .PUT, stored.losses > 0 {
                    stored.losses -= 1
                    return .status(409, "Conflict", "it was changed meanwhile")
                }
                if stored.cluster?.spec != sent.spec { stored.version += 1 }
                stored.cluster = sent
                stored.cluster?.metadata.resourceVersion = "\(stored.version)"
                return .ok(stored.cluster?.json() ?? [])
            }
        } _: { controller, address in
            for outcome in ["created", "unchanged", "configured"] {
                if outcome == "configured" { stored.withLock { $0.cluster?.spec.replicas = 5 } }
                let recorder = Recorder()
                #expect(await recorder.run(["apply", "-f", file.path], at: address) == .done)
                #expect(recorder.out == "etcdcluster/orders \(outcome)\n")
            }
            #expect(controller.requests.map(\.method) == [.GET, .POST, .GET, .PUT, .GET, .PUT, .GET, .PUT])
        }
    }

    @Test("apply: of a file with an error nothing, of the others all; every error with its place")
    func applyBroken() async throws {
        let good = try TemporaryFile(Samples.manifest)
        let bad = try TemporaryFile(Samples.manifest + "  pused: true\n  replicass: 2\n")
        defer {
            good.remove()
            bad.remove()
        }
        try await FakeController.run { request in
            request.method == .GET ? .status(404, "NotFound", "not found") : .ok(request.body)
        } _: { controller, address in
            let recorder = Recorder()
            #expect(await recorder.run(["apply", "-f", bad.path, "-f", good.path], at: address) == .usage)
            #expect(recorder.out == "etcdcluster/orders created\n")
            #expect(recorder.notes.contains("\(bad.path):7:3: spec.pused"), "\(recorder.notes)")
            #expect(recorder.notes.contains("\(bad.path):8:3: spec.replicass"))
            #expect(controller.requests.count { $0.method == .POST } == 1)
        }
    }

    @Test("apply: what the controller refuses is told, with its code")
    func applyRefused() async throws {
        let file = try TemporaryFile(Samples.manifest)
        defer { file.remove() }
        try await FakeController.run { request in
            request.method == .GET ? .status(404, "NotFound", "-") : .status(422, "Invalid", "spec.engine: cannot change")
        } _: { _, address in
            let recorder = Recorder()
            #expect(await recorder.run(["apply", "-f", file.path], at: address) == .usage)
            #expect(recorder.notes == "error: etcdcluster/orders: spec.engine: cannot change\n")
        }
    }

    @Test("describe asks for events and snapshots too")
    func describe() async throws {
        let event = Event(
            regarding: "EtcdCluster/orders", type: .normal, reason: "MemberAdded", message: "orders-3", time: Samples.now)
        try await FakeController.run { request in
            switch request.path {
            case "\(Self.clusters)/orders": .ok(Samples.cluster().json())
            case "/api/v1/namespaces/default/events?regarding=EtcdCluster%2Forders": Self.list([event.json()])
            default: Self.list([])
            }
        } _: { controller, address in
            let recorder = Recorder()
            #expect(await recorder.run(["describe", "ec", "orders"], at: address) == .done)
            #expect(recorder.out.contains("MemberAdded"))
            #expect(controller.requests.map(\.path).contains(Self.snapshots))
        }
    }

    @Test("plan")
    func plan() async throws {
        let plan = Plan(steps: [], blocked: [], summary: "Nothing to do.")
        try await FakeController.run { _ in
            .ok(plan.json())
        } _: { controller, address in
            let recorder = Recorder()
            #expect(await recorder.run(["plan", "orders"], at: address) == .done)
            #expect(recorder.out == "orders: Nothing to do.\n")
            #expect(controller.requests.map(\.path) == ["\(Self.clusters)/orders/plan"])
        }
    }

    @Test(
        "Answers that no controller gives end the command, never trap it",
        arguments: [
            "", "null", "[]", "<html>", #"{"kind":"EtcdCluster"}"#, #"{"items":5}"#, #"{"items":[{}]}"#, "\u{0}",
        ])
    func strange(answer: String) async throws {
        try await FakeController.run { _ in
            .ok(answer)
        } _: { _, address in
            for arguments in [
                ["get", "ec", "orders"], ["plan", "orders"], ["describe", "ec", "orders"], ["pause", "orders"],
            ] {
                let recorder = Recorder()
                #expect(await recorder.run(arguments, at: address) == .failed)
                #expect(recorder.notes.contains("the controller sent"), "\(arguments): \(recorder.notes)")
            }
        }
    }
}
