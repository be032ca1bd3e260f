public import Platform

/// One way in which bytes are not what was written.
public struct Mutation: Sendable, Hashable {
    /// What disks, and programs that write where they should not, do to bytes.
    public enum Change: Sendable, Hashable {
        case flip(bit: Int, at: Int)
        case set(UInt8, at: Int)
        /// A field of some bytes, little-endian.
        case number(UInt64, bytes: Int, at: Int)
        case zero(Range<Int>)
        case noise(Range<Int>, seed: UInt64)
        case duplicate(Range<Int>, to: Int)
        case swap(Range<Int>, with: Int)
        /// As it was some time before: a write that never reached the disk.
        case older(Range<Int>)
        case truncate(to: Int)
        case remove(Range<Int>)
        case insert([UInt8], at: Int)
    }

    public var changes: [Change]

    public init(_ changes: [Change]) {
        self.changes = changes
    }
}

extension Mutation: CustomStringConvertible {
    public var description: String {
        self.changes.map { "\($0)" }.joined(separator: ", then ")
    }
}

/// Bytes to be damaged, and where damage to them is likely to matter.
public struct Specimen: Sendable {
    public var bytes: [UInt8]
    /// The same file at an earlier time; empty where there is none.
    public var older: [UInt8]
    /// Where fields stand that say how long something is, or where.
    public var marks: [Int]
    /// Bytes that are written together.
    public var unit: Int

    public init(_ bytes: [UInt8], older: [UInt8] = [], marks: [Int] = [], unit: Int = 512) {
        (self.bytes, self.older, self.marks, self.unit) = (bytes, older, marks, unit)
    }
}

extension Mutation {
    /// Draws one; now and then two after each other.
    public static func draw(_ specimen: Specimen, _ random: inout SeededRandom) -> Mutation {
        var mutation = Mutation([Self.change(specimen, &random)])
        if random.chance(0.1) { mutation.changes.append(Self.change(specimen, &random)) }
        return mutation
    }

    private static func change(_ specimen: Specimen, _ random: inout SeededRandom) -> Change {
        let count = specimen.bytes.count
        func place(_ random: inout SeededRandom) -> Int {
            guard let mark = specimen.marks.randomElement(using: &random), random.chance(0.5) else {
                return Int.random(in: 0..<max(1, count), using: &random)
            }
            return min(max(0, count - 1), mark + Int.random(in: 0..<16, using: &random))
        }
        func unit(_ random: inout SeededRandom) -> Range<Int> {
            // A sector, or as much as is written together.
            let size = random.chance(0.5) ? 512 : specimen.unit
            let start = Int.random(in: 0...max(0, (count - 1) / size), using: &random) * size
            return start..<min(count, start + size)
        }
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<6: return .flip(bit: Int.random(in: 0..<8, using: &random), at: place(&random))
        case 6..<8:
            let value: UInt8 = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
            return .set(random.chance(0.5) ? value : UInt8.random(in: 0...255, using: &random), at: place(&random))
        case 8..<11: return Self.number(specimen, at: place(&random), &random)
        case 11: return .zero(unit(&random))
        case 12:
            let start = place(&random)
            return .noise(start..<min(count, start + Int.random(in: 1...64, using: &random)), seed: random.next())
        case 13: return .duplicate(unit(&random), to: unit(&random).lowerBound)
        case 14: return .swap(unit(&random), with: unit(&random).lowerBound)
        case 15 where !specimen.older.isEmpty: return .older(unit(&random))
        case 16:
            let start = place(&random)
            return .remove(start..<min(count, start + Int.random(in: 1...16, using: &random)))
        case 17: return .insert(Self.bytes(&random), at: random.chance(0.2) ? count : place(&random))
        default: return .truncate(to: random.chance(0.5) ? unit(&random).lowerBound : place(&random))
        }
    }

    /// A length or place that is a little wrong, or very much.
    private static func number(_ specimen: Specimen, at place: Int, _ random: inout SeededRandom) -> Change {
        let bytes = [2, 4, 8].randomElement(using: &random) ?? 8
        let at = place & ~(random.chance(0.8) ? bytes - 1 : 0)
        let old = (0..<bytes).reversed().reduce(0 as UInt64) { value, index in
            value << 8 | (specimen.bytes.indices.contains(at + index) ? UInt64(specimen.bytes[at + index]) : 0)
        }
        let size = UInt64(specimen.bytes.count)
        let value =
            [
                old &+ 1, old &- 1, old &+ 8, old &* 2, old << 8, .max, .max >> 1, 1 << 31, 1 << 63, size, size &- UInt64(at),
                UInt64(random.next() >> 40),
            ].randomElement(using: &random) ?? 0
        return .number(value, bytes: bytes, at: at)
    }

    private static func bytes(_ random: inout SeededRandom) -> [UInt8] {
        (0..<Int.random(in: 1...16, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// The specimen's bytes, damaged.
    public func damage(_ specimen: Specimen) -> [UInt8] {
        var bytes = specimen.bytes
        for change in self.changes { Self.apply(change, to: &bytes, older: specimen.older) }
        return bytes
    }

    private static func apply(_ change: Change, to bytes: inout [UInt8], older: [UInt8]) {
        switch change {
        case .flip(let bit, let at): if bytes.indices.contains(at) { bytes[at] ^= 1 << UInt8(bit) }
        case .set(let value, let at): if bytes.indices.contains(at) { bytes[at] = value }
        case .number(let value, let count, let at):
            for index in 0..<count where bytes.indices.contains(at + index) {
                bytes[at + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8))
            }
        case .zero(let range): for at in range.clamped(to: bytes.indices) { bytes[at] = 0 }
        case .noise(let range, let seed):
            var random = SeededRandom(seed: seed)
            for at in range.clamped(to: bytes.indices) { bytes[at] = UInt8.random(in: 0...255, using: &random) }
        case .duplicate(let range, let target):
            for (index, byte) in Array(bytes[range.clamped(to: bytes.indices)]).enumerated()
            where bytes.indices.contains(target + index) {
                bytes[target + index] = byte
            }
        case .swap(let range, let other):
            for (index, at) in range.clamped(to: bytes.indices).enumerated() where bytes.indices.contains(other + index) {
                bytes.swapAt(at, other + index)
            }
        case .older(let range):
            for at in range.clamped(to: bytes.indices).clamped(to: older.indices) { bytes[at] = older[at] }
        case .truncate(let size): bytes.removeLast(max(0, bytes.count - size))
        case .remove(let range): bytes.removeSubrange(range.clamped(to: bytes.indices))
        case .insert(let inserted, let at): bytes.insert(contentsOf: inserted, at: min(at, bytes.count))
        }
    }
}
