internal import EtcdClient
internal import EtcdWire
internal import Foundation

/// A one-member cluster on loopback, with a data directory of its own, and the load on it.
final class EtcdServer {
    private let process = Process()
    private let directory: String
    private let connector = GRPCConnector()
    private let connection: any EtcdConnection
    let port: Int

    /// Where the member keeps its data.
    var dataDirectory: String { self.directory + "/data" }

    /// Which program the member is.
    enum Engine: String, CaseIterable {
        case etcd, quorate
    }

    init(_ settings: Settings, engine: Engine = .etcd, options: [String] = []) async throws {
        self.directory = settings.directory + "/" + engine.rawValue
        try? FileManager.default.removeItem(atPath: self.directory)
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
        self.port = Int.random(in: 20_000...29_998)
        let (client, peer) = ("http://127.0.0.1:\(self.port)", "http://127.0.0.1:\(self.port + 1)")
        let program = try engine == .etcd ? settings.etcd + "/etcd" : settings.quorate()
        self.process.executableURL = URL(fileURLWithPath: program)
        self.process.arguments =
            (engine == .etcd ? [] : ["member"]) + [
                "--data-dir=\(self.directory)/data", "--listen-client-urls=\(client)", "--advertise-client-urls=\(client)",
                "--listen-peer-urls=\(peer)", "--initial-advertise-peer-urls=\(peer)", "--initial-cluster=default=\(peer)",
                "--log-level=error",
            ] + options
        _ = FileManager.default.createFile(atPath: self.directory + "/log", contents: nil)
        let log = FileHandle(forWritingAtPath: self.directory + "/log")
        self.process.standardOutput = log
        self.process.standardError = log
        self.connection = self.connector.connect(to: [client], timeout: .seconds(5))
        try self.process.run()
        let start = ContinuousClock.now
        while (try? await self.revision()) == nil {
            guard self.process.isRunning, ContinuousClock.now - start < .seconds(20) else {
                throw Failure("\(engine) did not start; see \(self.directory)/log")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    func stop(keepingData: Bool = false) async {
        await self.connector.close()
        self.process.terminate()
        self.process.waitUntilExit()
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

    /// User and system time of the process since its start, in seconds.
    var cpuSeconds: Double {
        let stat = (try? String(contentsOfFile: "/proc/\(self.process.processIdentifier)/stat", encoding: .utf8)) ?? ""
        let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12 else { return 0 }
        return ((Double(fields[11]) ?? 0) + (Double(fields[12]) ?? 0)) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The process's resident memory now, in megabytes.
    var residentMegabytes: Double { Benchmarks.residentMegabytes(of: "\(self.process.processIdentifier)") }
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
