internal import ClusterAPI
internal import Platform
internal import Testing

@testable internal import quorate

@Suite("What is drawn")
struct RenderingTests {
    @Test(
        "Ages",
        arguments: [
            (0, "0s"), (119, "119s"), (120, "2m"), (312, "5m12s"), (3900, "65m"), (11_520, "3h12m"), (108_000, "30h"),
            (277_200, "3d5h"), (1_036_800, "12d"), (-5, "0s"),
        ])
    func ages(seconds: Int, text: String) {
        #expect(Human.age(.seconds(seconds)) == text)
    }

    @Test(
        "Bytes",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (20_480, "20 KiB"), (1_048_575, "1 MiB"),
            (2 << 30, "2 GiB"), (Int64.max, "8 EiB"), (-1, "-1 B"),
        ])
    func bytes(count: Int64, text: String) {
        #expect(Human.bytes(count) == text)
    }

    @Test("A table is as wide as it must be, and cut where it may not be")
    func table() {
        let table = TextTable(header: ["A", "LONG"], rows: [["x\ny", ""], ["longer", .init("z", .red)]])
        expectLines(
            table.lines(),
            """
            A        LONG
            x y
            longer   z
            """)
        #expect(table.lines(style: .coloured)[2] == "longer   \u{1B}[31mz\u{1B}[0m")
        #expect(table.lines(width: 5) == ["A", "x y", "long…"])
        #expect(table.lines(indent: 2, width: 12).allSatisfy { $0.count <= 12 })
    }

    @Test("get ec")
    func clusters() {
        var fresh = EtcdCluster(metadata: ObjectMeta(name: "fresh"), spec: EtcdClusterSpec())
        fresh.spec.replicas = 1
        expectLines(
            Columns.clusters([Samples.cluster(), fresh], now: Samples.now, wide: false).lines(),
            """
            NAME     READY   QUORATE   LEADER     REVISION   DB SIZE   LAST SNAPSHOT   PHASE     AGE
            orders   3/3     True      orders-1   42000      20 KiB    5m              Running   120m
            fresh    0/1     Unknown   -          -          -         -               Pending   -
            """)
        let wide = Columns.clusters([Samples.growing()], now: Samples.now, wide: true).lines()
        #expect(
            wide[0].hasSuffix("AGE    ENGINE     CLUSTER ID         ENDPOINTS" + String(repeating: " ", count: 62) + "DOING"))
        #expect(wide[1].hasSuffix("http://127.0.0.1:40003   ScaleUp: WaitCaughtUp"))
    }

    @Test("The live table")
    func live() {
        expectLines(
            LiveTable.lines([Samples.growing()], now: Samples.now),
            """
            quorate  2026-11-22T23:02:56Z  1 cluster, 0 running

            NAME     READY   QUORATE   LEADER     REVISION   DB SIZE   LAST SNAPSHOT   PHASE     AGE
            orders   3/5     True      orders-1   42000      20 KiB    5m              Scaling   120m

            orders: add orders-4 as a learner, then promote it (WaitCaughtUp, 12s)
            orders: Defragment orders-2 waits: a change of membership is in flight; until orders-4 is promoted

            MEMBER     ROLE       STATE   ENGINE       DB SIZE   IN USE   RAFT INDEX   ENDPOINT
            orders-1   Leader     Ready   Etcd 3.5.1   20 KiB    16 KiB   50123        http://127.0.0.1:40001
            orders-2   Follower   Ready   Etcd 3.5.1   20 KiB    16 KiB   50123        http://127.0.0.1:40002
            orders-3   Follower   Ready   Etcd 3.5.1   20 KiB    16 KiB   50123        http://127.0.0.1:40003
            """)
    }

    @Test("The live table with nothing, with quorum lost, and in a small window")
    func liveEdges() {
        #expect(LiveTable.lines([], now: Samples.now).count == 1)
        var lost = Samples.cluster()
        lost.status.phase = .quorumLost
        #expect(LiveTable.lines([lost], now: Samples.now).contains { $0.hasSuffix("see  quorate restore orders") })
        let small = LiveTable.lines([Samples.growing()], now: Samples.now, width: 40, height: 8)
        #expect(small.count <= 8)
        #expect(small.dropFirst(2).allSatisfy { $0.count <= 40 })
        let names = LiveTable.lines([Samples.cluster("b"), Samples.cluster("a")], now: Samples.now)
        #expect(names[3].hasPrefix("a ") && names[4].hasPrefix("b "))
    }

    @Test("A screen draws over what it drew")
    func screen() {
        var screen = Screen()
        #expect(screen.redraw(["a", "b"]) == "a\u{1B}[K\nb\u{1B}[K\n\u{1B}[J")
        #expect(screen.redraw(["c"]) == "\u{1B}[2A\rc\u{1B}[K\n\u{1B}[J")
    }

    @Test("describe ec")
    func describe() {
        var event = Event(
            regarding: "EtcdCluster/orders", type: .warning, reason: "DefragmentationDeferred",
            message: "orders-4 is a learner",
            time: Samples.now - .seconds(5))
        event.count = 3
        let view = DescribeView(cluster: Samples.growing(), events: [event], snapshots: [], now: Samples.now)
        expectLines(view.lines(), described)
    }

    @Test("plan")
    func plan() {
        let plan = Plan(
            steps: [
                PlanStep(
                    action: "AddLearner orders-4", why: "3 of 5 members", risk: .none, toleranceBefore: 1, toleranceAfter: 1),
                PlanStep(
                    action: "MoveLeader orders-2", why: "orders-1 goes", risk: .leaderChange, toleranceBefore: 1,
                    toleranceAfter: 2),
            ], blocked: [], summary: "2 steps")
        expectLines(
            PlanView.lines(plan, of: "orders", now: Samples.now),
            """
            orders: 2 steps

              STEP   ACTION                RISK           TOLERANCE   WHY
              1      AddLearner orders-4   None           1 -> 1      3 of 5 members
              2      MoveLeader orders-2   LeaderChange   1 -> 2      orders-1 goes

              TOLERANCE is how many members may fail with quorum kept, before and after the step.
            """)
    }

    @Test("restore, before it is approved")
    func proposal() {
        let lines = RestoreView.proposal(for: Samples.cluster(), by: Samples.restore(), now: Samples.now)
        expectLines(
            lines,
            """
            Restoring orders would:

              1. take this snapshot, which was read and is whole
                 Snapshot  file:///srv/backups/orders/orders-20261122T225756Z.snapshot
                 Taken     2026-11-22T22:57:56Z (5m ago) from orders-2
                 Revision  41900
                 Size      20 KiB (20512 bytes)
                 SHA-256   abababababababababababababababababababababababababababababababab
              2. stop what still runs of the old members
              3. move the old data aside; nothing is deleted
              4. start one member from the snapshot, as a new cluster; the cluster id cdf818194e3a8c32 ends, a new one begins
              5. grow to 3 members

            What may be lost: revisions 41901 to 42000. In words: Restored.
            The cluster has quorum now: what was written to it after the snapshot would be gone from it.
            """)
    }

    @Test("restore to a moment, before it is approved")
    func proposalOfAMoment() {
        var restore = Samples.restore()
        restore.status.report?.target = .beforeDelete("/orders/2")
        restore.status.report?.resolved = "revision 41950, entry 9: /orders/2 was deleted last by revision 41951"
        restore.status.report?.timing = ["at 2026-11-22T23:02:56Z at the latest: the archive saw it"]
        let lines = RestoreView.proposal(for: Samples.cluster(), by: restore, now: Samples.now)
        expectLines(
            Array(lines[2..<7]) + [lines.last ?? ""],
            """
              1. take this snapshot, which was read and is whole, and what was archived around it
                 Target    before the last deletion of /orders/2
                 That is   revision 41950, entry 9: /orders/2 was deleted last by revision 41951
                 When      at 2026-11-22T23:02:56Z at the latest: the archive saw it
                 Snapshot  file:///srv/backups/orders/orders-20261122T225756Z.snapshot
            The cluster has quorum now: what was written to it after that would be gone from it.
            """)
    }

    @Test("restore, when it is done")
    func report() {
        let restore = Samples.restore()
        let lines = RestoreView.report(restore, now: Samples.now)
        #expect(lines.first == "Restored.")
        #expect(
            lines.suffix(3) == [
                "Possibly lost  revisions 41901 to 42000", "Moved aside    /srv/data/orders/removed/orders-1",
                "Took           9s",
            ])
    }
}

