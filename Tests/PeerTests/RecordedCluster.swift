import TestSupport

/// Two real members, and a third that joins, that reach each other through recorders alone.
final class RecordedCluster {
    private let binary: EtcdBinary
    private var members: [EtcdProcess] = []
    private var recorders: [Recorder] = []
    /// A snapshot so often that whoever joins must be sent one.
    private static let arguments = ["--snapshot-count=50"]

    private init(_ binary: EtcdBinary) {
        self.binary = binary
    }

    /// What the members say to each other while `body` runs. Whatever comes of it, nothing runs any more afterwards.
    static func record(
        _ binary: EtcdBinary, _ body: (RecordedCluster) async throws -> Void
    ) async throws -> [Recorder.Conversation] {
        let cluster = RecordedCluster(binary)
        do {
            try await cluster.start()
            try await body(cluster)
        } catch {
            _ = try await cluster.stop()
            throw error
        }
        return try await cluster.stop()
    }

    private func start() async throws {
        let ports = try Loopback.freePorts(6)
        self.recorders = try (0..<3).map { try Recorder(before: ports[2 * $0 + 1]) }
        let urls = (0..<2).map { "m\($0)=\(self.recorders[$0].url)" }.joined(separator: ",")
        self.members = try (0..<3).map { index in
            let isJoining = index == 2
            let cluster = isJoining ? "\(urls),m2=\(self.recorders[2].url)" : urls
            return try EtcdProcess(
                self.binary, name: "m\(index)", ports: Array(ports[(2 * index)...(2 * index + 1)]), isJoining: isJoining,
                extra: Self.arguments + [
                    "--initial-advertise-peer-urls=\(self.recorders[index].url)", "--initial-cluster=\(cluster)",
                ])
        }
        for member in self.members[..<2] { try member.start() }
        for member in self.members[..<2] { try await member.waitUntilHealthy() }
    }

    func join() async throws {
        // Refused until all members have been connected for five seconds.
        _ = try await poll(within: .seconds(30), every: .milliseconds(500), "the third member is added") { () -> Bool? in
            do {
                try await self.members[0].etcdctl("member", "add", "m2", "--peer-urls=\(self.recorders[2].url)")
                return true
            } catch let error as TestSupportError {
                // An answer that was lost does not mean that nothing was done.
                return error.description.contains("Peer URLs already exists") ? true : nil
            }
        }
        try self.members[2].start()
        try await self.members[2].waitUntilHealthy()
    }

    /// Puts through a member, by the JSON gateway.
    func put(_ member: Int, _ key: String, _ value: String) throws {
        let body = "{\"key\":\"\(Self.base64(key))\",\"value\":\"\(Self.base64(value))\"}"
        let answer = try Loopback.exchange("POST", "/v3/kv/put", body: body, port: self.members[member].clientPort)
        guard answer.status == 200 else { throw TestSupportError("put: \(answer.body)") }
    }

    /// Waits until the third member has what the first has.
    func waitUntilEqual() async throws {
        let key = "{\"key\":\"AA==\",\"range_end\":\"AA==\",\"count_only\":true,\"serializable\":true}"
        func count(_ member: Int) throws -> Substring? {
            try Loopback.exchange("POST", "/v3/kv/range", body: key, port: self.members[member].clientPort)
                .body.split(separator: "\"count\":").last
        }
        let wanted = try count(0)
        try await poll(within: .seconds(30), "all members are equal") { try count(2) == wanted ? () : nil }
    }

    /// Ends all, and returns what was said.
    private func stop() async throws -> [Recorder.Conversation] {
        for member in self.members { member.kill() }
        for recorder in self.recorders { try await recorder.stop() }
        return self.recorders.flatMap(\.conversations)
    }

    private static func base64(_ text: String) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        let bytes = Array(text.utf8)
        return stride(from: 0, to: bytes.count, by: 3).map { start in
            let part = bytes[start..<min(start + 3, bytes.count)]
            let number = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
            let digits = (0..<4).map { alphabet[number >> (18 - 6 * $0) & 63] }
            return String(digits.prefix(part.count + 1)) + String(repeating: "=", count: 3 - part.count)
        }.joined()
    }
}
