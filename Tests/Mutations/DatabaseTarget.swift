internal import Bolt
internal import Crypto
internal import EtcdWire
internal import Platform
internal import Recovery

/// A database without a hash of its own: its pages have no checksums, but much that must be so. Only what stands in rows
/// themselves can be read as other rows.
public struct DatabaseTarget: MutationTarget {
    public static let name = "database"
    public static let share = 80

    private let image: DatabaseImage
    /// Where rows' keys and values stand, a byte each.
    private let isRow: [Bool]
    public var specimens: [Specimen] { [self.image.specimen] }

    public init(seed: UInt64) throws {
        self.image = try DatabaseImage(seed: seed)
        var isRow = [Bool](repeating: false, count: self.image.specimen.bytes.count)
        let file = try self.image.disk.open(self.image.path, .read)
        try BoltFile(file).check { (_, entry) throws(BoltError) in
            let start = Int(entry.offset)
            for at in start..<start + entry.key.count + entry.value.count { isRow[at] = true }
        }
        self.isRow = isRow
    }

    public func verdict(of bytes: [UInt8], for specimen: Int, _ mutation: Mutation) -> Verdict {
        let verdict = self.image.verdict(of: bytes)
        guard case .wrong = verdict else { return verdict }
        // A page as it was before is a good page: that a write was lost, only a log or a snapshot's hash can tell.
        let isLostWrite = mutation.changes.contains { if case .older(let range) = $0 { range.count == 4096 } else { false } }
        if isLostWrite { return .unknowable }
        guard bytes.count == self.isRow.count else { return verdict }
        let original = self.image.specimen.bytes
        // What is changed elsewhere must make no difference.
        var rows = bytes
        for at in bytes.indices where !self.isRow[at] { rows[at] = original[at] }
        return rows == bytes || rows != original && self.image.verdict(of: rows) == verdict ? .unknowable : verdict
    }
}

/// A snapshot: its hash is over all of it.
public struct SnapshotTarget: MutationTarget {
    public static let name = "snapshot"
    public static let share = 40

    private let image: DatabaseImage
    public var specimens: [Specimen] { [self.image.specimen] }

    public init(seed: UInt64) throws {
        self.image = try DatabaseImage(seed: seed, hasHash: true)
    }

    public func verdict(of bytes: [UInt8], for specimen: Int, _ mutation: Mutation) -> Verdict {
        self.image.verdict(of: bytes)
    }
}

/// A database of a few pages, and what is in it.
struct DatabaseImage {
    let disk: SimulatedDisk
    let path = "/image.db"
    let specimen: Specimen
    private let expected: DatabaseFacts

    init(seed: UInt64, hasHash: Bool = false) throws {
        let steps = 10 + Int(seed % 4) * 20
        let made = try Fabricated(seed: seed, steps: steps, applied: .max)
        self.disk = made.disk
        // Two times of one history have the same pages in many places.
        let before = try Fabricated(seed: seed, steps: max(5, steps - 8), applied: .max)
        let database = "\(made.path)/member/snap/db"
        var bytes = try made.disk.contents(of: database)
        if hasHash { bytes += SHA256.hash(data: bytes) }
        let marks = stride(from: 0, to: bytes.count, by: 4096).flatMap { page in
            // A page's header, and what says where its first entries are.
            stride(from: page, to: page + 160, by: 8)
        }
        self.specimen = Specimen(bytes, older: try before.disk.contents(of: database), marks: marks, unit: 4096)
        try self.disk.open(self.path, .create).write(bytes, at: 0)
        let facts = try Inspect.run(self.path, disk: self.disk).facts.database
        guard let facts, facts.isSound else {
            throw MutationError("the database is not sound to begin with: \(facts!.findings)")
        }
        self.expected = facts.content
    }

    func verdict(of bytes: [UInt8]) -> Verdict {
        do throws(RecoveryError) {
            do throws(DiskError) { try self.disk.edit(self.path) { $0 = bytes } } catch { return .wrong("\(error)") }
            let inspection = try Inspect.run(self.path, disk: self.disk)
            if let damage = inspection.findings.first(where: \.isDamage) {
                return .refused(file: damage.file, offset: damage.offset)
            }
            guard let facts = inspection.facts.database else { return .wrong("no database is found") }
            return facts.content == self.expected ? .same : .wrong(Self.difference(facts.content, self.expected))
        } catch {
            return .refused(file: error.file, offset: error.offset)
        }
    }

    private static func difference(_ found: DatabaseFacts, _ expected: DatabaseFacts) -> String {
        let pairs = zip(Mirror(reflecting: found).children, Mirror(reflecting: expected).children)
        return pairs.filter { "\($0.value)" != "\($1.value)" }.map { "\($0.label ?? "") \($0.value), not \($1.value)" }
            .joined(separator: "; ")
    }
}

extension DatabaseFacts {
    /// Without what says how it is laid out.
    fileprivate var content: DatabaseFacts {
        var content = self
        (content.fileSize, content.pages, content.freePages) = (0, 0, 0)
        content.modified = .init(seconds: 0)
        content.findings = []
        return content
    }
}

/// What is to be damaged cannot be made.
struct MutationError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