/// What `describe` draws of the growing sample.
private let described = """
    Name           orders
    Namespace      default
    Phase          Scaling
    Replicas       3 ready of 5
    Engine         Etcd 3.5
    Cluster ID     cdf818194e3a8c32
    Leader         orders-1
    Revision       42000
    Generation     3, of which the status below still shows 2
    Created        2026-11-22T21:02:56Z (120m ago)
    Deletion       Retain

    In flight
      ScaleUp: add orders-4 as a learner, then promote it
      step WaitCaughtUp, since 2026-11-22T23:02:44Z (12s ago)
      member orders-4
      3 of 5 members ready (60 %)

    Blocked
      Defragment orders-2
        why      a change of membership is in flight
        since    2026-11-22T23:02:44Z (12s)
        until    orders-4 is promoted

    Members
      MEMBER     ROLE       STATE   ENGINE       DB SIZE   IN USE   RAFT INDEX   ENDPOINT                 ID                 PID
      orders-1   Leader     Ready   Etcd 3.5.1   20 KiB    16 KiB   50123        http://127.0.0.1:40001   8e9e05c521646941   101
      orders-2   Follower   Ready   Etcd 3.5.1   20 KiB    16 KiB   50123        http://127.0.0.1:40002   8e9e05c521646942   102
      orders-3   Follower   Ready   Etcd 3.5.1   20 KiB    16 KiB   50123        http://127.0.0.1:40003   8e9e05c521646943   103
      orders-1: data in /srv/data/orders/orders-1
      orders-2: data in /srv/data/orders/orders-2
      orders-3: data in /srv/data/orders/orders-3

    Conditions
      TYPE      STATUS   SINCE   REASON          MESSAGE
      Quorate   True     116m    QuorumReached   3 of 3 members agree on a leader

    Backup
      Schedule     */30 * * * * UTC
      Snapshot     file:///srv/backups/orders/orders-20261122T225756Z.snapshot
      Taken        2026-11-22T22:57:56Z (5m ago) from orders-2
      Revision     41900
      Size         20 KiB (20512 bytes)
      SHA-256      abababababababababababababababababababababababababababababababab

    Events
      LAST SEEN   TYPE      REASON                    MESSAGE
      5s          Warning   DefragmentationDeferred   orders-4 is a learner (x3)
    """
