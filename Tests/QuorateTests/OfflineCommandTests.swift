internal import ArgumentParser
internal import Platform
internal import Recovery
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
            ["diff"], ["diff", "--from", "a"],
            ["restore", "--from", "a"], ["restore", "orders", "--from", "a", "--data-dir", "b"],
            ["restore", "--data-dir", "b"], ["restore", "--from", "a", "--to-revision", "5"],
            ["restore", "--from", "a", "--data-dir", "b", "--approve"],
            ["restore", "orders", "--from", "a", "--from", "b"],
            ["restore", "--from", "a", "--data-dir", "b", "--to-revision", "5", "--before-delete", "k"],
            ["restore", "--from", "a", "--data-dir", "b", "--to-revision", "0"],
            ["restore", "--from", "a", "--data-dir", "b", "--to-time", "noon"],
            ["restore", "--from", "a", "--data-dir", "b", "--bump-revision", "0", "--mark-compacted"],
            ["restore", "--from", "a", "--data-dir", "b", "--initial-cluster", "other=http://a:1"],
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
        "A right one is taken",
        arguments: [
            ["inspect", "a", "--entries", "--prefix", "/a", "--index", "5:9", "--json"], ["verify", "a", "--json"],
            ["diff", "--from", "a@5", "--to", "b", "--prefix", "/p", "--as-writes"],
            ["restore", "--from", "a", "--from", "b", "--data-dir", "c"],
            [
                "restore", "--from", "a", "--data-dir", "c", "--name", "m1", "--initial-cluster",
                "m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380", "--initial-cluster-token", "t",
                "--initial-advertise-peer-urls", "http://10.0.0.1:2380", "--bump-revision", "7", "--no-mark-compacted",
                "--to-time", "2026-11-22T14:03:22Z", "--json",
            ],
        ])
    func right(arguments: [String]) throws {
        _ = try Quorate.parseAsRoot(arguments)
    }

    @Test("What a restore is asked for")
    func restore() throws {
        let parsed = try Quorate.parseAsRoot(["restore", "--from", "a", "--data-dir", "c", "--before-delete", #"k\x00"#])
        let restore = try #require(parsed as? quorate.Restore)
        let request = try restore.files.request(from: restore.from, to: restore.moment.target)
        #expect(request.target == .beforeDelete([0x6B, 0]))
        #expect(request.bump == .fromEvidence && request.marksCompacted)
        #expect(request.cluster.members.map(\.peerURLs) == [["http://localhost:2380"]])
        let plain = try #require(
            try Quorate.parseAsRoot(["restore", "--from", "a", "--data-dir", "c", "--bump-revision", "0"]) as? quorate.Restore)
        #expect(try plain.files.request(from: plain.from, to: plain.moment.target).marksCompacted == false)
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
