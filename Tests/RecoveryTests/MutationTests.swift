import Glibc
import Mutations
import Platform
import Testing

/// Numbers that longer runs set.
enum Environment {
    static func number(_ name: String) -> Int? {
        unsafe getenv(name).flatMap { unsafe Int(String(cString: $0)) }
    }
}

/// Everything that is read from a disk or from another process, damaged in every way there is, as often as there is time:
/// the same answers, or a refusal that names the file and the place in it.
@Suite(.timeLimit(.minutes(60))) struct MutationTests {
    /// Of all targets together.
    private static let count = Environment.number("QUORATE_MUTATIONS") ?? 100_000
    private static let seed = Environment.number("QUORATE_SEED").map { UInt64($0) } ?? 2

    @Test(arguments: MutationTargets.all.indices)
    func damageIsNeverReadAsSomethingElse(place: Int) throws {
        let target = MutationTargets.all[place]
        let count = (Self.count * target.share + 999) / 1000
        // The same every time, so that a run tells of a change; `scripts/mutate` draws new ones.
        for seed in [1, Self.seed] {
            let tally = try target.run(count / 2, seed: seed)
            #expect(tally.isClean, "seed \(seed): \(tally.problems.joined(separator: "\n"))")
            #expect(tally.mutations == count / 2 && tally.refused > count / 8, "seed \(seed): \(tally)")
        }
    }

    /// What was once read wrongly: a sector of zeros, with a later batch behind it.
    @Test(arguments: [611, 621] as [UInt64]) func aLostSectorIsNoTornWrite(shape: UInt64) throws {
        let target = try LogTarget(seed: shape)
        let mutation = Mutation([.zero(512..<1024)])
        let verdict = target.verdict(of: mutation.damage(target.specimens[0]), for: 0, mutation)
        guard case .refused(let file, let offset) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect(file.hasSuffix(".wal") && offset.map { $0 < 512 } == true)
    }

    /// A page as it was before, in a file that is cut where nothing stands any more: what is known of the page alone.
    @Test func aLostPageIsNoWrongAnswer() throws {
        let target = try DatabaseTarget(seed: 420)
        let specimen = target.specimens[0]
        let pages = (2..<specimen.bytes.count / 4096).map { $0 * 4096..<($0 + 1) * 4096 }
        var unknowable = 0
        for page in pages {
            for end in stride(from: 8192, through: specimen.bytes.count, by: 2048) {
                let mutation = Mutation([.truncate(to: end), .older(page)])
                let verdict = target.verdict(of: mutation.damage(specimen), for: 0, mutation)
                if case .wrong(let what) = verdict { Issue.record("\(mutation): \(what)") }
                if verdict == .unknowable { unknowable += 1 }
            }
        }
        #expect(unknowable > 0)
    }

    @Test func theSharesAreAll() {
        #expect(MutationTargets.all.reduce(0) { $0 + $1.share } == 1000)
    }

    /// Each kind of damage is drawn, and does something.
    @Test func everyKindOfDamageIsDrawn() {
        let specimen = Specimen(
            (0..<2048).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 / 512 + 1) }, older: Array(repeating: 9, count: 2048),
            marks: [0, 512])
        var random = SeededRandom(seed: 1)
        var kinds: Set<Substring> = []
        for _ in 0..<1000 {
            let mutation = Mutation.draw(specimen, &random)
            guard mutation.damage(specimen) != specimen.bytes else { continue }
            for change in mutation.changes { kinds.insert("\(change)".prefix { $0 != "(" }) }
        }
        let all: Set<Substring> = [
            "flip", "set", "number", "zero", "noise", "duplicate", "swap", "older", "truncate", "remove", "insert",
        ]
        #expect(kinds == all)
    }

    /// What fuzzing began with, and what it once failed on.
    @Test(arguments: FuzzTarget.allCases)
    func inputsOfFuzzing(target: FuzzTarget) throws {
        for seed in try target.seeds() { target.run(seed) }
        let directory = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" } + "/Fuzz/Corpus/\(target)"
        let disk = RealDisk()
        guard try disk.stat(directory) != nil else { return }
        for name in try disk.list(directory) {
            let file = try disk.open("\(directory)/\(name)", .read)
            target.run(try file.read(at: 0, count: Int(try file.size())))
            try file.close()
        }
    }
}

extension SystemRandomNumberGenerator {
    /// A number that was never drawn before.
    fileprivate static var seed: UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next() >> 1
    }
}
