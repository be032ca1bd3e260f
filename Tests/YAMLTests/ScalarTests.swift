import Testing
import YAML

/// YAML 1.2's core schema, section 10.3.2, and what is no longer in it.
@Suite struct ScalarTests {
    @Test(
        arguments: [
            ("", .null), ("~", .null), ("null", .null), ("Null", .null), ("NULL", .null),
            ("nULL", .string("nULL")),
            ("true", .bool(true)), ("True", .bool(true)), ("TRUE", .bool(true)), ("false", .bool(false)),
            ("FALSE", .bool(false)),
            ("yes", .string("yes")), ("no", .string("no")), ("on", .string("on")),
            ("off", .string("off")), ("y", .string("y")),
            ("0", .int(0)), ("-0", .int(0)), ("+12", .int(12)), ("-19", .int(-19)), ("010", .int(10)),
            ("0o7", .int(7)),
            ("0o8", .string("0o8")), ("0x3A", .int(0x3A)), ("0xfg", .string("0xfg")),
            ("0x-1", .string("0x-1")), ("0x", .string("0x")),
            ("1_000", .string("1_000")), ("190:20:30", .string("190:20:30")), ("0b1", .string("0b1")),
            ("9223372036854775807", .int(9_223_372_036_854_775_807)),
            ("-9223372036854775808", .int(-9_223_372_036_854_775_808)),
            ("18446744073709551615", .int(18_446_744_073_709_551_615)),
            ("1.5", .float(1.5)), (".5", .float(0.5)), ("1.", .float(1)), ("-2E+05", .float(-2e5)),
            ("12e03", .float(12000)),
            ("1e400", .float(.infinity)), ("e3", .string("e3")), ("1e", .string("1e")),
            (".", .string(".")), ("-", nil),
            (".inf", .float(.infinity)), ("-.Inf", .float(-.infinity)), ("1.2.3", .string("1.2.3")),
            ("3.5", .float(3.5)),
            ("2026-11-22", .string("2026-11-22")), ("0x\u{301}5", .string("0x\u{301}5")),
            ("٣", .string("٣")),
            ("99999999999999999999999999999999999999999999", .float(1e44)),
        ] as [(String, Node.Value?)])
    func resolves(text: String, expected: Node.Value?) {
        // A dash alone begins a list.
        let documents = Node.read(yaml: Array("a: \(text)\n".utf8))
        guard let expected else {
            #expect(documents.first?.root?["a"] == [.null] || documents.first?.errors.isEmpty == false)
            return
        }
        #expect(documents.first?.errors == [])
        #expect(documents.first?.root?["a"]?.value == expected)
    }

    @Test func quotesMakeStrings() {
        for text in ["true", "1", "null", "~", "1.5", ""] {
            for quoted in ["\"\(text)\"", "'\(text)'"] {
                #expect(
                    Node.read(yaml: Array("a: \(quoted)".utf8)).first?.root?["a"] == .string(text),
                    "\(quoted)")
            }
        }
    }

    @Test func notANumberIsRead() {
        let value = Node.read(yaml: Array("a: .nan".utf8)).first?.root?["a"]?.value
        guard case .float(let number)? = value else {
            Issue.record("\(String(describing: value))")
            return
        }
        #expect(number.isNaN)
    }

    @Test func keepsTheSpelling() {
        #expect(Node.read(yaml: Array("a: 3.50".utf8)).first?.root?["a"]?.source == "3.50")
        #expect(Node.read(yaml: Array("a: '3.50'".utf8)).first?.root?["a"]?.source == nil)
    }
}
