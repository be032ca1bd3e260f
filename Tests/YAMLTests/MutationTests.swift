import Testing
import YAML

/// A generator whose whole sequence follows from a seed (SplitMix64).
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Bytes from outside never trap, whatever they are.
@Suite struct MutationTests {
    static let text = """
        # a comment
        a: {b: [1, 2.5, "x\\n", 'y'], c: ~}
        d: &e !f
          - |
            text
          - >-
            more
        ? g
        : *e
        --- # next
        - - h: "\\u00e9"
        ...
        {"json": [true, null, -1e5]}
        """

    @Test(arguments: 0..<8 as Range<UInt64>)
    func neverTraps(seed: UInt64) {
        var random = Seeded(seed)
        let original = Array(Self.text.utf8)
        for _ in 0..<2_500 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...5, using: &random) { Self.mutate(&bytes, &random) }
            for document in Node.read(yaml: bytes) {
                #expect(document.root != nil || !document.errors.isEmpty, "seed \(seed)")
                for error in document.errors {
                    #expect(error.mark.line > 0 && error.mark.column > 0, "seed \(seed): \(error)")
                }
                guard document.errors.isEmpty, let root = document.root else { continue }
                // What was read is written so that it is read the same.
                #expect(
                    Self.same(Node.read(yaml: Array(root.yaml().utf8)).first?.root, root),
                    "seed \(seed): \(root.yaml())")
            }
            _ = try? Node.read(json: bytes)
        }
    }

    static func mutate(_ bytes: inout [UInt8], _ random: inout Seeded) {
        let at = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
        case 1:
            bytes.insert(
                Array("{}[],:-?&*!|>'\"%@`# \n\t\\".utf8).randomElement(using: &random) ?? 0, at: at)
        case 2 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 3 where at < bytes.count: bytes.remove(at: at)
        case 4: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 0...20, using: &random)))
        default:
            let from = Int.random(in: 0...bytes.count, using: &random)
            bytes.insert(contentsOf: bytes[from..<min(bytes.count, from + 20)], at: at)
        }
    }

    /// Equal, where not-a-number is equal to itself.
    private static func same(_ left: Node?, _ right: Node) -> Bool {
        left == right || left.map { "\($0.value)".contains("nan") } ?? false
    }
}
