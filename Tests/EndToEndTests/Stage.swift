internal import AsyncHTTPClient
internal import ClusterAPI
internal import EtcdClient
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import TestSupport
internal import YAML

/// What one test plays on: a directory with a spec, a controller and the members that it starts.
struct Stage: Sendable {
    let engine: StageEngine
    /// etcd's own tools for it.
    let tools: EtcdBinary
    let directory: TemporaryDirectory
    let controller: ControllerProcess
    let connector: GRPCConnector

    var path: String { self.directory.path }

    /// Plays a test, and ends all of its processes whatever comes of it.
    /// - Parameters:
    ///   - specs: What the controller is given to read, below the stage's directory.
    ///   - starts: Whether the controller is there when the test begins.
    static func play(
        _ engine: StageEngine, specs: [String] = [Spec.path], extra: [String] = [], starts: Bool = true,
        _ body: (Stage) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        for name in ["run", "specs"] { try Files.makeDirectory("\(directory.path)/\(name)") }
        let stage = Stage(
            engine: engine, tools: try EtcdBinary.find(engine.version), directory: directory,
            controller: try ControllerProcess("controller", in: directory.path, specs: specs, extra: extra),
            connector: GRPCConnector())
        do {
            if starts { try await stage.controller.startAndWait() }
            try await body(stage)
        } catch {
            let log = stage.controller.log.suffix(6000)
            await stage.end()
            throw TestSupportError("\(error)\nthe controller's log ended with:\n\(log)")
        }
        await stage.end()
    }

    private func end() async {
        await self.connector.close()
        await self.controller.stop()
        for pid in Processes.below(self.path) { kill(pid, SIGKILL) }
        _ =
            try? await poll(within: .seconds(10), "the members end") {
                Processes.below(self.path).isEmpty ? () : nil
            } as Void
    }

    // MARK: Specs

    /// Writes the spec file that the controller follows.
    func write(_ spec: Spec) throws {
        try Files.write(spec.text, to: "\(self.path)/\(Spec.path)")
    }

    func spec(replicas: Int = 3) -> Spec {
        Spec(engine: self.engine, tools: self.tools, replicas: replicas)
    }

    // MARK: Commands

    func quorate(_ arguments: String..., timeout: Duration = .seconds(30)) async throws -> Quorate.Answer {
        try await Quorate.run(arguments, in: self.path, server: self.controller.url, timeout: timeout)
    }

    func etcdctl(_ endpoints: [String], _ arguments: String...) async throws -> String {
        let output = try await Command.run(
            self.tools.etcdctl, ["--endpoints=\(endpoints.joined(separator: ","))"] + arguments)
        guard output.status == 0 else { throw TestSupportError("etcdctl \(arguments): \(output.text)") }
        return output.text
    }

