internal import Foundation

/// What h2load saw: recorded bytes over HTTP/2, the cheapest load there is, so that what is measured is the server.
struct H2Load {
    /// Answers a second.
    var rate: Double
    /// From request to answer, in seconds, of every request.
    var latencies: [Double]

    /// Sends the gRPC request in the file `body` to `method`, over and over, `connections` times `streams` in flight.
    ///
    /// - Throws: ``Failure`` when h2load is not there or fails, or when an answer's status is not 200.
    static func run(
        _ method: String, body: String, port: Int, connections: Int, streams: Int, seconds: Double, log: String
    ) throws -> H2Load {
        let program = "/usr/bin/h2load"
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw Failure("the load comes from h2load (Debian: nghttp2-client)")
        }
        try? FileManager.default.removeItem(atPath: log)
        let load = Process()
        load.executableURL = URL(fileURLWithPath: program)
        load.arguments = [
            "-D", "\(max(1, Int(seconds)))", "-c", "\(connections)", "-m", "\(streams)", "-t", "1", "-d", body,
            "-H", "content-type: application/grpc", "-H", "te: trailers", "--log-file=\(log)",
            "http://127.0.0.1:\(port)/etcdserverpb.\(method)",
        ]
        load.standardOutput = FileHandle.nullDevice
        load.standardError = FileHandle.nullDevice
        try load.run()
        load.waitUntilExit()
        guard load.terminationStatus == 0 else { throw Failure("h2load ended with \(load.terminationStatus)") }
        return try H2Load(log: Data(contentsOf: URL(fileURLWithPath: log)))
    }

    /// Lines of: start in microseconds since 1970, status, microseconds to the end of the answer.
    private init(log: Data) throws {
        self.latencies = []
        var (first, last) = (Int.max, 0)
        for line in log.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: "\t")).map { Int(String(decoding: $0, as: UTF8.self)) ?? -1 }
            guard fields.count >= 3, fields[1] == 200 else { throw Failure("h2load: status \(fields.dropFirst().first ?? 0)") }
            first = min(first, fields[0])
            last = max(last, fields[0] + fields[2])
            self.latencies.append(Double(fields[2]) / 1e6)
        }
        guard last > first else { throw Failure("h2load had no answer") }
        self.rate = Double(self.latencies.count) / (Double(last - first) / 1e6)
    }
}
