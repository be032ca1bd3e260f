internal import Glibc
internal import Mutations
internal import Platform

/// `Mutate COUNT [SEED] [TARGET…]`: damages what is read from disks, and prints a line of JSON for each target.
func fail(_ message: String) -> Never {
    write(message, to: 2)
    exit(2)
}

/// A line at once, whatever comes after.
func write(_ line: String, to descriptor: Int32) {
    let bytes = Array("\(line)\n".utf8)
    _ = unsafe Glibc.write(descriptor, bytes, bytes.count)
}

func mutate(_ count: Int, seed: UInt64, targets: [String]) throws {
    let commit = unsafe getenv("QUORATE_COMMIT").map { unsafe String(cString: $0) } ?? ""
    let date = SystemClock().now()
    var isClean = true
    for target in MutationTargets.all where targets.isEmpty || targets.contains(target.name) {
        let start = ContinuousClock.now
        let tally = try target.run((count * target.share + 999) / 1000, seed: seed)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        write(
            #"{"date":"\#(date)","commit":"\#(commit)","target":"\#(tally.target)","mutations":\#(tally.mutations),"#
                + #""seed":\#(seed),"same":\#(tally.same),"refused":\#(tally.refused),"unknowable":\#(tally.unknowable),"#
                + #""torn":\#(tally.torn),"wrongAnswers":\#(tally.wrongAnswers),"silentlyCut":\#(tally.silentlyCut),"#
                + #""unplaced":\#(tally.unplaced),"hangs":\#(tally.hangs),"traps":0,"seconds":\#(Int(seconds.rounded()))}"#,
            to: 1)
        for problem in tally.problems { write(problem, to: 2) }
        isClean = isClean && tally.isClean
    }
    if !isClean { exit(1) }
}

let arguments = Array(CommandLine.arguments.dropFirst())
guard let count = arguments.first.flatMap({ Int($0) }), count > 0 else { fail("how many mutations are to be made?") }
let given = arguments.count > 1 ? UInt64(arguments[1]) : nil
var generator = SystemRandomNumberGenerator()
try mutate(count, seed: given ?? generator.next() >> 1, targets: Array(arguments.dropFirst(given == nil ? 1 : 2)))
