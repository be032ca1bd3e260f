import EtcdClient
import EtcdWire
import FoundationEssentials
import Glibc
import Synchronization
import TestSupport
import Testing

/// The binary under test.
enum QuorateBinary {
    /// What `QUORATE_BINARY` names, else `quorate` beside the running test bundle.
    static let path: String = {
        if let path = unsafe getenv("QUORATE_BINARY") { return unsafe String(cString: path) }
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/quorate"
    }()
}

/// Where a member is, run by run.
struct ChaosPlace: Sendable {
    let client: KeptPort
    let peer: KeptPort
    /// Where the others find it.
    let proxy: PeerProxy

    init() throws {
        (self.client, self.peer) = (try KeptPort(), try KeptPort())
        self.proxy = try PeerProxy(to: self.peer.number)
    }
}

/// A member in a process of its own, ours or etcd's: both take the same flags.
final class ChaosMember: Sendable {
    enum Kind: Hashable, Sendable, CustomTestStringConvertible {
        case ours
        case etcd(EtcdVersion)

        var testDescription: String {
            switch self {
            case .ours: "ours"
            case .etcd(let version): "etcd \(version)"
            }
        }

        func command() throws -> (path: String, arguments: [String]) {
            switch self {
            case .ours: (QuorateBinary.path, ["member"])
            case .etcd(let version): (try EtcdBinary.find(version).etcd, [])
            }
        }
    }

    let name: String
    let kind: Kind
    let place: ChaosPlace
    let directory: TemporaryDirectory
    let connection: any EtcdConnection
    private let command: (path: String, arguments: [String])
    private let child = Mutex<ChildProcess?>(nil)
    private let retired = Atomic<Bool>(false)

    var clientPort: Int { self.place.client.number }
    var proxy: PeerProxy { self.place.proxy }
    var clientURL: String { "http://127.0.0.1:\(self.clientPort)" }
    var dataDirectory: String { "\(self.directory.path)/data" }
    var log: String { self.directory.read("log") }

    /// A member that is not started yet.
    /// - Parameters:
    ///   - cluster: The other members, as `name=URL`.
    ///   - wrapper: A command, such as strace's, that the member is run by.
    init(
        _ kind: Kind, name: String, at place: ChaosPlace, cluster: [String] = [], isJoining: Bool = false,
        wrapper: [String] = [], electionTimeout: Int = 500, connector: GRPCConnector
    ) throws {
        (self.name, self.kind, self.place) = (name, kind, place)
        self.directory = try TemporaryDirectory()
        let (url, peerURL) = ("http://127.0.0.1:\(place.client.number)", place.proxy.url)
        self.connection = connector.connect(to: [url], timeout: .seconds(1))
        let command = try kind.command()
        let flags = [
            "--name=\(name)", "--data-dir=\(self.directory.path)/data", "--listen-client-urls=\(url)",
            "--advertise-client-urls=\(url)", "--listen-peer-urls=http://127.0.0.1:\(place.peer.number)",
            "--initial-advertise-peer-urls=\(peerURL)",
            "--initial-cluster=\((cluster + ["\(name)=\(peerURL)"]).joined(separator: ","))",
            "--initial-cluster-state=\(isJoining ? "existing" : "new")", "--heartbeat-interval=50",
            "--election-timeout=\(electionTimeout)",
        ]
        let words = wrapper + [command.path] + command.arguments + flags
        self.command = (words[0], Array(words.dropFirst()))
    }

    /// Starts it, or starts it again over the same data.
    func start() throws {
        try self.child.withLock { child in
            precondition(child == nil || child?.status != nil, "\(self.name) runs already")
            // A write over a limit is then refused, as by a full disk, and does not end the process.
            signal(SIGXFSZ, SIG_IGN)
            child = try ChildProcess(self.command.path, self.command.arguments, output: "\(self.directory.path)/log")
        }
    }

    var pid: Int32? { self.child.withLock { $0?.pid } }
    var hasEnded: Bool { self.status != nil }
    /// How it ended, as `waitpid` tells.
    var status: Int32? { self.child.withLock { $0?.status } }

    /// Ends it for good; clients that still ask it end too.
    func retire() {
        self.retired.store(true, ordering: .sequentiallyConsistent)
        self.kill()
        self.proxy.close()
    }

    var isRetired: Bool { self.retired.load(ordering: .sequentiallyConsistent) }

    func kill() { self.child.withLock { $0?.killAndWait() } }
    func pause() { self.child.withLock { $0?.pause() } }
    func resume() { self.child.withLock { $0?.resume() } }

    /// Bytes from which on no file of its can be written, for as long as it runs; nil for no limit.
    func limitFiles(_ bytes: Int?) async throws {
        guard let pid else { return }
        let limit = bytes.map { "\($0)" } ?? "unlimited"
        let output = try await Command.run("/usr/bin/prlimit", ["--pid=\(pid)", "--fsize=\(limit):"])
        guard output.status == 0 else { throw TestSupportError("prlimit: \(output.text)") }
    }

    /// Waits until it serves and its cluster has a leader.
    func waitUntilHealthy() async throws {
        try await poll(within: .seconds(30), "\(self.name) is healthy; its log:\n\(self.log.suffix(3000))") {
            guard !self.hasEnded else { throw TestSupportError("\(self.name) ended; its log:\n\(self.log.suffix(3000))") }
            return Loopback.get("/health", port: self.clientPort) == 200 ? () : nil
        }
    }

    /// As it signs what it sends to the others.
    func id() async throws -> String {
        String(try await self.connection.status().header.memberID, radix: 16)
    }
}
