internal import Member
internal import Platform
internal import Testing

@Suite("A member's settings, as etcd takes them")
struct MemberSettingsTests {
    private func settings(
        _ arguments: String..., environment: [String: String] = [:], file: String = ""
    ) throws(MemberConfigurationError) -> MemberSettings {
        try MemberSettings(arguments: arguments, environment: environment) { (path) throws(DiskError) in
            guard path == "etcd.yaml" else {
                throw DiskError(operation: "open", path: path, code: 2, reason: "No such file or directory")
            }
            return Array(file.utf8)
        }
    }

    private func problems(_ body: () throws(MemberConfigurationError) -> MemberSettings) -> [String] {
        do throws(MemberConfigurationError) {
            _ = try body()
            return []
        } catch {
            return error.problems
        }
    }

    @Test("Without any, those of etcd")
    func defaults() throws {
        let it = try self.settings().configuration
        #expect(it.name == "default" && it.dataDirectory == "default.etcd")
        #expect(it.listenClientURLs == ["http://localhost:2379"] && it.listenPeerURLs == ["http://localhost:2380"])
        #expect(it.initialCluster == [.init(name: "default", peerURLs: ["http://localhost:2380"])])
        #expect(it.heartbeatInterval == .milliseconds(100) && it.electionTimeout == .seconds(1))
        #expect(it.autoCompaction == .off && it.maximumRequestBytes == 1_572_864)
    }

    @Test("Flags with one dash or two, with = or a space")
    func spellings() throws {
        let it = try self.settings(
            "--name=a", "-data-dir", "/tmp/a", "--heartbeat-interval", "50", "--pre-vote=false", "--strict-reconfig-check",
            "--initial-cluster", "a=http://127.0.0.1:1,b=http://127.0.0.1:2,a=http://127.0.0.1:3",
            "--experimental-watch-progress-notify-interval=5s"
        ).configuration
        #expect(it.name == "a" && it.dataDirectory == "/tmp/a" && it.heartbeatInterval == .milliseconds(50))
        #expect(!it.preVote && it.strictReconfigCheck && it.watchProgressInterval == .seconds(5))
        #expect(it.initialCluster.map(\.peerURLs) == [["http://127.0.0.1:1", "http://127.0.0.1:3"], ["http://127.0.0.1:2"]])
    }

    @Test("A flag wins over its variable; a file alone counts")
    func precedence() throws {
        let environment = ["ETCD_NAME": "env", "ETCD_SNAPSHOT_COUNT": "7"]
        let flags = try self.settings("--name", "flag", environment: environment).configuration
        #expect(flags.name == "flag" && flags.snapshotCount == 7)
        let file = try self.settings(
            "--config-file", "etcd.yaml", "--name", "flag", environment: environment,
            file: "name: file\nmax-txn-ops: 5\npre-vote: false\n"
        ).configuration
        #expect(file.name == "file" && file.snapshotCount == 100_000 && file.maximumTxnOps == 5 && !file.preVote)
    }

    @Test(
        "Compaction by itself",
        arguments: [
            ("1", "", MemberConfiguration.AutoCompaction.periodic(.seconds(3600))),
            ("30m", "periodic", .periodic(.seconds(1800))), ("1h30m", "periodic", .periodic(.seconds(5400))),
            ("1000", "revision", .revision(1000)), ("0", "periodic", .off),
        ])
    func compaction(retention: String, mode: String, expected: MemberConfiguration.AutoCompaction) throws {
        var arguments = ["--auto-compaction-retention", retention]
        if !mode.isEmpty { arguments += ["--auto-compaction-mode", mode] }
        let settings = try MemberSettings(arguments: arguments, environment: [:]) { (_) throws(DiskError) in [] }
        #expect(settings.configuration.autoCompaction == expected)
    }

    @Test("All that is wrong is told at once, with what it should be")
    func mistakes() {
        let found = self.problems { () throws(MemberConfigurationError) in
            try self.settings("--heartbeat-interval", "soon", "--nmae", "x", "stray", "--cert-file", "a.pem", "--name")
        }
        #expect(found.contains { $0.hasPrefix("--heartbeat-interval: 'soon' should be a whole number") })
        #expect(found.contains("--nmae: there is no such flag"))
        #expect(found.contains { $0.hasPrefix("'x' is not a flag") })
        #expect(found.contains("--cert-file: 'a.pem' is refused: TLS is not there yet"))
        #expect(found.contains("--name: needs a value"))
        let file = self.problems { () throws(MemberConfigurationError) in
            try self.settings("--config-file=etcd.yaml", file: "name: a\nelection-timeout: [1, {}]\nname-of-it: b\n")
        }
        #expect(
            file == [
                "etcd.yaml:2:19: election-timeout: should be one value",
                "etcd.yaml:3:13: name-of-it: there is no such setting; did you mean --name?",
            ])
    }

    @Test("What does not fit together")
    func together() {
        let slow = self.problems { () throws(MemberConfigurationError) in try self.settings("--election-timeout=300") }
        #expect(slow == ["--election-timeout: should be at least 5 times --heartbeat-interval"])
        let stranger = self.problems { () throws(MemberConfigurationError) in
            try self.settings("--name=a", "--initial-cluster=b=http://127.0.0.1:2380")
        }
        #expect(stranger == ["--initial-cluster: has no member named a; see --name"])
    }

    @Test("Settings without meaning here are said to be; every value that turns off what is missing is taken")
    func indifferent() throws {
        let settings = try self.settings("--logger=zap", "--cert-file=", "--enable-v2=false", "--auth-token=simple")
        #expect(settings.remarks == ["--logger: makes no difference here"])
    }
}
