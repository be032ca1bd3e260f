import Member
import TestSupport
import Testing

/// A place in a cluster where a member of ours or of etcd runs, over the same ports and the same data.
final class Seat {
    enum Kind: Sendable, CustomTestStringConvertible {
        case ours, etcd
        var testDescription: String { self == .ours ? "ours" : "etcd" }
    }

    let etcd: EtcdProcess
    private let configuration: MemberConfiguration
    private(set) var kind: Kind
    private var member: MemberServer?

    init(_ etcd: EtcdProcess, _ kind: Kind, cluster: [(name: String, url: String)], isJoining: Bool, snapshotCount: UInt64) {
        var configuration = MemberConfiguration()
        configuration.name = etcd.name
        configuration.dataDirectory = etcd.dataDirectory
        configuration.listenClientURLs = [etcd.clientURL]
        configuration.advertiseClientURLs = [etcd.clientURL]
        configuration.listenPeerURLs = [etcd.peerURL]
        configuration.initialAdvertisePeerURLs = [etcd.peerURL]
        configuration.initialCluster = cluster.map { .init(name: $0.name, peerURLs: [$0.url]) }
        configuration.initialClusterState = isJoining ? .existing : .new
        configuration.snapshotCount = snapshotCount
        configuration.snapshotCatchUpEntries = 10
        (self.etcd, self.configuration, self.kind) = (etcd, configuration, kind)
    }

    func start(as kind: Kind? = nil) async throws {
        self.kind = kind ?? self.kind
        switch self.kind {
        case .etcd: try self.etcd.start()
        case .ours:
            let name = self.etcd.name
            self.member = try await MemberServer.start(self.configuration) { Issue.record("\(name) ended: \($0)") }
        }
    }

    func stop() async throws {
        switch self.kind {
        case .etcd: try await self.etcd.stop()
        case .ours:
            try await self.member?.stop()
            self.member = nil
        }
    }
}

/// Three members, some of them ours and some of etcd's, and what a client sees of them through etcdctl.
final class MixedCluster {
    private(set) var seats: [Seat] = []
    private let binary: EtcdBinary
    private let snapshotCount: UInt64

    /// Members that begin a cluster together.
    init(_ binary: EtcdBinary, _ kinds: [Seat.Kind], snapshotCount: UInt64 = 100_000) async throws {
        (self.binary, self.snapshotCount) = (binary, snapshotCount)
        let ports = try Loopback.freePorts(2 * kinds.count)
        let named = kinds.indices.map { (name: "m\($0)", url: "http://127.0.0.1:\(ports[2 * $0 + 1])") }
        for (index, kind) in kinds.enumerated() {
            try self.add(kind, ports: Array(ports[(2 * index)...(2 * index + 1)]), cluster: named, isJoining: false)
        }
        for seat in self.seats { try await seat.start() }
        for seat in self.seats { try await seat.etcd.waitUntilHealthyOnPort() }
    }

    @discardableResult
    private func add(
        _ kind: Seat.Kind, ports: [Int], cluster: [(name: String, url: String)], isJoining: Bool
    ) throws -> Seat {
        let name = "m\(self.seats.count)"
        let others = cluster.filter { $0.name != name }.map { "\($0.name)=\($0.url)" }
        let etcd = try EtcdProcess(
            self.binary, name: name, ports: ports, cluster: others, isJoining: isJoining,
            extra: ["--snapshot-count=\(self.snapshotCount)"])
        let seat = Seat(etcd, kind, cluster: cluster, isJoining: isJoining, snapshotCount: self.snapshotCount)
        self.seats.append(seat)
        return seat
    }

    /// A member more, added and started.
    func join(_ kind: Seat.Kind) async throws {
        let ports = try Loopback.freePorts(2)
        let name = "m\(self.seats.count)"
        let url = "http://127.0.0.1:\(ports[1])"
        let cluster = self.seats.map { (name: $0.etcd.name, url: $0.etcd.peerURL) } + [(name: name, url: url)]
        let first = self.seats[0].etcd
        // Refused until all members have been connected for five seconds.
        _ = try await poll(within: .seconds(30), every: .milliseconds(300), "\(name) is added") { () -> Bool? in
            do {
                try await first.etcdctl("member", "add", name, "--peer-urls=\(url)")
                return true
            } catch let error as TestSupportError {
                return error.description.contains("Peer URLs already exists") ? true : nil
            }
        }
        let seat = try self.add(kind, ports: ports, cluster: cluster, isJoining: true)
        try await seat.start()
        try await seat.etcd.waitUntilHealthyOnPort()
    }

    func put(_ count: Int, through seat: Int, _ prefix: String) async throws {
        for number in 0..<count {
            try await self.seats[seat].etcd.etcdctl("put", "\(prefix)\(number % 17)", "\(prefix) \(number)")
        }
    }

    /// Waits until all members have applied the same, and says whether they then hold the same.
    func expectEqual(_ up: [Int]? = nil, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let up = up ?? Array(self.seats.indices)
        var hashes: [String] = []
        _ = try await poll(within: .seconds(30), "all members are at one revision") { () -> Bool? in
            hashes = []
            for index in up {
                let line = try await self.seats[index].etcd.etcdctl("endpoint", "hashkv", "--write-out=fields")
                hashes.append(line.split(separator: "\n").filter { $0.contains("Hash") || $0.contains("\"Revision") }.joined())
            }
            return Set(hashes).count == 1 ? true : nil
        }
        #expect(Set(hashes).count == 1, "\(hashes)", sourceLocation: sourceLocation)
    }

    /// The number of the seat that leads.
    func leader(_ up: [Int]? = nil) async throws -> Int {
        try await poll(within: .seconds(20), "there is a leader") {
            for index in up ?? Array(self.seats.indices) {
                let fields = try await self.seats[index].etcd.etcdctl("endpoint", "status", "--write-out=json")
                if Self.number("leader", fields) == Self.number("member_id", fields) { return index }
            }
            return nil
        }
    }

    func lead(_ seat: Int) async throws {
        let fields = try await self.seats[seat].etcd.etcdctl("endpoint", "status", "--write-out=json")
        let id = try #require(Self.number("member_id", fields))
        let leader = try await self.leader()
        if leader != seat {
            try await self.seats[leader].etcd.etcdctl("move-leader", String(try #require(UInt64(id)), radix: 16))
        }
        // Whoever has said that it is done has seen it.
        let status = try await self.seats[seat].etcd.etcdctl("endpoint", "status", "--write-out=json")
        #expect(Self.number("leader", status) == id)
    }

    static func number(_ name: String, _ json: String) -> Substring? {
        guard let range = json.firstRange(of: "\"\(name)\":") else { return nil }
        return json[range.upperBound...].prefix { $0.isNumber }
    }

    func stop() async throws {
        for seat in self.seats { try await seat.stop() }
    }
}

extension EtcdProcess {
    /// Like `waitUntilHealthy`, whoever it is that listens there.
    func waitUntilHealthyOnPort() async throws {
        try await poll(within: .seconds(30), "\(self.name) is healthy") {
            Loopback.get("/health", port: self.clientPort) == 200 ? () : nil
        }
    }
}