    /// The live list as etcdctl prints it: names by id.
    func memberList(_ endpoints: [String]) async throws -> [String: String] {
        let lines = try await self.etcdctl(endpoints, "member", "list").split(separator: "\n")
        let rows = lines.map { $0.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmed } }
        return Dictionary(rows.filter { $0.count >= 5 }.map { ($0[0], $0[2]) }) { first, _ in first }
    }

    // MARK: Objects

    static let clusters = "/apis/quorate.dev/v1alpha1/namespaces/default/etcdclusters"

    /// What a GET answers; nil when nobody does.
    func get(_ path: String, from controller: ControllerProcess? = nil) async -> (status: Int, text: String)? {
        let request = HTTPClientRequest(url: (controller ?? self.controller).url + path)
        guard let response = try? await HTTPClient.shared.execute(request, timeout: .seconds(10)) else { return nil }
        guard let body = try? await response.body.collect(upTo: 16 << 20) else { return nil }
        return (Int(response.status.code), String(buffer: body))
    }

    /// A cluster as the controller holds it; nil when it does not, or does not answer.
    func cluster(_ name: String = "orders") async throws -> EtcdCluster? {
        guard let answer = await self.get("\(Self.clusters)/\(name)"), answer.status == 200 else { return nil }
        return try EtcdCluster(json: Array(answer.text.utf8))
    }

    /// Waits until the cluster is as a test wants it.
    @discardableResult
    func awaits(
        _ what: String, within limit: Duration = .seconds(60), until isSo: (EtcdCluster) -> Bool
    ) async throws -> EtcdCluster {
        var last: EtcdCluster?
        do {
            return try await poll(within: limit, every: .milliseconds(50), what) {
                last = try await self.cluster()
                return last.flatMap { isSo($0) ? $0 : nil }
            }
        } catch {
            throw TestSupportError(
                "\(error); the cluster: \(last.map { String(decoding: $0.json(), as: UTF8.self) } ?? "none")")
        }
    }

    /// Waits until the cluster has so many members, all of them ready, and nothing is under way.
    @discardableResult
    func awaitsSettled(_ replicas: Int, within limit: Duration = .seconds(60)) async throws -> EtcdCluster {
        try await self.awaits("\(replicas) members are ready", within: limit) { $0.isSettled(replicas) }
    }

    /// Follows a list's changes until one satisfies; false when the stream ends, or the time is over, before.
    func follows(
        _ path: String, within limit: TimeAmount = .seconds(60), until isEnough: (Node) throws -> Bool
    ) async throws -> Bool {
        let request = HTTPClientRequest(url: "\(self.controller.url)\(path)?watch=true")
        let response = try await HTTPClient.shared.execute(request, timeout: limit)
        var rest: [UInt8] = []
        for try await part in response.body {
            rest += Array(buffer: part)
            while let end = rest.firstIndex(of: 0x0A) {
                let line = Array(rest[..<end])
                rest.removeSubrange(...end)
                if try isEnough(try Node.read(json: line)) { return true }
            }
        }
        return false
    }

    /// Waits until the one change in flight is at a step.
    /// - Parameter replicas: The size to come to.
    /// - Returns: Whether it was; false when all was done before.
    func comes(to step: String, of type: OperationType, before replicas: Int) async throws -> Bool {
        var isDone = false
        do {
            let hasEnded = try await self.follows(Self.clusters) { change in
                guard let object = change["object"] else { return false }
                let operation = object["status"]?["operation"]
                if operation?["step"]?.string == step, operation?["type"]?.string == type.rawValue { return true }
                isDone =
                    object["spec"]?["replicas"]?.int == Int128(replicas) && (operation?.isNull ?? true)
                    && object["status"]?["phase"]?.string == ClusterPhase.running.rawValue
                    && object["status"]?["readyReplicas"]?.int == Int128(replicas)
                    && object["status"]?["observedGeneration"]?.int == object["metadata"]?["generation"]?.int
                return isDone
            }
            if hasEnded { return !isDone }
        } catch {
            throw TestSupportError("no \(type.rawValue) came to step \(step): \(error)")
        }
        throw TestSupportError("no \(type.rawValue) came to step \(step) while the controller was there")
    }
}

extension EtcdCluster {
    /// As the spec says, and nothing under way.
    func isSettled(_ replicas: Int) -> Bool {
        let status = self.status
        return self.spec.replicas == replicas && status.observedGeneration == self.metadata.generation
            && status.phase == .running && status.operation == nil && status.members.count == replicas
            && status.members.allSatisfy { $0.state == .ready && $0.pid != nil }
    }

    var endpoints: [String] { self.status.members.map(\.endpoint).filter { !$0.isEmpty } }
    var pids: [String: Int32] {
        Dictionary(self.status.members.compactMap { member in member.pid.map { (member.name, $0) } }) { first, _ in first }
    }
    /// Names by id.
    var memberNames: [String: String] {
        Dictionary(self.status.members.map { ($0.id, $0.name) }) { first, _ in first }
    }

    func condition(_ type: String) -> Condition? { self.status.conditions.first { $0.type == type } }
}

extension Substring {
    var trimmed: String {
        String(self.drop { $0 == " " }.reversed().drop { $0 == " " || $0 == "\n" }.reversed())
    }
}

/// A spec file of one cluster.
struct Spec: Sendable {
    /// Below the stage's directory.
    static let path = "specs/orders.yaml"

    var engine: StageEngine
    var tools: EtcdBinary
    var replicas = 3
    var keepLast = 10
    var schedule: String?
    var replaceAfter = "2s"
    var paused = false
    /// How far the archive of the log may be behind, in the spec's words; nil for no archive.
    var archive: String?

    var text: String {
        """
        apiVersion: quorate.dev/v1alpha1
        kind: EtcdCluster
        metadata:
          name: orders
        spec:
          replicas: \(self.replicas)
          engine:
            type: \(self.engine == .native ? "Native" : "Etcd")
            version: "\(self.engine.version.rawValue)"
            \(self.engine == .native ? "" : "binaryDirectory: \(self.tools.directory)")
          backup:
            store: {directory: {path: ./backups/orders}}
            \(self.schedule.map { "schedule: \"\($0)\"" } ?? "suspend: false")
            retention: {keepLast: \(self.keepLast)}\(self.archive.map { "\n    archive: {maxLag: \($0)}" } ?? "")
          recovery:
            quorumLoss: {mode: Approve, waitFor: 2s}
            memberLoss: {replaceAfter: \(self.replaceAfter)}
          paused: \(self.paused)

        """
    }
}
