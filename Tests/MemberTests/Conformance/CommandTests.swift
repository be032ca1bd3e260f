import EtcdWire
import TestSupport
import Testing

@testable import Member

/// The words of `etcdctl` on a member of ours and on one of etcd's: the same output, and the same end.
@Suite("etcdctl", .enabled(if: EtcdVersion.v35.isEnabled, "etcd 3.5 is not installed"))
struct CommandTests {
    /// Run one after another. `LEASE` is the lease granted last, `ID` the member, `SERVER` its address, `FILE` a file's name.
    private static let commands = [
        "put a 1", "put a 2 --prev-kv", "put a 3 --prev-kv -w json", "put b ''", "put /x/1 one -w fields", "put /x/2 two",
        "put /x/3 three", "put missing --ignore-value", "put a --ignore-value --prev-kv", "put a 4 --ignore-lease",
        "endpoint hashkv", "endpoint hashkv -w json", "endpoint hashkv -w fields",
        "get a", "get a -w json", "get a -w fields", "get nothing", "get nothing -w json", "get '' --prefix",
        "get '' --prefix --keys-only", "get /x --prefix --count-only -w fields", "get /x --prefix --limit=2 -w json",
        "get /x/1 /x/3", "get /x/2 --from-key", "get a --print-value-only", "get a --rev=2", "get a --rev=99",
        "get a --rev=99 -w json", "get '' --prefix --order=DESCEND --sort-by=MODIFY --keys-only", "get a --consistency=s",
        "get '' --prefix --sort-by=VERSION --order=DESCEND --limit=1", "get a --hex", "get '' --prefix --sort-by=CREATE",
        "get", "get a b c",
        "del b", "del nothing", "del /x/1 --prev-kv", "del /x/2 /x/9 --prev-kv -w json", "del zz --from-key -w fields",
        "del a --rev=1",
        "watch a --rev=1 < WATCH", "watch a --rev=2 --prev-kv -w json < WATCH", "watch /x /y --rev=1 -w fields < WATCH",
        "watch --prefix / --rev=3 < WATCH",
        "txn < 'mod(\"a\") > \"0\"\n\nput a 5\nget a\n\nput a 6\n\n'",
        "txn < 'value(\"a\") = \"9\"\nver(\"a\") > \"1\"\n\ndel a\n\nget a\nput c 1\n\n'",
        "txn -w json < 'create(\"a\") = \"0\"\n\nput a 5\n\ndel /x/3 --prev-kv\nget --prefix /x\n\n'",
        "txn -w fields < 'lease(\"a\") = \"0\"\n\nget a\n\n\n'", "txn < 'version(\"a\") ? \"0\"\n\n\n\n'",
        "txn < '\nput d 1\nput d 2\n\n\n'",
        "compaction 4", "compaction 4", "compaction 99", "compact 6 --physical", "get a --rev=3", "watch a --rev=2 < WATCH",
        "compaction x", "compaction",
        "lease grant 200", "lease list", "lease list -w json", "put leased x --lease=LEASE", "get leased -w json",
        "get leased -w fields", "put leased y --ignore-lease --prev-kv", "lease timetolive LEASE",
        "lease timetolive LEASE --keys",
        "lease timetolive LEASE --keys -w json", "lease keep-alive LEASE --once", "lease keep-alive LEASE --once -w json",
        "lease keep-alive 77 --once", "lease timetolive 77", "lease timetolive 77 -w json", "lease timetolive 77 -w fields",
        "put x y --lease=77", "lease revoke LEASE", "lease revoke LEASE", "lease list", "get leased", "lease grant x",
        "lease grant 0", "lease grant -w json 100", "lease grant 99999999999",
        "endpoint health", "endpoint health -w json", "endpoint status", "endpoint status -w json", "endpoint status -w fields",
        "member list", "member list -w json", "member list -w fields", "member promote ID", "member promote 77",
        "member remove 77", "member update 77 --peer-urls=http://127.0.0.1:1", "member add new --peer-urls=nonsense",
        "member add new --peer-urls=http://127.0.0.1:1 --learner", "member list",
        "member add x --peer-urls=http://127.0.0.1:1,http://127.0.0.1:2",
        "move-leader 77", "move-leader ID", "alarm list", "alarm disarm", "defrag", "snapshot save FILE",
        "snapshot status FILE -w fields", "snapshot status FILE -w json",
        "make-mirror --prefix a --dest-prefix mirrored/ SERVER < WATCH", "get mirrored --prefix",
        "lock name sh -c 'echo locked'", "elect race me < WATCH", "get race --prefix --print-value-only",
        "check nothing",
    ]

