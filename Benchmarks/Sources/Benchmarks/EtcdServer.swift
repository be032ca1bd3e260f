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

    init(_ settings: Settings) async throws {
        self.directory = settings.directory + "/etcd"
        try? FileManager.default.removeItem(atPath: self.directory)
        try FileManager.default.createDirectory(atPath: self.directory, withIntermediateDirectories: true)
        self.port = Int.random(in: 20_000...29_998)
        let (client, peer) = ("http://127.0.0.1:\(self.port)", "http://127.0.0.1:\(self.port + 1)")
        self.process.executableURL = URL(fileURLWithPath: settings.etcd + "/etcd")
        self.process.arguments = [
            "--data-dir=\(self.directory)/data", "--listen-client-urls=\(client)", "--advertise-client-urls=\(client)",
            "--listen-peer-urls=\(peer)", "--initial-advertise-peer-urls=\(peer)", "--initial-cluster=default=\(peer)",
            "--log-level=error",
        ]
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

    func stop() async {
        await self.connector.close()
        self.process.terminate()
        self.process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: self.directory)
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
