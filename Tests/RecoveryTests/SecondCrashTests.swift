import Mutations
import Platform
import Recovery
import Testing

/// A restore that is stopped, gone on with, and stopped again.
@Suite struct SecondCrashTests {
    private static let out = "/new"

    /// A second power cut, while what the first left is gone on with.
    @Test func aSecondCrashLeavesNothingOrAll() throws {
        let seed: UInt64 = 3
        func make() throws -> Fabricated { try Fabricated(seed: seed, steps: 20, applied: 10) }
        let dry = try make()
        let start = dry.disk.operationCount
        _ = try Restore.run(RestoreRequest(from: [dry.path], to: Self.out), disk: dry.disk)
        let verdict = try Verify.run(Self.out, disk: dry.disk)
        var interrupted = 0
        for operation in stride(from: start + 1, to: dry.disk.operationCount, by: 5) {
            let made = try make()
            made.disk.stop(after: operation)
            _ = try? Restore.run(RestoreRequest(from: [made.path], to: Self.out), disk: made.disk)
            for kind in [CrashKind.everything, .subset(1)] {
                let first = made.disk.afterCrash(kind)
                guard try first.stat(Self.out) == nil else { continue }
                _ = try Restore.run(RestoreRequest(from: [made.path], to: Self.out), disk: first)
                for second in stride(from: operation % 3, to: first.operationCount, by: 3) {
                    let disk = made.disk.afterCrash(kind)
                    disk.stop(after: second)
                    _ = try? Restore.run(RestoreRequest(from: [made.path], to: Self.out), disk: disk)
                    interrupted += 1
                    for state in disk.unsyncedCount == 0 ? disk.crashStates()[..<1] : disk.crashStates()[...] {
                        let comment: Comment = "stopped after \(operation), \(kind), then after \(second), \(state.kind)"
                        if try state.disk.stat(Self.out) == nil {
                            _ = try Restore.run(RestoreRequest(from: [made.path], to: Self.out), disk: state.disk)
                        }
                        #expect(try Verify.run(Self.out, disk: state.disk) == verdict, comment)
                    }
                }
            }
        }
        #expect(interrupted > 20)
    }
}