    @Test("Every command that asks for no auth", arguments: EtcdVersion.enabled)
    func commands(version: EtcdVersion) async throws {
        let etcd = try await EtcdProcess.start(EtcdBinary.find(.v35))
        let bench = try await MemberBench.start()
        let program = try EtcdBinary.find(version).etcdctl
        let theirs = try await Command.Bench(program, etcd.clientURL, "\(etcd.directory.path)/save")
        let ours = try await Command.Bench(program, bench.clientURL, "\(bench.directory.path)/save")
        for words in Self.commands {
            async let one = ours.run(words)
            async let other = theirs.run(words)
            let (mine, wanted) = (try await one, try await other)
            #expect(mine.plain == wanted.plain, "etcdctl \(version) \(words)\nours: \(mine.raw)\ntheirs: \(wanted.raw)")
        }
        try await bench.member.stop()
        etcd.kill()
    }
}

extension Command {
    /// `etcdctl` and the member that it is run on.
    fileprivate actor Bench {
        private let program: String
        private let url: String
        private let file: String
        private let names: MemberNames
        private var lease = "0"

        init(_ program: String, _ url: String, _ file: String) async throws {
            (self.program, self.url, self.file) = (program, url, file)
            let member = try RemoteMember(url)
            self.names = try await member.names()
            await member.close()
        }

        func run(_ words: String) async throws -> (plain: String, raw: String) {
            let address = String(self.url.dropFirst(7))
            let line = words.replacing("LEASE", with: self.lease).replacing("SERVER", with: address)
                .replacing("FILE", with: self.file).replacing("ID", with: String(self.names.memberID, radix: 16))
            let parts = line.split(separator: " < ", maxSplits: 1).map(String.init)
            let input = parts.count > 1 && parts[1] != "WATCH" ? "printf %s \(parts[1]) | " : ""
            // What would not end by itself is ended.
            let limit = parts.last == "WATCH" ? "timeout -s INT 2 " : ""
            let command = "\(input)\(limit)\(self.program) --endpoints=\(self.url) \(parts[0])"
            let output = try await Command.run("/bin/sh", ["-c", command])
            if let match = output.text.firstMatch(of: #/lease ([0-9a-f]+) granted/#) { self.lease = String(match.1) }
            let text = self.plain(output.text)
            let plain = words.hasPrefix("member") ? Self.sorted(text) : text
            // A snapshot's hash is of the members too.
            let same = words.hasPrefix("snapshot") ? plain.replacing(#/("[hH]ash" ?:) ?[0-9]+/#) { "\($0.1) N" } : plain
            return (same + "status \(output.status)", output.text)
        }

        /// Members are told in the order of their ids, of which nobody knows what they will be.
        private static func sorted(_ text: String) -> String {
            text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                line.hasPrefix("ETCD_INITIAL_CLUSTER=")
                    ? line.dropFirst(21).split(separator: #/[",]/#).sorted().joined(separator: ",") : String(line)
            }.sorted().joined(separator: "\n")
        }

        /// What a member of any cluster would have printed.
        private func plain(_ text: String) -> String {
            var text = text.split(separator: "\n", omittingEmptySubsequences: false)
                // The client's log.
                .filter { !$0.hasPrefix(#"{"level":"#) }.joined(separator: "\n")
            for (name, value) in [
                (self.names.clientURL, "CLIENT"), (self.names.peerURL, "PEER"),
                (String(self.names.clientURL.dropFirst(7)), "HOST"),
                (self.file, "FILE"), (String(self.names.clusterID, radix: 16), "CLUSTER"),
                ("\(self.names.clusterID)", "CLUSTER"),
                (String(self.names.memberID, radix: 16), "MEMBER"), ("\(self.names.memberID)", "MEMBER"), (self.lease, "LEASE"),
                (UInt64(self.lease, radix: 16).map { "\($0)" } ?? "0 ", "LEASE"),
            ] where name.count > 1 { text = text.replacing(name, with: value) }
            return
                text
                // Ids of leases and members that were made just now.
                .replacing(#/\b([0-9a-f]{12,16}|[0-9]{14,20})\b/#, with: "NUMBER")
                // An id may begin with zeros, for which etcdctl writes spaces.
                .replacing(#/ +(NUMBER|MEMBER|CLUSTER)\b/#) { " \($0.1)" }
                .replacing(#/took("?[:=]| =) ?"?[0-9.]+[a-zµ]+"?/#, with: "took")
                .replacing(#/3\.[45]\.[0-9]+, [0-9.]+ [kM]?B, /#, with: "VERSION, SIZE, ")
                .replacing(#/"?[vV]ersion"? ?: ?"3\.5\.[0-9]+"/#, with: "VERSION")
                .replacing(#/([a-zA-Z]*(Size|Index|total[A-Za-z]*|Total[A-Za-z]*)[A-Za-z]*"? ?:) ?[0-9]+/#) { "\($0.1) N" }
                .replacing(#/, ([0-9]+), [0-9]+, [0-9]+, \n/#) { ", \($0.1), INDEX, APPLIED, \n" }
                .replacing(#/(remaining|elapsed)\([0-9]+s\)/#, with: "TIME")
                .replacing(#/"ttl":1[0-9][0-9]/#, with: "TTL")
                .replacing(#/0x[0-9a-f]{8,12}/#, with: "POINTER")
                // A client's clock, and its own files.
                .replacing(#/20[0-9-]+[T ][0-9:.]+Z?/#, with: "DATE")
        }
    }
}
