internal import Platform

/// What came of reading damaged bytes.
public enum Verdict: Sendable, Hashable {
    /// As if nothing had happened.
    case same
    /// Refused, with the file and the place in it.
    case refused(file: String, offset: Int64?)
    /// Something else was read, as it must be: the format has nothing that could tell, as in a row's own bytes.
    case unknowable
    /// The end was cut, with a word of it, where the bytes are as an interrupted write leaves them.
    case torn
    /// Something else was read, and no word of it.
    case wrong(String)
    /// Entries that had been acknowledged are gone, and no word of it.
    case cut(String)
}

/// Something that is read, damaged in one way after another.
public protocol MutationTarget {
    static var name: String { get }
    /// Its share of a run's mutations, in thousandths.
    static var share: Int { get }

    init(seed: UInt64) throws
    /// What may be damaged: a file, or a message, each.
    var specimens: [Specimen] { get }
    /// Reads all, with one specimen's bytes replaced.
    func verdict(of bytes: [UInt8], for specimen: Int, _ mutation: Mutation) -> Verdict
}

/// What many mutations came to.
public struct MutationTally: Sendable {
    public var target: String
    public var seed: UInt64
    public var mutations = 0
    public var same = 0
    public var refused = 0
    public var unknowable = 0
    public var torn = 0
    public var wrongAnswers = 0
    public var silentlyCut = 0
    /// Refused without saying where.
    public var unplaced = 0
    /// That took more than ``patience``.
    public var hangs = 0
    /// The first few of what must not be.
    public var problems: [String] = []

    public static let patience = Duration.seconds(5)

    public init(target: String, seed: UInt64) {
        (self.target, self.seed) = (target, seed)
    }

    public var isClean: Bool { self.wrongAnswers + self.silentlyCut + self.unplaced + self.hangs == 0 }

    fileprivate mutating func add(_ verdict: Verdict, _ place: @autoclosure () -> String) {
        self.mutations += 1
        switch verdict {
        case .same: self.same += 1
        case .unknowable: self.unknowable += 1
        case .torn: self.torn += 1
        case .refused(let file, let offset):
            self.refused += 1
            if file.isEmpty || offset == nil || offset! < 0 {
                self.unplaced += 1
                self.note("\(place()): refused without a place: \(file) \(offset.map { "\($0)" } ?? "nil")")
            }
        case .wrong(let what):
            self.wrongAnswers += 1
            self.note("\(place()): wrong: \(what)")
        case .cut(let what):
            self.silentlyCut += 1
            self.note("\(place()): cut: \(what)")
        }
    }

    fileprivate mutating func note(_ problem: String) {
        if self.problems.count < 10 { self.problems.append(problem) }
    }
}

extension MutationTarget {
    /// Damages what is to be damaged so many times, each time from the sound bytes.
    public static func run(_ count: Int, seed: UInt64) throws -> MutationTally {
        var tally = MutationTally(target: Self.name, seed: seed)
        var random = SeededRandom(seed: seed)
        // What is damaged is made anew now and then, so that it is not always the same.
        let batch = max(1000, count / 8)
        while tally.mutations < count {
            let shape = random.next() % 1000
            let target = try Self(seed: shape)
            let specimens = target.specimens
            for _ in 0..<min(batch, count - tally.mutations) {
                let index = Int.random(in: 0..<specimens.count, using: &random)
                let mutation = Mutation.draw(specimens[index], &random)
                let bytes = mutation.damage(specimens[index])
                let start = ContinuousClock.now
                let verdict: Verdict =
                    bytes == specimens[index].bytes ? .same : target.verdict(of: bytes, for: index, mutation)
                let time = ContinuousClock.now - start
                func place() -> String {
                    "\(Self.name), seed \(seed), made from \(shape), specimen \(index), \(mutation)"
                }
                tally.add(verdict, place())
                if time > MutationTally.patience {
                    tally.hangs += 1
                    tally.note("\(place()): took \(time)")
                }
            }
        }
        return tally
    }
}

/// All that is damaged.
public enum MutationTargets {
    public static var all: [any MutationTarget.Type] {
        [MessageTarget.self, LogTarget.self, SnapTarget.self, DatabaseTarget.self, SnapshotTarget.self, DirectoryTarget.self]
    }
}
