import TestSupport
import Testing

/// Members of ours and of etcd's in one cluster: each must take the other for one of its own.
@Suite("Clusters", .serialized, .enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"))
struct MixedClusterTests {
    @Test("Three of ours: each serves, one may go, and comes back", .timeLimit(.minutes(2)))
    func ours() async throws {
        let cluster = try await MixedCluster(EtcdBinary.find(try #require(EtcdVersion.enabled.last)), [.ours, .ours, .ours])
        for seat in 0..<3 { try await cluster.put(10, through: seat, "k\(seat)-") }
        #expect(try await cluster.seats[1].etcd.etcdctl("get", "k2-9", "--print-value-only") == "k2- 9\n")
        try await cluster.expectEqual()
        // A lease that is kept alive, and asked for, through followers.
        let lease = try await cluster.seats[0].etcd.etcdctl("lease", "grant", "60").split(separator: " ")[1]
        for seat in cluster.seats {
            #expect(try await seat.etcd.etcdctl("lease", "keep-alive", "--once", String(lease)).contains("TTL(60)"))
            #expect(try await seat.etcd.etcdctl("lease", "timetolive", String(lease)).contains("granted with TTL(60s)"))
        }
        for seat in 0..<3 { try await cluster.lead(seat) }

        let leader = try await cluster.leader()
        try await cluster.seats[leader].stop()
        let rest = (0..<3).filter { $0 != leader }
        _ = try await cluster.leader(rest)
        try await cluster.put(20, through: rest[0], "later")
        try await cluster.seats[leader].start()
        try await cluster.seats[leader].etcd.waitUntilHealthyOnPort()
        try await cluster.expectEqual()
        try await cluster.stop()
    }

    @Test(
        "Mixed, the leader on either side, with snapshots both ways", .timeLimit(.minutes(3)),
        arguments: EtcdVersion.enabled, [[Seat.Kind.ours, .etcd, .etcd], [.ours, .ours, .etcd]])
    func mixed(version: EtcdVersion, kinds: [Seat.Kind]) async throws {
        let cluster = try await MixedCluster(EtcdBinary.find(version), kinds, snapshotCount: 25)
        for seat in 0..<3 {
            try await cluster.lead(seat)
            for through in 0..<3 { try await cluster.put(4, through: through, "a\(seat)\(through)-") }
            try await cluster.expectEqual()
        }
        // Each misses more than the others' logs hold, so that a database must be sent: by one of ours, and by one of etcd's.
        for (absent, sender) in [(0, 2), (2, 0)] {
            try await cluster.lead(sender)
            try await cluster.seats[absent].stop()
            try await cluster.put(70, through: sender, "missed\(absent)-")
            try await cluster.seats[absent].start()
            try await cluster.seats[absent].etcd.waitUntilHealthyOnPort()
            try await cluster.expectEqual()
        }
        try await cluster.stop()
    }

    // One of ours that is alone makes its cluster 3.5, and no member of 3.4 may then join, as with etcd's own.
    @Test(
        "One of ours joins etcd's cluster, and one of etcd's joins ours", .timeLimit(.minutes(2)),
        arguments: EtcdVersion.enabled.flatMap { version in
            [Seat.Kind.ours, .etcd].filter { $0 == .etcd || version != .v34 }.map { (version, $0) }
        })
    func joining(version: EtcdVersion, kind: Seat.Kind) async throws {
        let cluster = try await MixedCluster(EtcdBinary.find(version), [kind], snapshotCount: 20)
        try await cluster.put(30, through: 0, "before")
        try await cluster.join(kind == .ours ? .etcd : .ours)
        try await cluster.put(30, through: 1, "through the new one")
        try await cluster.join(kind)
        try await cluster.expectEqual()
        let members = try await cluster.seats[2].etcd.etcdctl("member", "list")
        #expect(members.split(separator: "\n").count(where: { $0.contains("started") }) == 3, "\(members)")
        for seat in 0..<3 { try await cluster.lead(seat) }
        try await cluster.put(10, through: 2, "after")
        try await cluster.expectEqual()
        try await cluster.stop()
    }
}
