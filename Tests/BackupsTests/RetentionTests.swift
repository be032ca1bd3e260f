import Backups
import Platform
import Testing

@Suite struct RetentionTests {
    private static func manifest(_ name: String, at seconds: Int64) -> SnapshotManifest {
        SnapshotManifest(
            name: name, uri: "",
            labels: SnapshotLabels(cluster: "c", clusterID: "1", member: "m", takenAt: Timestamp(seconds: seconds)),
            sizeBytes: 0, sha256: "",
            contents: SnapshotContents(
                revision: 1, compactRevision: 0, raftIndex: 1, raftTerm: 1, keys: 0, rows: 0, members: []),
            previous: "")
    }

    private static func kept(_ retention: Retention, _ times: [String]) -> [String] {
        let snapshots = times.map { Self.manifest($0, at: Timestamp(rfc3339: "2026-11-\($0):00Z")!.seconds) }
        return retention.keep(snapshots).filter(\.isKept).map(\.snapshot.name)
    }

    @Test func theNewestOfEachHourAndDay() {
        let times = [
            "20T10:00", "21T09:00", "21T23:59", "22T00:00", "22T10:00", "22T10:30", "22T11:00", "22T11:10", "22T11:20",
        ]
        #expect(Self.kept(Retention(keepLast: 2), times) == ["22T11:10", "22T11:20"])
        #expect(Self.kept(Retention(keepLast: 0, hourly: 3), times) == ["22T00:00", "22T10:30", "22T11:20"])
        #expect(Self.kept(Retention(keepLast: 0, daily: 3), times) == ["20T10:00", "21T23:59", "22T11:20"])
        #expect(Self.kept(Retention(keepLast: 0), times) == ["22T11:20"])
        #expect(Self.kept(Retention(keepLast: .max, hourly: .max, daily: .max), times) == times)
        #expect(Self.kept(Retention(keepLast: -1, hourly: .min, daily: -5), times) == ["22T11:20"])
        #expect(Self.kept(Retention(), []) == [])
    }

    @Test func eachIsKeptForReasonsThatAreTold() {
        let verdicts = Retention(keepLast: 1, hourly: 2, daily: 1).keep([
            Self.manifest("a", at: 0), Self.manifest("b", at: 3599), Self.manifest("c", at: 3600),
        ])
        #expect(verdicts.map(\.reasons) == [[], [.hourly], [.newest, .last, .hourly, .daily]])
    }

    /// Whatever the rules and the times: the newest stays, each rule keeps as many as it says, and nothing else is kept.
    @Test(arguments: 0..<200 as Range<UInt64>) func properties(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let retention = Retention(
            keepLast: .random(in: -1...6, using: &random), hourly: .random(in: -1...6, using: &random),
            daily: .random(in: -1...6, using: &random))
        let span = Int64.random(in: 1...1_000_000, using: &random)
        var snapshots = (0..<Int.random(in: 1...40, using: &random)).map { index in
            Self.manifest("s\(index)", at: .random(in: -span...span, using: &random))
        }
        let verdicts = retention.keep(snapshots)
        let kept = verdicts.filter(\.isKept)
        #expect(Set(verdicts.map(\.snapshot)) == Set(snapshots), "seed \(seed)")
        let newest = verdicts[verdicts.count - 1]
        #expect(newest.reasons.first == .newest, "seed \(seed)")
        #expect(verdicts.allSatisfy { $0.snapshot.labels.takenAt <= newest.snapshot.labels.takenAt }, "seed \(seed)")

        func buckets(_ seconds: Int64) -> Set<Int64> {
            Set(snapshots.map { ($0.labels.takenAt.seconds + 10_000 * 86_400) / seconds })
        }
        let counts = [
            (Retention.Reason.last, min(max(0, retention.keepLast), snapshots.count)),
            (.hourly, min(max(0, retention.hourly), buckets(3600).count)),
            (.daily, min(max(0, retention.daily), buckets(86_400).count)),
        ]
        for (reason, count) in counts {
            #expect(kept.filter { $0.reasons.contains(reason) }.count == count, "seed \(seed): \(reason)")
        }
        // What was kept is kept again, and the order of the question does not count.
        snapshots.shuffle(using: &random)
        #expect(retention.keep(snapshots) == verdicts, "seed \(seed)")
        #expect(retention.keep(kept.map(\.snapshot)) == kept, "seed \(seed)")
    }
}
