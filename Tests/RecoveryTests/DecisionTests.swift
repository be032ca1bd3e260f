import Platform
import Recovery
import Testing

/// What a restore decides, by table.
@Suite struct DecisionTests {
    private typealias Log = LogChoice.Candidate

    private static func log(_ runs: [(UInt64, ClosedRange<UInt64>)], commit: UInt64 = 0, damaged: Bool = false) -> Log {
        Log(
            runs: runs.map { TermRun(term: $0.0, first: $0.1.lowerBound, last: $0.1.upperBound) }, commit: commit,
            isDamaged: damaged)
    }

    @Test func theLastTermThenTheLongestLogIsBelieved() throws {
        let table: [(String, [Log], chosen: Int?, parts: [LogChoice.Part])] = [
            ("none", [], nil, []),
            ("one", [Self.log([(1, 1...9)])], 0, [.init(log: 0, first: 1, last: 9)]),
            (
                "the longer of one term", [Self.log([(1, 1...9)]), Self.log([(1, 1...12)])], 1,
                [.init(log: 1, first: 1, last: 12)]
            ),
            (
                "a later term, though it is shorter", [Self.log([(1, 1...90)]), Self.log([(1, 1...9), (2, 10...11)])], 1,
                [.init(log: 1, first: 1, last: 11)]
            ),
            (
                "a sound one before one as long that is damaged",
                [Self.log([(1, 1...9)], damaged: true), Self.log([(1, 1...9)])], 1, [.init(log: 1, first: 1, last: 9)]
            ),
            (
                "goes back through one that meets it", [Self.log([(3, 50...80)]), Self.log([(1, 1...40), (3, 41...60)])], 0,
                [.init(log: 1, first: 1, last: 49), .init(log: 0, first: 50, last: 80)]
            ),
            (
                "not through one of another term where they meet",
                [Self.log([(3, 50...80)]), Self.log([(1, 1...40), (2, 41...60)])], 0, [.init(log: 0, first: 50, last: 80)]
            ),
            (
                "through one that ends right before it, where that is committed",
                [Self.log([(3, 50...80)]), Self.log([(1, 1...49)], commit: 49)], 0,
                [.init(log: 1, first: 1, last: 49), .init(log: 0, first: 50, last: 80)]
            ),
            (
                "not where it is not", [Self.log([(3, 50...80)]), Self.log([(1, 1...49)], commit: 48)], 0,
                [.init(log: 0, first: 50, last: 80)]
            ),
            (
                "through two", [Self.log([(3, 50...80)]), Self.log([(1, 1...30)]), Self.log([(1, 20...40), (3, 41...55)])], 0,
                [
                    .init(log: 1, first: 1, last: 19), .init(log: 2, first: 20, last: 49),
                    .init(log: 0, first: 50, last: 80),
                ]
            ),
        ]
        for (name, logs, chosen, parts) in table {
            let choice = try LogChoice.choose(logs)
            #expect(choice?.log == chosen, "\(name)")
            #expect(choice?.parts ?? [] == parts, "\(name)")
        }
    }

    @Test func whatContradictsItselfIsRefused() throws {
        let logs = [Self.log([(1, 1...40)], commit: 30), Self.log([(1, 1...20), (2, 21...25)])]
        let refusal = #expect(throws: LogChoice.Refusal.self) { _ = try LogChoice.choose(logs) }
        #expect(refusal == .contradiction(log: 1, other: 0, index: 30))
        #expect(try LogChoice.choose([Self.log([(1, 1...40)], commit: 20), logs[1]])?.commit == 20)
    }

    @Test func theBaseIsTheNewestAtOrBeforeTheTarget() {
        typealias Base = BaseChoice.Candidate
        let snapshots = [
            Base(index: 100, term: 2, revision: 90, compactRevision: 10),
            Base(index: 300, term: 3, revision: 280, compactRevision: 150),
        ]
        func choose(
            _ bases: [Base], _ entries: ClosedRange<UInt64>?, _ goal: BaseChoice.Goal, term: UInt64? = nil
        ) -> BaseChoice.Choice {
            BaseChoice.choose(bases, entries: entries, goal: goal, term: { _ in term })
        }
        #expect(choose(snapshots, 50...400, .latest) == .replay(from: 1))
        #expect(choose(snapshots, nil, .latest) == .replay(from: 1))
        #expect(choose(snapshots, 50...400, .revision(200)) == .replay(from: 0))
        #expect(choose(snapshots, 50...400, .revision(280)) == .replay(from: 1))
        #expect(choose(snapshots, 50...400, .index(299)) == .replay(from: 0))
        // No log: a database has it, or is taken back to it, or nothing does.
        #expect(choose(snapshots, nil, .revision(90)) == .replay(from: 0))
        #expect(choose(snapshots, nil, .revision(200)) == .rewind(1))
        #expect(choose(snapshots, nil, .revision(60)) == .rewind(0))
        #expect(choose([snapshots[1]], nil, .revision(150)) == .rewind(0))
        guard case .unreachable(let compacted) = choose([snapshots[1]], nil, .revision(149)) else {
            Issue.record("revision 149 is compacted")
            return
        }
        #expect(compacted == "revision 149 was compacted: the oldest that can be reached is 150")
        guard case .unreachable(let beyond) = choose(snapshots, nil, .revision(281)) else {
            Issue.record("revision 281 is beyond the end")
            return
        }
        #expect(beyond == "revision 281 is not reached: the sources end at 280")
        // The log begins after the earlier one, so only taking back reaches between them.
        #expect(choose(snapshots, 200...400, .revision(200)) == .rewind(1))
        // From the first entry on, nothing else is needed.
        #expect(choose([], 1...400, .latest) == .replay(from: nil))
        #expect(choose([snapshots[1]], 1...400, .revision(5)) == .replay(from: nil))
        // A gap after the newest, and a log of another history.
        for choice in [choose(snapshots, 302...400, .latest), choose(snapshots, 1...400, .latest, term: 9)] {
            guard case .unreachable = choice else {
                Issue.record("\(choice)")
                continue
            }
        }
    }

