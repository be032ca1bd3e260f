internal import Testing

/// Each rule can fail: a bad snippet is caught, and a good one that looks like it is not.
@Suite("Each rule can fail")
struct RuleTests {
    private let manifest = Manifest(
        """
        let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
        room("Store", ["Platform", "EtcdWire"]),
        room("Operator", ["Platform", log]),
        """)

    private func lines(_ complaints: [Complaint]) -> [Int] {
        complaints.map(\.line)
    }

    @Test(
        "Arrows",
        arguments: [
            ("Sources/Store/A.swift", "internal import Platform", true),
            ("Sources/Store/A.swift", "internal import Reconcile", false),
            ("Sources/Store/A.swift", "public import Operator", false),
            ("Sources/Store/A.swift", "internal import struct Operator.Shell", false),
            ("Sources/Store/A.swift", "internal import Logging", false),
            ("Sources/Operator/A.swift", "internal import Logging", true),
            ("Sources/Operator/A.swift", "internal import Bolt", false),
            ("Sources/Operator/A.swift", "@_spi(Tests) internal import Store", false),
            ("Sources/Operator/A.swift", "// internal import Store", true),
            ("Sources/Cellar/A.swift", "", false),
            ("Tests/StoreTests/A.swift", "internal import Operator", true),
        ])
    func arrows(path: String, text: String, isFine: Bool) {
        #expect(Rules.arrows(SourceFile(path: path, text: text), manifest: self.manifest).isEmpty == isFine)
    }

