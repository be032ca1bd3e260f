internal import Testing

/// The repository as it stands keeps every rule.
@Suite("The repository is tidy")
struct TidyTests {
    /// Read once for all tests.
    private static let tree = Result { try SourceTree.files() }

    private let files: [SourceFile]
    private let manifest: Manifest

    init() throws {
        self.files = try Self.tree.get()
        let manifest = try #require(self.files.first { $0.path == "Package.swift" })
        self.manifest = Manifest(String(decoding: manifest.text, as: UTF8.self))
    }

    @Test("Files are found: the rules below look at something")
    func found() {
        #expect(self.files.count { $0.isSwift && $0.room != nil } > 20)
        #expect(self.files.contains { $0.path == "Tests/TidyTests/TidyTests.swift" })
        #expect(self.manifest.dependencies["Operator"]?.contains("ClusterAPI") == true)
        #expect(self.manifest.dependencies["Console"]?.contains("Hummingbird") == true)
        #expect(self.manifest.dependencies["Reconcile"]?.contains("Logging") == true)
    }

    @Test("Arrows run down the house")
    func arrows() {
        self.expect { Rules.arrows($0, manifest: self.manifest) }
    }

    @Test("Package.swift draws the same arrows")
    func packageArrows() {
        #expect(self.manifest.complaints.isEmpty, "\(self.manifest.complaints.map(\.description).joined(separator: "\n"))")
        let rooms = Set(self.files.compactMap(\.room))
        for room in rooms.sorted() {
            #expect(self.manifest.dependencies[room] != nil, "Package.swift has no target for Sources/\(room)")
        }
    }

    @Test("Foundation stays outside")
    func foundation() {
        self.expect(Rules.foundation)
    }

    @Test("Pure rooms are pure")
    func purity() {
        self.expect(Rules.purity)
    }

    @Test("No banned calls")
    func bannedCalls() {
        self.expect(Rules.bannedCalls)
    }

    @Test("What is unchecked says why")
    func unproven() {
        self.expect(Rules.unproven)
    }

    @Test("Files, functions and lines are short")
    func sizes() {
        self.expect(Rules.sizes)
    }

    @Test("The repository speaks of itself alone")
    func wording() {
        self.expect(Rules.wording)
    }

    private func expect(
        _ rule: (SourceFile) -> [Complaint], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let complaints = self.files.flatMap(rule)
        #expect(
            complaints.isEmpty, "\n\(complaints.map(\.description).joined(separator: "\n"))", sourceLocation: sourceLocation)
    }
}
