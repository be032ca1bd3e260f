internal import EtcdClient
internal import EtcdWire
internal import Foundation

/// A one-member etcd on loopback, with a data directory of its own, and the load on it.
final class EtcdServer {
    private let process = Process()
    private let directory: String
    private let connector = GRPCConnector()
    private let connection: any EtcdConnection
    let port: Int

    /// Where the member keeps its data.
    var dataDirectory: String { self.directory + "/data" }

    init(_ settings: Settings, options: [String] = []) async throws {
        self.directory = settings.directory + "/etcd"
        try? FileManager.default.removeItem(atPath: self.directory)
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
        self.port = Int.random(in: 20_000...29_998)
        let (client, peer) = ("http://127.0.0.1:\(self.port)", "http://127.0.0.1:\(self.port + 1)")
        self.process.executableURL = URL(fileURLWithPath: settings.etcd + "/etcd")
        self.process.arguments =
            [
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
                throw Failure("etcd did not start; see \(self.directory)/log")
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

    /// Puts per second by h2load: recorded bytes over HTTP/2, the cheapest load there is, so that what is measured is etcd.
    func puts(_ body: String, connections: Int, streams: Int, seconds: Double) async throws -> Double {
        let before = try await self.revision()
        let load = Process()
        load.executableURL = URL(fileURLWithPath: "/usr/bin/h2load")
        load.arguments = [
            "-D", "\(max(1, Int(seconds)))", "-c", "\(connections)", "-m", "\(streams)", "-t", "1", "-d", body,
            "-H", "content-type: application/grpc", "-H", "te: trailers",
            "http://127.0.0.1:\(self.port)/etcdserverpb.KV/Put",
        ]
        load.standardOutput = FileHandle.nullDevice
        load.standardError = FileHandle.nullDevice
        let start = ContinuousClock.now
        try load.run()
        load.waitUntilExit()
        let elapsed = (ContinuousClock.now - start).seconds
        guard load.terminationStatus == 0 else { throw Failure("h2load ended with \(load.terminationStatus)") }
        // What etcd itself counted, not what h2load took for an answer.
        return Double(try await self.revision() - before) / elapsed
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