    @Test(
        "Package arrows",
        arguments: [
            (#"room("Store", ["Platform", "EtcdWire"])"#, true),
            (#"room("Store", ["Platform", "Operator"])"#, false),
            (#"room("Store", ["Reconcile"])"#, false),
            (#"room("Operator", ["Store"])"#, false),
            (#"room("Cellar", [])"#, false),
            (#".executableTarget(name: "quorate", dependencies: ["Console", .product(name: "X", package: "x")])"#, true),
        ])
    func packageArrows(text: String, isFine: Bool) {
        #expect(Manifest(text).complaints.isEmpty == isFine)
    }

    @Test(
        "Foundation",
        arguments: [
            ("Sources/Console/A.swift", "internal import Foundation", false),
            ("Sources/Console/A.swift", "internal import FoundationEssentials", true),
            ("Sources/Store/A.swift", "internal import FoundationEssentials", false),
            ("Tests/StoreTests/A.swift", "import Foundation", false),
        ])
    func foundation(path: String, text: String, isFine: Bool) {
        #expect(Rules.foundation(SourceFile(path: path, text: text)).isEmpty == isFine)
    }

    @Test(
        "Purity",
        arguments: [
            ("Sources/Store/A.swift", "func f() async {}", false),
            ("Sources/Store/A.swift", "Int.random(in: 0...1)", false),
            ("Sources/EtcdWire/A.swift", "let now = ContinuousClock.now", false),
            ("Sources/Operator/Decide/A.swift", "Task { }", false),
            ("Sources/Operator/DecideBackup.swift", "internal import Glibc", false),
            ("Sources/Operator/Shell.swift", "await self.work()", true),
            ("Sources/Store/A.swift", "/// No Task, no async.\nlet asynchronous = \"await\"", true),
        ])
    func purity(path: String, text: String, isFine: Bool) {
        #expect(Rules.purity(SourceFile(path: path, text: text)).isEmpty == isFine)
    }

    @Test(
        "Banned calls",
        arguments: [
            ("Sources/Store/A.swift", "assert(x)", false),
            ("Sources/Store/A.swift", "assertionFailure()", false),
            ("Sources/Store/A.swift", "precondition(x)", true),
            ("Tests/StoreTests/A.swift", "let x = try! f()", false),
            ("Sources/Store/A.swift", "let x = try? f()", true),
            ("Sources/Store/A.swift", "fatalError()", false),
            ("Sources/Store/A.swift", #"fatalError("the page is gone")"#, true),
            ("Sources/Store/A.swift", "print(x)", false),
            ("Sources/quorate/A.swift", "print(x)", true),
            ("Sources/Store/A.swift", #"let s = "assert(x)" // try! print(x)"#, true),
        ])
    func bannedCalls(path: String, text: String, isFine: Bool) {
        #expect(Rules.bannedCalls(SourceFile(path: path, text: text)).isEmpty == isFine)
    }

    @Test(
        "Unproven",
        arguments: [
            ("final class A: @unchecked Sendable {}", false),
            ("nonisolated(unsafe) var a = 1", false),
            ("// Only touched under the lock.\nfinal class A: @unchecked Sendable {}", true),
            ("nonisolated(unsafe) let a = 1 // never written after start", true),
        ])
    func unproven(text: String, isFine: Bool) {
        #expect(Rules.unproven(SourceFile(path: "Sources/Store/A.swift", text: text)).isEmpty == isFine)
    }

    @Test("Sizes of files and lines")
    func sizes() {
        let long = String(repeating: "let a = 1\n", count: Rules.longestFile)
        #expect(Rules.sizes(SourceFile(path: "A.swift", text: long)).isEmpty)
        #expect(Rules.sizes(SourceFile(path: "A.swift", text: long + "let b = 1\n")).count == 1)
        #expect(Rules.sizes(SourceFile(path: "Sources/EtcdWire/Generated/A.swift", text: long + long)).isEmpty)
        let wide = "// " + String(repeating: "é", count: Rules.longestLine - 3)
        #expect(Rules.sizes(SourceFile(path: "A.swift", text: wide)).isEmpty)
        #expect(Rules.sizes(SourceFile(path: "A.swift", text: wide + "é")).count == 1)
    }

    @Test(
        "Sizes of functions",
        arguments: [
            "func f() {", "init(a: Int = { 1 }()) {",
            "func f(\n    a: Int\n) async throws -> [Int: (Int) -> Int]\nwhere A: B {", "deinit {",
            "subscript(index: Int) -> Int {",
        ])
    func functions(head: String) {
        let body = { (count: Int) in
            head + "\n" + String(repeating: "    if x { y(\"}\") }\n", count: count) + "}\nfunc short() {}\n"
        }
        let lines = head.count { $0 == "\n" } + 2
        #expect(Rules.sizes(SourceFile(path: "A.swift", text: body(Rules.longestFunction - lines))).isEmpty)
        #expect(Rules.sizes(SourceFile(path: "A.swift", text: body(Rules.longestFunction - lines + 1))).count == 1)
    }

    @Test("A requirement of a protocol has no body, and what follows it is not its own")
    func requirements() {
        let text =
            "protocol P {\n    func f() -> Int\n    init(a: Int)\n}\nstruct S {\n"
            + String(repeating: "    var a = 1\n", count: 80) + "}\n"
        #expect(FunctionScanner.functions(in: SwiftText(Array(text.utf8))).isEmpty)
    }

    @Test("Wording")
    func wording() {
        let (work, root) = ("/" + "work", "/" + "root")
        let bad = ["see iss" + "ue #2", "cd \(work)/main", "\"\(root)\"", "\(root)/.cache", "-Oun" + "checked"]
        for text in bad {
            #expect(Rules.wording(SourceFile(path: "README.md", text: "\n" + text)).map(\.line) == [2], "\(text)")
        }
        for text in ["an issue", "./work", "a/root", "/workbench", "/rooted", "$here\(work)".replacing("here", with: "{x}")] {
            #expect(Rules.wording(SourceFile(path: "README.md", text: text)).isEmpty, "\(text)")
        }
    }

    @Test("Comments and literals are blanked, and lines stay where they are")
    func blanking() {
        let text = """
            let a = "x \\(f("y")) z" // c
            /* a /* nested */
            b */ let c = #"raw " \\(no) "#
            let d = \"\"\"
                e "quoted"
                \"\"\"
            let f = 1
            """
        let words = SwiftText(Array(text.utf8)).words
        #expect(words.map(\.text) == ["let", "a", "let", "c", "let", "d", "let", "f", "1"])
        #expect(words.map(\.line) == [1, 1, 3, 3, 4, 4, 7, 7, 7])
    }
}