    @Test func aBumpPassesAllThatWasSeenOrImplied() {
        func amount(_ wish: RevisionBump.Wish, _ restored: Int64, _ seen: Int64, _ after: UInt64, _ majority: Bool) -> Int64 {
            RevisionBump.amount(
                wish, .init(restored: restored, highestSeen: seen, entriesAfter: after, hasMajority: majority))
        }
        #expect(amount(.by(0), 10, 50, 5, false) == 0)
        #expect(amount(.by(7), 10, 50, 5, false) == 7)
        #expect(amount(.fromEvidence, 10, 10, 0, true) == 1_000)
        #expect(amount(.fromEvidence, 10, 10, 0, false) == 1_000_000_000)
        #expect(amount(.fromEvidence, 10, 60, 7, true) == 1_057)
        #expect(amount(.fromEvidence, 60, 10, 0, true) == 1_000)
        #expect(amount(.fromEvidence, 0, .max, .max, false) == Int64.max / 4)
    }

    @Test func aTimeIsNeverPassed() {
        func at(_ seconds: Int64) -> Timestamp { Timestamp(seconds: seconds) }
        let bounds: [TimeChoice.Bound] = [
            .init(index: 10, time: at(100), evidence: "a"), .init(index: 20, time: at(200), evidence: "b"),
            .init(index: 20, time: at(150), evidence: "c"), .init(index: 15, time: at(180), evidence: "d"),
            .init(index: 40, time: at(400), evidence: "e"),
        ]
        #expect(TimeChoice.choose(bounds, at: at(99)) == nil)
        #expect(TimeChoice.choose(bounds, at: at(100))?.index == 10)
        #expect(TimeChoice.choose(bounds, at: at(149))?.index == 10)
        #expect(TimeChoice.choose(bounds, at: at(149))?.next?.evidence == "c")
        #expect(TimeChoice.choose(bounds, at: at(399))?.bound.evidence == "c")
        #expect(TimeChoice.choose(bounds, at: at(399))?.next?.evidence == "e")
        #expect(TimeChoice.choose(bounds, at: at(1000))?.next == nil)
    }

    @Test func aRequestsIdTellsWhenItsMemberStarted() {
        // 2026-11-22T14:03:22.500Z
        let started: Int64 = 1_795_356_202_500
        let id = 0xBEEF << 48 | UInt64(started & (1 << 40 - 1)) << 8 | 17
        let before = Timestamp(seconds: 1_795_400_000)
        #expect(TimeChoice.earliest(requestID: id, before: before) == Timestamp(nanoseconds: started * 1_000_000))
        #expect(TimeChoice.earliest(requestID: 0, before: before) == nil)
        #expect(TimeChoice.earliest(requestID: id, before: Timestamp(seconds: 1)) == nil)
    }

    @Test func clustersAreWrittenAsEtcdWritesThem() throws {
        let two = try NewCluster(
            name: "b", initialCluster: "a=http://10.0.0.1:2380,b=http://10.0.0.2:2380,b=https://10.0.0.2:2381", token: "t",
            advertised: ["https://10.0.0.2:2381", "http://10.0.0.2:2380"])
        #expect(two.members.map(\.name) == ["a", "b"] && two.members[1].peerURLs.count == 2)
        for wrong in [
            "", "a", "=http://a:1", "a=ftp://a:1", "a=http://a", "a=http://:1", "a=http://a:0", "a=http://a:1/x",
            "c=http://a:1", "a=http://a:1,c=http://a:1",
        ] {
            #expect(throws: NewClusterError.self, "\(wrong)") {
                _ = try NewCluster(name: "a", initialCluster: wrong, token: "t")
            }
        }
        #expect(throws: NewClusterError.self) {
            _ = try NewCluster(name: "a", initialCluster: "a=http://a:1", token: "t", advertised: ["http://a:2"])
        }
        // Known to be etcd's.
        let golden = ClusterIdentity(NewCluster())
        #expect(golden.memberID == 0x8e9e_05c5_2164_694d && golden.clusterID == 0xcdf8_1819_4e3a_8c32)
        let three = ClusterIdentity(
            NewCluster(
                name: "1",
                members: (1...3).map { .init(name: "\($0)", peerURLs: ["http://127.0.0.1:\($0)2380"]) },
                token: "etcd-cluster-1"))
        #expect(three.members.map(\.id) == [0x8211_f1d0_f64f_3269, 0x91bc_3c39_8fb3_c146, 0xfd42_2379_fda5_0e48])
        #expect(three.clusterID == 0xef37_ad9d_c622_a7c4)
    }
}
