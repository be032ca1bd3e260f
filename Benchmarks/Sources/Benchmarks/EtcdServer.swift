internal import EtcdClient
internal import EtcdWire
internal import Foundation

/// A cluster on loopback, with data directories of its own, and the load on it.
final class EtcdServer {
    /// Which program the members are.
    enum Engine: String, CaseIterable {
        case etcd, quorate
    }

    private let directory: String
    private let program: String
    /// A member's, without those for its log.
    private let arguments: [[String]]
    private var processes: [Process] = []
    private let connector = GRPCConnector()
    let connection: any EtcdConnection
    /// Where clients find each member.
    private let ports: [Int]
    /// Where the load goes: to the member that led when the cluster was up.
    private(set) var port: Int

    /// Where the first member keeps its data.
    var dataDirectory: String { self.directory + "/data" }

    init(_ settings: Settings, engine: Engine = .etcd, members: Int = 1, options: [String] = []) async throws {
        let directory = settings.directory + "/" + engine.rawValue
        try? FileManager.default.removeItem(atPath: directory)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let base = Int.random(in: 10_000...14_900) * 2
        self.ports = (0..<members).map { base + $0 * 2 }
        let cluster = self.ports.enumerated().map { "m\($0.offset)=http://127.0.0.1:\($0.element + 1)" }
        self.arguments = self.ports.enumerated().map { number, port in
            let (client, peer) = ("http://127.0.0.1:\(port)", "http://127.0.0.1:\(port + 1)")
            return (engine == .etcd ? [] : ["member"]) + [
                "--name=m\(number)", "--data-dir=\(directory)/data\(number == 0 ? "" : String(number))",
                "--listen-client-urls=\(client)", "--advertise-client-urls=\(client)", "--listen-peer-urls=\(peer)",
                "--initial-advertise-peer-urls=\(peer)", "--initial-cluster=\(cluster.joined(separator: ","))",
                "--log-level=error",
            ] + options
        }
        self.directory = directory
        self.program = try engine == .etcd ? settings.etcd + "/etcd" : settings.quorate()
        self.connection = self.connector.connect(to: self.ports.map { "http://127.0.0.1:\($0)" }, timeout: .seconds(5))
        self.port = self.ports[0]
        try await self.start()
        if members > 1 { self.port = try await self.leaderPort() }
    }

    /// Starts every member on the data that it has, and waits until the cluster answers.
    func start() async throws {
        self.processes = []
        for (number, arguments) in self.arguments.enumerated() {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: self.program)
            process.arguments = arguments
            let path = "\(self.directory)/log\(number)"
            _ = FileManager.default.createFile(atPath: path, contents: nil)
            let log = FileHandle(forWritingAtPath: path)
            process.standardOutput = log
            process.standardError = log
            try process.run()
            self.processes.append(process)
        }
        let start = ContinuousClock.now
        while (try? await self.revision()) == nil {
            guard self.processes.allSatisfy(\.isRunning), ContinuousClock.now - start < .seconds(60) else {
                throw Failure("\(self.program) did not start; see \(self.directory)/log0")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func leaderPort() async throws -> Int {
        for port in self.ports {
            let connection = self.connector.connect(to: ["http://127.0.0.1:\(port)"], timeout: .seconds(5))
            let status = try await connection.status()
            if status.leader == status.header.memberID { return port }
        }
        throw Failure("\(self.program): nobody leads")
    }

    /// Ends the members, who keep their data.
    func end() {
        for process in self.processes { process.terminate() }
        for process in self.processes { process.waitUntilExit() }
    }

    func stop(keepingData: Bool = false) async {
        await self.connector.close()
        self.end()
        if !keepingData { self.removeData() }
    }

    func removeData() {
        try? FileManager.default.removeItem(atPath: self.directory)
    }

    /// Puts `keys` keys of their own, with values of `value` bytes that no two rows share.
    func fill(keys: Int, value: Int) async throws {
        let (batch, connection) = (100, self.connection)
        var next = stride(from: 0, to: keys, by: batch).makeIterator()
        try await withThrowingTaskGroup(of: Void.self) { group in
            @discardableResult func add() -> Bool {
                guard let first = next.next() else { return false }
                group.addTask {
                    let puts = (first..<min(keys, first + batch)).map { index in
                        RequestOp.put(PutRequest(key: Array("/registry/things/\(index)".utf8), value: filler(index, value)))
                    }
                    _ = try await connection.txn(TxnRequest(success: puts))
                }
                return true
            }
            for _ in 0..<16 { add() }
            while try await group.next() != nil { add() }
        }
    }

    /// Writes the member's snapshot to `file`; returns its size in bytes.
    func snapshot(into file: String) async throws -> Int64 {
        _ = FileManager.default.createFile(atPath: file, contents: nil)
        guard let handle = FileHandle(forWritingAtPath: file) else { throw Failure("cannot write \(file)") }
        try await self.connection.snapshot { chunk in try handle.write(contentsOf: Data(chunk.blob)) }
        let size = try handle.offset()
        try handle.close()
        return Int64(size)
    }

    func revision() async throws -> Int64 {
        try await self.connection.range(RangeRequest(key: [0])).header.revision
    }

    /// Sends one request over and over; see ``H2Load/run(_:body:port:connections:streams:seconds:log:)``.
    func load(_ method: String, body: String, connections: Int, streams: Int, seconds: Double) throws -> H2Load {
        try H2Load.run(
            method, body: body, port: self.port, connections: connections, streams: streams, seconds: seconds,
            log: self.directory + "/h2load.log")
    }

    /// Puts per second, as the server itself counted them.
    func puts(_ body: String, connections: Int, streams: Int, seconds: Double) async throws -> Double {
        let before = try await self.revision()
        let start = ContinuousClock.now
        _ = try self.load("KV/Put", body: body, connections: connections, streams: streams, seconds: seconds)
        return Double(try await self.revision() - before) / (ContinuousClock.now - start).seconds
    }

    /// User and system time of all members since their start, in seconds.
    var cpuSeconds: Double {
        self.processes.map { process in
            let stat = (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8)) ?? ""
            let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
            guard fields.count > 12 else { return 0 }
            return ((Double(fields[11]) ?? 0) + (Double(fields[12]) ?? 0)) / Double(sysconf(Int32(_SC_CLK_TCK)))
        }.reduce(0, +)
    }

    /// The resident memory of all members now, in megabytes.
    var residentMegabytes: Double {
        self.processes.map { Benchmarks.residentMegabytes(of: "\($0.processIdentifier)") }.reduce(0, +)
    }
}

/// Bytes that neither repeat nor compress, from a number.
private func filler(_ seed: Int, _ count: Int) -> [UInt8] {
    var state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 | 1
    return (0..<count).map { _ in
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return UInt8(truncatingIfNeeded: state)
    }
}

/// A request as gRPC frames it.
func gRPCFrame(_ request: [UInt8]) -> [UInt8] {
    [0] + (0..<4).map { UInt8(truncatingIfNeeded: request.count >> (24 - 8 * $0)) } + request
}
