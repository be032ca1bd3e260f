import Testing
import YAML

@Suite struct ParserTests {
    private func read(_ text: String, _ limits: Limits = Limits()) -> [ParsedDocument] {
        Node.read(yaml: Array(text.utf8), limits: limits)
    }

    @Test func marksCountFromOneInCharacters() throws {
        let root = try #require(
            self.read("# first\na: 1\nbé: {ü: [x, 日本, y]}\n\"q\": |\n  text\n").first?.root)
        #expect(root.mark == Mark(line: 2, column: 1))
        #expect(root["a"]?.mark == Mark(line: 2, column: 4))
        #expect(root.mapping?.keyMark("bé") == Mark(line: 3, column: 1))
        let list = try #require(root["bé"]?["ü"])
        #expect(list.mark == Mark(line: 3, column: 9))
        #expect(list[1]?.mark == Mark(line: 3, column: 13))
        #expect(list[2]?.mark == Mark(line: 3, column: 17))
        #expect(list[3] == nil)
        #expect(root["q"]?.string == "text\n")
    }

    @Test func readsManyDocuments() {
        let documents = self.read("---\na: 1\n---\n# nothing\n---\n- 2\n...\n---\nthree\n")
        #expect(documents.map(\.root) == [.mapping(["a": 1]), .null, [2], "three"])
        #expect(documents.flatMap(\.errors) == [])
        #expect(self.read("") == [])
        #expect(self.read("# only words\n") == [])
    }

    @Test func keepsTheOrderOfKeys() {
        #expect(self.read("b: 1\na: 2\nc: 3").first?.root?.mapping?.keys == ["b", "a", "c"])
    }

    @Test func readsJSON() {
        #expect(
            self.read(#"{"a": [1, true, null, "x\u0041\n"], "b": {}}"#).first?.root
                == .mapping(["a": [1, true, .null, "xA\n"], "b": .mapping([:])]))
    }

    @Test func passesOverAByteOrderMark() {
        #expect(self.read("\u{FEFF}a: b").first?.root?["a"]?.mark == Mark(line: 1, column: 4))
    }

    @Test(arguments: [
        ("a: 1\nb: 2\na: 3\n", "3:1: \"a\" is given twice, first in line 1"),
        ("a:\n  b: {c: 1, c: 2}\n", "2:13: a.b: \"c\" is given twice, first in line 2"),
        ("a: &x 1\n", "1:4: a: anchors are not allowed: write the value out"),
        ("- &x {a: 1}\n", "1:3: [0]: anchors are not allowed: write the value out"),
        ("a: !!str 1\n", "1:4: a: tags are not allowed"),
        ("a: ! x\n", "1:4: a: tags are not allowed"),
        ("? [1, 2]\n: x\n", "1:3: a key must be a string"),
        ("? {a: 1}\n: x\n", "1:3: a key must be a string"),
        ("a: b: c\n", "1:5: mapping values are not allowed in this context"),
        (
            "a:\n\t- b\n",
            "2:1: found character that cannot start any token, while scanning for the next token (a tab for"
                + " indentation, or one of %@` at the start of a value: use spaces, or quotes)"
        ),
        ("a: [1, 2\n", "2:1: did not find expected ',' or ']', while parsing a flow sequence"),
        ("a: \"x\n", "2:1: found unexpected end of stream, while scanning a quoted scalar"),
        ("a: 1\n b: 2\n", "2:3: mapping values are not allowed in this context"),
        ("%YAML 3.0\n---\na\n", "1:1: found incompatible YAML document"),
        ("a: x\u{0}y\n", "1:5: control character U+0000 is not allowed"),
        ("a: é\u{7}\n", "1:5: control character U+0007 is not allowed"),
        ("a: é\u{80}\n", "1:5: control character U+0080 is not allowed"),
    ])
    func refuses(text: String, expected: String) {
        #expect(self.read(text).flatMap(\.errors).map(\.description) == [expected], "\(text)")
    }

    @Test func refusesAliases() {
        let errors = self.read("a: &x [1]\nb: *x\nc: [*x, *x]\n").flatMap(\.errors).map(\.description)
        #expect(
            errors == [
                "1:4: a: anchors are not allowed: write the value out",
                "2:4: b: aliases are not allowed: write the value out",
                "3:5: c[0]: aliases are not allowed: write the value out",
                "3:9: c[1]: aliases are not allowed: write the value out",
            ])
        // The bomb of a billion laughs stops at its first line.
        #expect(!self.read("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]").flatMap(\.errors).isEmpty)
        // An alias of nothing is an alias.
        #expect(self.read("a: *nothing").flatMap(\.errors).map(\.mark) == [Mark(line: 1, column: 4)])
    }

    @Test func tellsAllThatIsWrong() {
        let documents = self.read("a: 1\na: 2\nb: !x y\n---\nc: 1\n---\nd: [\n")
        #expect(documents.map(\.errors.count) == [2, 0, 1])
        #expect(documents[1].root == .mapping(["c": 1]))
        #expect(documents[2].root == nil)
    }

    @Test(
        arguments: [
            ([0x61, 0x3A, 0x20, 0xFF], Mark(line: 1, column: 4)),
            ([0x0A, 0xC3], Mark(line: 2, column: 1)),
            ([0xC3, 0xA9, 0xC0, 0x80], Mark(line: 1, column: 2)),
            ([0xED, 0xA0, 0x80], Mark(line: 1, column: 1)),
            ([0xF4, 0x90, 0x80, 0x80], Mark(line: 1, column: 1)),
            ([0xE0, 0x80, 0x80], Mark(line: 1, column: 1)),
            ([0xFF, 0xFE, 0x61, 0x00], Mark(line: 1, column: 1)),
        ] as [([UInt8], Mark)])
    func refusesWhatIsNotUTF8(bytes: [UInt8], mark: Mark) {
        #expect(
            Node.read(yaml: bytes) == [
                ParsedDocument(root: nil, errors: [YAMLError(mark: mark, message: "not UTF-8")])
            ])
    }

    @Test func holdsItsLimits() {
        var limits = Limits()
        limits.size = 8
        #expect(self.read("a: 56789", limits).first?.errors == [])
        #expect(
            self.read("a: 567890", limits).first?.errors.map(\.message) == ["9 bytes; at most 8 are read"]
        )
        limits = Limits()
        limits.depth = 3
        #expect(self.read("[[[1]]]", limits).first?.errors == [])
        #expect(
            self.read("x: [[[1]]]", limits).first?.errors.map(\.description) == [
                "1:6: x[0][0]: nested more than 3 deep"
            ])
        limits = Limits()
        limits.nodes = 5
        #expect(self.read("a: [1, 2]", limits).first?.errors == [])
        #expect(
            self.read("a: [1, 2, 3]", limits).first?.errors.map(\.message) == ["more than 5 values"])
    }

    @Test func isNotSlowedByAnyShape() {
        let clock = ContinuousClock()
        let shapes = [
            String(repeating: "[", count: 1 << 20), String(repeating: "- ", count: 1 << 19),
            String(repeating: "{a: ", count: 1 << 18), String(repeating: "? ", count: 1 << 19),
            (0..<40_000).map { "k\($0): 1\n" }.joined(),
            "[" + String(repeating: "1,", count: 150_000) + "]",
            "a: \"" + String(repeating: "x", count: 2 << 20) + "\"",
        ]
        for shape in shapes {
            let took = clock.measure { _ = self.read(shape) }
            #expect(took < .seconds(20), "\(shape.prefix(12))")
        }
    }
}
