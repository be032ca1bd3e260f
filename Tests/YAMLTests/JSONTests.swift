import Testing
import YAML

@Suite struct JSONTests {
    private func read(_ text: String) throws -> Node {
        try Node.read(json: Array(text.utf8))
    }

    @Test func readsEverything() throws {
        let node = try self.read(
            #" {"a" : [ 1 , -2.5e3, true, false, null ], "é": "\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\", "": {}} "#
        )
        #expect(
            node
                == .mapping([
                    "a": [1, .float(-2500), true, false, .null], "é": "é😀/\u{8}\u{C}\n\r\t\"\\",
                    "": .mapping([:]),
                ]))
        #expect(node["é"]?.mark == Mark(line: 1, column: 49))
    }

    @Test func numbersAreExact() throws {
        for number in [
            "0", "-0", "9223372036854775807", "-9223372036854775808", "18446744073709551615",
        ] {
            let node = try self.read(number)
            #expect(node.int == Int128(number))
        }
        #expect(try self.read("1e2").value == .float(100))
    }

    @Test(arguments: [
        ("", "1:1: ends where a value is expected"), ("{", "1:2: expected a key in double quotes"),
        ("{\"a\" 1}", "1:6: expected :"), ("{\"a\": 1,}", "1:9: expected a key in double quotes"),
        ("[1 2]", "1:4: expected , or ]"), ("{\"a\":1 \"b\":2}", "1:8: expected , or }"),
        ("[1,]", "1:4: expected a value"),
        ("01", "1:1: expected a value"), ("1.", "1:1: expected a value"),
        ("+1", "1:1: expected a value"),
        (".5", "1:1: expected a value"), ("0x10", "1:1: expected a value"),
        ("0o7", "1:1: expected a value"), ("nan", "1:1: expected a value"),
        ("-", "1:1: expected a value"), ("1e", "1:1: expected a value"),
        ("true false", "1:6: nothing may follow"),
        ("\n\n \"abc", "3:2: the string does not end"), (#""\x""#, "1:4: unknown escape"),
        (#""\ud800""#, "1:8: half a pair of surrogates"),
        (#""\ud800\u0041""#, "1:14: half a pair of surrogates"),
        (#""\u12g4""#, "1:4: expected four hexadecimal digits"),
        ("\"a\tb\"", "1:3: a control character must be escaped"),
        (#"{"a": 1, "a": 2}"#, "1:10: \"a\" is given twice"), ("'a'", "1:1: expected a value"),
    ])
    func refuses(text: String, expected: String) {
        #expect {
            try self.read(text)
        } throws: {
            "\($0)" == expected
        }
    }

    @Test func refusesWhatIsNotUTF8() {
        #expect(throws: YAMLError(mark: Mark(line: 1, column: 1), message: "not UTF-8")) {
            try Node.read(json: [0x22, 0xFF, 0x22])
        }
    }

    @Test func holdsItsLimits() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: YAMLError(mark: Mark(line: 1, column: 65), message: "nested more than 64 deep")) { try self.read(deep) }
        #expect(throws: YAMLError.self) {
            try self.read("[" + String(repeating: "1,", count: 200_000) + "1]")
        }
        #expect(throws: YAMLError.self) {
            try Node.read(json: [UInt8](repeating: 0x20, count: 5 << 20))
        }
    }

    @Test func writes() {
        let node = Node.mapping([
            "b": [1, .null, true, .float(0.5), .float(.infinity)], "a": .mapping(["x": .int(UInt64.max)]),
            "s": "\u{1}\"\\\n\u{7F}\u{2028}é", "e": [], "f": .mapping([:]),
        ])
        #expect(
            String(decoding: node.json(), as: UTF8.self)
                == #"{"b":[1,null,true,0.5,null],"a":{"x":18446744073709551615},"s":"\u0001\"\\\n\u007f\u2028é","e":[],"f":{}}"#
        )
        #expect(
            String(
                decoding: Node.mapping(["a": [1, 2], "b": [], "c": "x"]).json(isPretty: true), as: UTF8.self
            ) == """
                {
                  "a": [
                    1,
                    2
                  ],
                  "b": [],
                  "c": "x"
                }

                """)
    }
}
