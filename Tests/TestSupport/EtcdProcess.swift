internal import FoundationEssentials
internal import Synchronization

/// An etcd member of a real release, on loopback ports of its own and with a data directory of its own, that ends with the
/// last reference to it.
public final class EtcdProcess: Sendable {
    public let binary: EtcdBinary
    public let name: String
    public let clientPort: Int
    public let peerPort: Int
    /// Holds the data directory (`data`) and the log (`log`).
    public let directory: TemporaryDirectory
    private let child: Mutex<ChildProcess?>
    private let arguments: [String]

    public var clientURL: String { "http://127.0.0.1:\(self.clientPort)" }
    public var peerURL: String { "http://127.0.0.1:\(self.peerPort)" }
    public var dataDirectory: String { "\(self.directory.path)/data" }
    public var log: String { self.directory.read("log") }
    public var pid: Int32? { self.child.withLock { $0?.pid } }

    /// A member that is not started yet.
    /// - Parameters:
    ///   - cluster: The members it starts among, as `name=peerURL`, itself excepted.
    ///   - isJoining: Whether the cluster is there already and has added it.
    public init(
        _ binary: EtcdBinary, name: String, ports: [Int], cluster: [String] = [], isJoining: Bool = false, extra: [String] = []
    ) throws {
        precondition(ports.count == 2, "a member has a client port and a peer port")
        self.binary = binary
        self.name = name
        self.clientPort = ports[0]
        self.peerPort = ports[1]
        let directory = try TemporaryDirectory()
        self.directory = directory
        self.child = Mutex(nil)
        let clientURL = "http://127.0.0.1:\(ports[0])"
        let peerURL = "http://127.0.0.1:\(ports[1])"
        self.arguments =
            [
                "--name=\(name)", "--data-dir=\(directory.path)/data",
                "--listen-client-urls=\(clientURL)", "--advertise-client-urls=\(clientURL)",
                "--listen-peer-urls=\(peerURL)", "--initial-advertise-peer-urls=\(peerURL)",
                "--initial-cluster=\((cluster + ["\(name)=\(peerURL)"]).joined(separator: ","))",
                "--initial-cluster-state=\(isJoining ? "existing" : "new")",
            ] + extra
    }

    /// Starts a cluster of one and waits until it serves. Ports that were taken meanwhile are replaced.
    public static func start(_ binary: EtcdBinary, name: String = "m1", extra: [String] = []) async throws -> EtcdProcess {
        try await Self.startCluster(binary, size: 1, names: [name], extra: extra)[0]
    }

    /// Starts a cluster and waits until all its members serve.
    public static func startCluster(
        _ binary: EtcdBinary, size: Int, names: [String]? = nil, extra: [String] = []
    ) async throws -> [EtcdProcess] {
        let names = names ?? (1...size).map { "m\($0)" }
        for attempt in 1... {
            let ports = try Loopback.freePorts(size * 2)
            let urls = names.indices.map { "\(names[$0])=http://127.0.0.1:\(ports[$0 * 2 + 1])" }
            let members = try names.indices.map { index in
                try EtcdProcess(
                    binary, name: names[index], ports: Array(ports[(index * 2)...(index * 2 + 1)]),
                    cluster: urls.filter { $0 != urls[index] }, extra: extra)
            }
            do {
                for member in members { try member.start() }
                for member in members { try await member.waitUntilHealthy() }
                return members
            } catch {
                let hasClash = members.contains { $0.log.contains("address already in use") }
                guard hasClash, attempt < 5 else { throw error }
            }
        }
        preconditionFailure("the loop returns or throws")
    }

    /// Starts it, or starts it again over the same data.
    public func start() throws {
        try self.child.withLock { child in
            precondition(child?.status != nil || child == nil, "\(self.name) runs already")
            child = try ChildProcess(self.binary.etcd, self.arguments, output: "\(self.directory.path)/log")
        }
    }

    /// Waits until it serves and its cluster has a leader.
    public func waitUntilHealthy(within limit: Duration = .seconds(30)) async throws {
        try await poll(within: limit, "\(self.name) is healthy; its log:\n\(self.log)") {
            if let status = self.child.withLock({ $0?.status }) {
                throw TestSupportError("\(self.name) ended with \(status); its log:\n\(self.log)")
            }
            return Loopback.get("/health", port: self.clientPort) == 200 ? () : nil
        }
    }

    /// `kill -9`.
    public func kill() {
        self.child.withLock { $0?.killAndWait() }
    }

    /// Ends it in order, so that its database has all that its log has.
    public func stop() async throws {
        self.signal(15)
        try await poll(within: .seconds(30), "\(self.name) ends; its log:\n\(self.log)") {
            self.child.withLock { $0 == nil || $0?.status != nil } ? () : nil
        }
    }

    public func signal(_ signal: Int32) {
        self.child.withLock { $0?.signal(signal) }
    }

    /// Holds it still: it keeps its sockets and answers nothing.
    public func pause() { self.child.withLock { $0?.pause() } }
    public func resume() { self.child.withLock { $0?.resume() } }

    /// Runs `etcdctl` (API 3) against this member and returns what it printed.
    @discardableResult
    public func etcdctl(_ arguments: String...) async throws -> String {
        let output = try await Command.run(self.binary.etcdctl, ["--endpoints=\(self.clientURL)"] + arguments)
        guard output.status == 0 else { throw TestSupportError("etcdctl \(arguments): \(output.text)") }
        return output.text
    }
}

extension EtcdProcess {
    /// How many connections this process holds to the member's client port, as the kernel tells.
    public func connectionsOfThisProcess() throws -> Int {
        let files = FileManager.default
        let sockets = try files.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { descriptor in
            try? files.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
        }
        let port = String(self.clientPort, radix: 16, uppercase: true)
        let remote = "0100007F:" + String(repeating: "0", count: 4 - port.count) + port
        return TemporaryDirectory.readText("/proc/self/net/tcp").split(separator: "\n").count { line in
            let fields = line.split(separator: " ")
            return fields.count > 9 && fields[2] == remote && fields[3] == "01" && sockets.contains("socket:[\(fields[9])]")
        }
    }
}
