import EtcdWire
import Mutations
import Platform
import Recovery
import Testing

/// A restore that is stopped after every operation on its disk, in every state that a power cut may leave.
@Suite struct RestoreCrashTests {
    private static let out = "/new"

    private static func request(_ made: Fabricated, _ target: RestoreTarget = .latest) -> RestoreRequest {
        RestoreRequest(from: [made.path], to: Self.out, target: target)
    }

    /// Any entry of a log: the database as it was there, with compactions half done.
    @Test(arguments: 0..<6 as Range<UInt64>)
    func everyRevision(seed: UInt64) throws {
        let made = try Fabricated(seed: seed, steps: 60, applied: 20)
        // The last entry at a revision counts.
        var revisions: [Int64: HashKVResponse] = [:]
        for (_, hash) in made.hashes.sorted(by: { $0.key < $1.key }) { revisions[hash.header.revision] = hash }
        for (revision, hash) in revisions {
            var request = Self.request(made, .revision(revision))
            (request.dataDirectory, request.bump) = ("/r\(revision)", .by(0))
            let report = try Restore.run(request, disk: made.disk)
            #expect(report.revision == revision, "seed \(seed)")
            #expect(report.hashKV == hash.hash, "seed \(seed), revision \(revision)")
            #expect(try Verify.run(request.dataDirectory, disk: made.disk).isSound, "seed \(seed)")
        }
    }

    @Test(arguments: [1, 2] as [UInt64])
    func aCrashLeavesNothingOrAll(seed: UInt64) throws {
        let dry = try Fabricated(seed: seed, steps: 30, applied: 15)
        let start = dry.disk.operationCount
        let wanted = try Restore.run(Self.request(dry), disk: dry.disk)
        let verdict = try Verify.run(Self.out, disk: dry.disk)
        #expect(verdict.isSound && start < dry.disk.operationCount)
        for operation in start...dry.disk.operationCount {
            let made = try Fabricated(seed: seed, steps: 30, applied: 15)
            made.disk.stop(after: operation)
            let isDone = (try? Restore.run(Self.request(made), disk: made.disk)) != nil
            for state in made.disk.crashStates() {
                let comment: Comment = "seed \(seed), stopped after \(operation), \(state.kind)"
                if try state.disk.stat(Self.out) != nil {
                    #expect(try Verify.run(Self.out, disk: state.disk) == verdict, comment)
                } else {
                    #expect(!isDone, comment)
                    // It goes on from what was left, and its sources are as they were.
                    let again = try Restore.run(Self.request(made), disk: state.disk)
                    #expect(again.hashKV == wanted.hashKV, comment)
                    #expect(try Verify.run(Self.out, disk: state.disk) == verdict, comment)
                }
            }
        }
    }

    /// The same where syncs do nothing: if this passed too, the test above would say nothing.
    @Test func theSweepSeesLostSyncs() throws {
        let made = try Fabricated(seed: 1, steps: 30, applied: 15)
        made.disk.ignoreSyncs()
        _ = try Restore.run(Self.request(made), disk: made.disk)
        let isWhole = made.disk.crashStates().allSatisfy { state in
            (try? Verify.run(Self.out, disk: state.disk))?.isSound == true
        }
        #expect(!isWhole)
    }

    @Test func anOccupiedPlaceIsRefused() throws {
        let made = try Fabricated(seed: 1, steps: 5, applied: 5)
        try made.disk.makeDirectory(Self.out)
        _ = try Restore.run(Self.request(made), disk: made.disk)
        let error = #expect(throws: RecoveryError.self) { try Restore.run(Self.request(made), disk: made.disk) }
        #expect(error?.code == .refused && error?.file == Self.out)
        // The report is beside it, and says the same as is printed.
        let report = try made.disk.open(Self.out + ".report.json", .read)
        let text = String(decoding: try report.read(at: 0, count: 1 << 20), as: UTF8.self)
        #expect(text.contains("\"target\": \"latest\""))
    }
}

/// What stands where a restore is made.
@Suite struct RestoreMarkerTests {
    private static let out = "/new"

    private static func request(_ made: Fabricated, _ target: RestoreTarget = .latest) -> RestoreRequest {
        RestoreRequest(from: [made.path], to: Self.out, target: target)
    }

    /// What someone put there is not taken for a restore's own.
    @Test func whatIsNotItsOwnIsLeftAlone() throws {
        let made = try Fabricated(seed: 1, steps: 5, applied: 5)
        try made.disk.makeDirectory("\(Self.out).part/member")
        let file = try made.disk.open("\(Self.out).part/notes", .create)
        try file.write([1, 2, 3], at: 0)
        try file.close()
        let error = #expect(throws: RecoveryError.self) { try Restore.run(Self.request(made), disk: made.disk) }
        #expect(error?.code == .refused && error?.file == "\(Self.out).part")
        #expect(error?.what.contains("move it away") == true)
        #expect(try made.disk.list("\(Self.out).part") == ["member", "notes"])
        try made.disk.rename("\(Self.out).part", to: "/elsewhere")
        // An empty one holds nothing that could be lost.
        try made.disk.makeDirectory("\(Self.out).part")
        _ = try Restore.run(Self.request(made), disk: made.disk)
        #expect(try made.disk.list(Self.out) == ["member"])
    }

    /// A target is tried out: it tells what a run would come to, and nothing is left of it.
    @Test(arguments: [RestoreTarget.latest, .revision(12), .beforeDelete([]), .time(Timestamp(seconds: 1 << 32))])
    func aTargetIsTriedOut(_ target: RestoreTarget) throws {
        let made = try Fabricated(seed: 3, steps: 60, applied: 20)
        var target = target
        // Of some keys the deletion is compacted by the end.
        let key = try #require(
            (0..<12).map { "k\($0)" }.first {
                (try? Restore.resolve(Self.request(made, .beforeDelete(Array($0.utf8))), disk: made.disk)) != nil
            })
        if target == .beforeDelete([]) { target = .beforeDelete(Array(key.utf8)) }
        let before = try made.disk.list("/")
        let resolved = try Restore.resolve(Self.request(made, target), disk: made.disk)
        #expect(try made.disk.list("/") == before, "\(target)")
        let report = try Restore.run(Self.request(made, target), disk: made.disk)
        #expect(resolved.revision == report.revision && resolved.index == report.index, "\(target)")
        #expect(resolved.parts == report.parts && resolved.losses == report.losses, "\(target)")
        #expect(resolved.meaning == report.meaning && resolved.time == report.time, "\(target)")
        if case .beforeDelete = target {
            #expect(resolved.meaning == "\(key) was deleted last by revision \(resolved.revision + 1)")
        }
        let unreachable = Self.request(made, .beforeDelete([0xFF]))
        #expect(throws: RecoveryError.self) {
            var request = unreachable
            request.dataDirectory = "/other"
            _ = try Restore.resolve(request, disk: made.disk)
        }
    }
}
