import Testing
import YAML

@Suite struct WriterTests {
    @Test func writesBlocks() {
        let node = Node.mapping([
            "name": "orders", "version": "3.5", "count": 3, "on": true, "none": .null,
            "list": [.mapping(["a": 1, "b": [1, [2, 3]]]), "x", [], [.mapping([:])]],
            "deep": .mapping(["er": .mapping(["st": "yes"])]), "": "", "a b": "c: d",
            "url": "http://127.0.0.1:2379",
            "time": "2026-11-22T23:02:56Z", "address": "127.0.0.1", "cron": "*/5 * * * *",
            "text": "two\nlines",
        ])
        #expect(
            node.yaml() == """
                name: orders
                version: "3.5"
                count: 3
                "on": true
                none: null
                list:
                - a: 1
                  b:
                  - 1
                  - - 2
                    - 3
                - x
                - []
                - - {}
                deep:
                  er:
                    st: "yes"
                "": ""
                a b: "c: d"
                url: http://127.0.0.1:2379
                time: "2026-11-22T23:02:56Z"
                address: "127.0.0.1"
                cron: "*/5 * * * *"
                text: "two\\nlines"

                """)
    }

    /// What readers of YAML 1.1 take for something else is quoted too.
    @Test(arguments: [
        "y", "N", "yes", "No", "on", "OFF", "true", "null", "~", "", " ", "a ", " a", "-", "- a", "?",
        "a: b", "a:", "a #b", "#a", "*a",
        "&a", "!a", "|", ">", "'", "\"", "%a", "@a", "`a", "{", "[", "]", ",a", "1", "1.0", "0x1",
        "0o7", "017", "1_0", "1:20", "1e3",
        "12e3", "0b1", "2026-01-02", "2001-12-14t21:59:43", ".5", ".inf", "0xabcdef", "+1", "=", "<<",
        "1.2.3.4", "é", "a\u{85}b",
        "a\u{2028}b", "\u{FEFF}", "\u{FFFE}", "---", "...", "a\tb", "685.230_15e+03", "190:20:30.15",
    ])
    func quotes(text: String) {
        let line = Node.mapping(["k": .string(text)]).yaml()
        #expect(line.hasPrefix("k: \"") && line.hasSuffix("\"\n"), "\(line)")
        #expect(Node.read(yaml: Array(line.utf8)).first?.root?["k"] == .string(text))
    }

    @Test(arguments: [
        "a", "orders-1", "./data/orders", "/var/lib", "a b", "2Gi", "100ms", "1h30m", "45%",
        "http://x:1", "a@b", "5m",
    ])
    func leavesPlain(text: String) {
        #expect(Node.mapping(["k": .string(text)]).yaml() == "k: \(text)\n")
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func everythingComesBack(seed: UInt64) throws {
        var random = Seeded(seed)
        for _ in 0..<25 {
            let node = Self.node(&random, depth: 4)
            let yaml = node.yaml()
            let read = Node.read(yaml: Array(yaml.utf8))
            #expect(read.map(\.root) == [node] && read.flatMap(\.errors) == [], "seed \(seed): \(yaml)")
            for isPretty in [false, true] {
                let json = node.json(isPretty: isPretty)
                #expect(try Node.read(json: json) == node, "seed \(seed)")
                // A key longer than 1024 characters is none to libyaml; JSON has its own reader.
                #expect(
                    Node.read(yaml: json).map(\.root) == [node],
                    "seed \(seed): \(String(decoding: json, as: UTF8.self))")
            }
        }
    }

    private static let pieces = [
        "a", "Z", "0", "9", ".", "-", ":", " ", "#", "'", "\"", "\\", "\n", "\r", "\t", "\u{0}",
        "\u{1F}", "\u{7F}", "\u{85}", "é", "e\u{301}",
        "日", "😀", "\u{2028}", "\u{FEFF}", "\u{FFFF}", "{", "}", "[", "]", ",", "&", "*", "!", "|", ">",
        "%", "@", "`", "?", "true", "null",
        "~", "0x", "1e", "_", "=", "<<", "---", "...", "yes",
    ]

    private static func text(_ random: inout Seeded) -> String {
        (0..<Int.random(in: 0...6, using: &random)).map { _ in
            self.pieces.randomElement(using: &random) ?? ""
        }.joined()
    }

    private static func node(_ random: inout Seeded, depth: Int) -> Node {
        switch Int.random(in: 0..<(depth > 0 ? 9 : 6), using: &random) {
        case 0: return .null
        case 1: return .bool(.random(using: &random))
        case 2: return .int(Int64(bitPattern: random.next()))
        case 3:
            let number = Double(bitPattern: random.next())
            return .float(number.isFinite ? number : 0.1)
        case 4, 5: return .string(self.text(&random))
        case 6:
            return .sequence(
                (0..<Int.random(in: 0...4, using: &random)).map { _ in self.node(&random, depth: depth - 1)
                })
        default:
            return .mapping(
                Mapping(
                    (0..<Int.random(in: 0...4, using: &random)).map { _ in
                        (self.text(&random), self.node(&random, depth: depth - 1))
                    }))
        }
    }
}
