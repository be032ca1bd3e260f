internal import ArgumentParser
internal import Platform
internal import Testing

@testable internal import quorate

@Suite("Commands over files")
struct OfflineCommandTests {
    @Test(
        "A wrong command line ends with 2",
        arguments: [
            ["inspect"], ["inspect", "a", "--key", "k"], ["inspect", "a", "--entries", "--key", "k", "--prefix", "p"],
            ["inspect", "a", "--prefix-depth", "0"], ["inspect", "a", "--entries", "--index", "9:1"],
            ["inspect", "a", "--entries", "--index", ":"], ["verify"], ["verify", "a", "b"],
        ])
    func wrong(arguments: [String]) {
        do {
            _ = try Quorate.parseAsRoot(arguments)
            Issue.record("\(arguments) was taken")
        } catch {
            #expect(Entry.ending(of: error).status == .usage)
        }
    }

    @Test(
        "Ranges of indexes",
        arguments: [("5", 5...5), ("5:", 5...UInt64.max), (":7", 0...7), ("5:7", 5...7)])
    func ranges(text: String, range: ClosedRange<UInt64>) {
        #expect(IndexRange(argument: text)?.range == range)
    }

    private func output(_ written: @escaping (String) -> Void) -> Output {
        Output(terminal: .none, write: written, note: { _ in }, showsProgress: false)
    }

    @Test("What is not there ends with 1, and says what was looked for")
    func missing() throws {
        let disk = SimulatedDisk(seed: 1)
        let verify = try #require(try Quorate.parseAsRoot(["verify", "nothing"]) as? VerifyCommand)
        let error = #expect(throws: CommandError.self) { try verify.run(self.output { _ in }, disk: disk) }
        #expect(error?.status == .failed)
        #expect(error?.message.contains("there is nothing here; expected a snapshot file") == true)
    }

    @Test("What is damaged ends with 1 and a verdict")
    func damaged() throws {
        let disk = SimulatedDisk(seed: 1)
        try disk.open("s.db", .create).write([UInt8](repeating: 7, count: 1024 + 32), at: 0)
        let verify = try #require(try Quorate.parseAsRoot(["verify", "s.db", "--json"]) as? VerifyCommand)
        var text = ""
        let error = #expect(throws: CommandError.self) { try verify.run(self.output { text += $0 }, disk: disk) }
        #expect(error?.status == .failed)
        #expect(text.contains(#""sound": false"#))
        #expect(text.contains(#""file": "s.db""#))
    }
}
