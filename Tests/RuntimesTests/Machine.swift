internal import Glibc
internal import Platform
internal import Synchronization
internal import Testing

@testable internal import Runtimes

/// What the tests run members with: a release of etcd, found by an environment variable or where the tests' set-up puts it, or
/// the `quorate` that was built beside the tests.
enum TestEngine: String, CaseIterable, CustomTestStringConvertible {
    case etcd34 = "3.4"
    case etcd35 = "3.5"
    case native = "Native"

    var directory: String {
        if self == .native { return Runtimes.directory(of: Self.quorate) }
        let variable = self == .etcd34 ? "QUORATE_ETCD_34" : "QUORATE_ETCD_35"
        if let value = unsafe getenv(variable) { return unsafe String(cString: value) }
        let repository = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return self == .etcd34 ? "/usr/bin" : "/\(repository)/.tools/etcd-3.5.1"
    }

    var choice: EngineChoice {
        EngineChoice(
            type: self == .native ? .native : .etcd, version: self == .native ? "3.5" : self.rawValue,
            binaryDirectory: self.directory)
    }

    /// What `QUORATE_BINARY` names, else `quorate` beside the running tests.
    private static let quorate: String = {
        if let path = unsafe getenv("QUORATE_BINARY") { return unsafe String(cString: path) }
        return Runtimes.directory(of: executable() ?? "/") + "/quorate"
    }()

    private var program: String { self.directory + "/" + (self == .native ? "quorate" : "etcd") }
    /// Of 3.5 for the native engine.
    var etcdctl: String { (self == .native ? .etcd35 : self).directory + "/etcdctl" }
    var testDescription: String { self == .native ? "native" : "etcd \(self.rawValue)" }

    /// Skips the test where there is no such engine; fails it where all engines must be.
    func require() throws {
        let needed = [self.program, self.etcdctl]
        guard let missing = needed.first(where: { unsafe access($0, X_OK) != 0 }) else { return }
        try #require(unsafe getenv("CI") == nil, "there is no \(missing)")
        try Test.cancel("there is no \(missing)")
    }
}

/// A directory for one test, with runtimes that keep all they have in it. Whatever runs in it is ended with the test.
final class Machine: Sendable {
    let root: String
    let ports: ClosedRange<Int>
    let disk = RealDisk()

    init(ports: ClosedRange<Int> = 20_000...32_000) throws {
        var template = Array("/tmp/quorate-runtimes-XXXXXX".utf8CString)
        let isMade = unsafe mkdtemp(&template) != nil
        try #require(isMade)
        self.root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.ports = ports
    }

    /// Runs a test, then ends every process of its members by number, and clears the directory away.
    static func run(
        ports: ClosedRange<Int> = 20_000...32_000, _ body: (Machine) async throws -> Void
    ) async throws {
        let machine = try Machine(ports: ports)
        defer { machine.clear() }
        try await body(machine)
    }

    /// A runtime of its own, as another controller on this machine, or the same one after a restart.
    func runtime(_ change: (inout ProcessRuntime.Settings) -> Void = { _ in }) -> ProcessRuntime {
        var settings = ProcessRuntime.Settings()
        settings.portDirectory = self.root + "/ports"
        settings.ports = self.ports
        change(&settings)
        return ProcessRuntime(disk: self.disk, clock: SystemClock(), settings: settings, thread: WorkerThread(named: "members"))
    }

    func cluster(_ name: String, _ engine: EngineChoice = TestEngine.etcd34.choice) -> ClusterPlace {
        ClusterPlace(name: name, dataDirectory: "\(self.root)/\(name)", host: "127.0.0.1", engine: engine)
    }

    func write(_ text: String, to path: String) throws {
        try self.disk.makeDirectory(directory(of: path))
        try self.disk.replace(path, with: Array(text.utf8))
    }

    func text(of path: String) throws -> String {
        String(decoding: try self.disk.contents(of: path, limit: 1 << 24) ?? [], as: UTF8.self)
    }

    private func clear() {
        let names = (try? self.disk.list("/proc")) ?? []
        for pid in names.compactMap({ Int32($0) }) {
            let bytes = (try? self.disk.open("/proc/\(pid)/cmdline", .read).read(at: 0, count: 1 << 16)) ?? []
            let arguments = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            guard let program = arguments.first, program.hasSuffix("/etcd") || program.hasSuffix("/quorate"),
                arguments.contains(where: { $0.hasPrefix(self.root + "/") })
            else { continue }
            kill(pid, SIGKILL)
            var status: Int32 = 0
            _ = unsafe waitpid(pid, &status, 0)
        }
        try? self.disk.removeTree(self.root)
    }
}

/// How the members of a cluster are started.
func options(_ places: [MemberPlace], state: StartOptions.ClusterState = .new, token: String = "test") -> StartOptions {
    StartOptions(
        clusterState: state, initialCluster: places.map { InitialMember(name: $0.name, peerURL: $0.peerURL) }, token: token,
        tuning: MemberTuning(
            quota: 1 << 30, heartbeatInterval: .milliseconds(100), electionTimeout: .seconds(1), snapshotCount: 10_000))
}

extension ProcessRuntime {
    /// A cluster made from nothing and healthy.
    nonisolated func bootstrap(
        _ cluster: ClusterPlace, _ engine: TestEngine, members: [String]
    ) async throws -> [MemberProcess] {
        var places: [MemberPlace] = []
        for member in members { places.append(try await self.provision(member, of: cluster)) }
        let options = options(places)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for member in members {
                group.addTask { _ = try await self.start(member, of: cluster, with: options) }
            }
            try await group.waitForAll()
        }
        try await self.healthy(places, engine)
        return try await self.members(of: cluster)
    }

    nonisolated func etcdctl(_ engine: TestEngine, _ places: [MemberPlace], _ arguments: [String]) async throws -> ToolResult {
        let endpoints = places.map(\.clientURL).joined(separator: ",")
        return try await self.run(
            engine.etcdctl, ["--endpoints", endpoints] + arguments, extra: ["ETCDCTL_API": "3"], timeLimit: .seconds(20))
    }

    /// Waits until every member answers and agrees on a leader.
    nonisolated func healthy(_ places: [MemberPlace], _ engine: TestEngine) async throws {
        var result: ToolResult?
        for _ in 0..<20 {
            result = try await self.etcdctl(engine, places, ["endpoint", "health"])
            if result?.ending == .exited(0) { return }
        }
        Issue.record("never healthy: \(result?.output ?? "")")
    }
}

/// Expects an error of that code, and returns it.
@discardableResult
func fails<Result>(
    _ code: RuntimeError.Code, _ comment: Comment? = nil, at location: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Result
) async -> RuntimeError? {
    do {
        let result = try await body()
        Issue.record("\(comment ?? ""): no error but \(result)", sourceLocation: location)
        return nil
    } catch {
        let error = error as? RuntimeError
        #expect(error?.code == code, comment, sourceLocation: location)
        return error
    }
}

/// Whether there is a process of that number, be it a zombie.
func exists(_ pid: Int32) -> Bool {
    kill(pid, 0) == 0
}

/// Ports beside each other that nobody listens on, below the kernel's range for outgoing connections. Each call's are
/// other ones, as tests run beside each other.
func freePorts(_ count: Int) throws -> ClosedRange<Int> {
    for _ in 0..<100 {
        let base = nextPort.wrappingAdd(count, ordering: .relaxed).oldValue
        let range = base...(base + count - 1)
        if range.allSatisfy({ (try? Listener(port: $0)) != nil }) { return range }
    }
    throw RuntimeError(.noPort, "no \(count) ports beside each other are free")
}

private let nextPort = Atomic(10_000 + Int(getpid()) % 900 * 10)

/// A server's socket on 127.0.0.1 that only holds its port.
final class Listener {
    let port: Int
    private let descriptor: Int32

    init(port: Int) throws {
        self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        var yes: Int32 = 1
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let codes = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe [bind(descriptor, pointer, size), listen(descriptor, 1)]
            }
        }
        self.port = port
        guard codes == [0, 0] else { throw RuntimeError(.noPort, "\(port)") }
    }

    deinit { close(self.descriptor) }
}
