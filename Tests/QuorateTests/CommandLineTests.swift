internal import ArgumentParser
internal import ClusterAPI
internal import Platform
internal import Testing

@testable internal import quorate

@Suite("The command line")
struct CommandLineTests {
    private func ending(_ arguments: String...) -> (status: CommandStatus, text: String) {
        do {
            _ = try Quorate.parseAsRoot(arguments)
            return (.done, "")
        } catch {
            return Entry.ending(of: error)
        }
    }

    @Test(
        "A wrong command line ends with 2",
        arguments: [
            ["get"], ["get", "xx"], ["get", "ec", "-o", "toml"], ["frobnicate"], ["plan"],
            ["plan", "orders", "-f", "orders.yaml"],
            ["run", "--listen", "7300"], ["run", "--listen", "0.0.0.0:7300"], ["run", "--listen", "unix:"],
            ["run", "--log-level", "loud"], ["run", "--store", "127.0.0.1:2379"],
            ["run", "--store", ""],
            ["apply"], ["completions", "tcsh"], ["restore"],
            ["restore", "orders", "--to-revision", "0"], ["restore", "orders", "--to-revision", "7", "--before-delete", "/k"],
            ["restore", "orders", "--before-delete", ""], ["restore", "orders", "--to-time", "noon"], ["delete", "ec"],
            ["validate"],
        ])
    func wrong(arguments: [String]) {
        do {
            _ = try Quorate.parseAsRoot(arguments)
            Issue.record("\(arguments) was taken")
        } catch {
            let ending = Entry.ending(of: error)
            #expect(ending.status == .usage)
            #expect(ending.text.hasPrefix("Error: "))
        }
    }

    @Test(
        "A right one is taken",
        arguments: [
            ["get", "ec"], ["get", "EtcdClusters", "orders", "-o", "json"], ["get", "es", "--watch"],
            ["run", "specs/", "a.yaml"],
            ["run", "--listen", "unix:/run/q.sock", "--store", "http://a:2379,https://b:2379", "--log-format", "json"],
            ["restore", "orders", "--from", "file:///a", "--approve"], ["restore", "orders", "--to-revision", "7"],
            ["restore", "orders", "--to-time", "2026-11-22T14:03:22Z", "--approve"],
            ["restore", "orders", "--before-delete", "/k", "--from", "a"], ["plan", "-f", "orders.yaml"],
            ["delete", "ec", "orders", "--yes"],
            ["snapshot", "orders", "--wait"], ["apply", "-f", "a", "-f", "b"], ["completions", "fish"], ["version"],
        ])
    func right(arguments: [String]) throws {
        _ = try Quorate.parseAsRoot(arguments)
    }

    @Test("Every command has help with an example")
    func help() {
        func walk(_ command: any ParsableCommand.Type, _ path: [String]) {
            let commands = command.configuration.subcommands + command.configuration.groupedSubcommands.flatMap(\.subcommands)
            if commands.isEmpty {
                let ending = Entry.ending(of: CleanExit.helpRequest(command))
                #expect(ending.status == .done)
                #expect(command.configuration.discussion.contains("Example"), "\(path)")
                #expect(command.configuration.discussion.contains("quorate \(path.joined(separator: " "))"), "\(path)")
                #expect(!command.configuration.abstract.isEmpty)
            }
            for command in commands { walk(command, path + [command._commandName]) }
        }
        walk(Quorate.self, [])
    }

    @Test("Errors end as they say")
    func endings() {
        #expect(Entry.ending(of: CommandError(.unsafe, "no")) == (.unsafe, "error: no\n"))
        #expect(Entry.ending(of: CommandError.quietly(.usage)) == (.usage, ""))
        #expect(Entry.ending(of: CancellationError()).status == .failed)
        for (code, status) in [
            (400, CommandStatus.usage), (422, .usage), (403, .unsafe), (404, .failed), (409, .failed), (500, .failed),
        ] {
            #expect(Entry.ending(of: RefusedRequest(code: code, reason: "", message: "m")) == (status, "error: m\n"))
        }
    }

    @Test(
        "Kinds by all of their names",
        arguments: [
            ("ec", ResourceKind.cluster), ("etcdcluster", .cluster), ("etcdclusters", .cluster), ("EtcdCluster", .cluster),
            ("es", .snapshot),
            ("etcdsnapshots", .snapshot), ("er", .restore), ("EtcdRestore", .restore), ("pods", nil),
        ])
    func kinds(name: String, kind: ResourceKind?) {
        #expect(ResourceKind(argument: name) == kind)
    }

    @Test(
        "Where a controller is",
        arguments: [
            ("http://127.0.0.1:7300", "http://127.0.0.1:7300/x"), ("http://127.0.0.1:7300/", "http://127.0.0.1:7300/x"),
            ("http+unix:///run/q s.sock", "http+unix://%2Frun%2Fq%20s.sock/x"),
            ("unix:/run/q s.sock", "http+unix://%2Frun%2Fq%20s.sock/x"),
            ("http+unix://%2Frun%2Fq.sock/", "http+unix://%2Frun%2Fq.sock/x"),
        ])
    func server(text: String, url: String) throws {
        let address = try ServerAddress(text)
        #expect(address.url("/x") == url)
        #expect(address.description == text)
    }

    @Test(
        "Where none is",
        arguments: [
            "", "127.0.0.1:7300", "ftp://a", "http://", "http://a/b", "http://a b", "http+unix://", "http+unix:///", "unix:",
            "unix:/", "unix:run/q.sock",
        ])
    func serverNowhere(text: String) {
        #expect(throws: CommandError.self) { try ServerAddress(text) }
    }

    @Test("Paths are shaped as Kubernetes shapes them")
    func paths() {
        #expect(ControllerClient.path("etcdclusters") == "/apis/quorate.dev/v1alpha1/namespaces/default/etcdclusters")
        #expect(
            ControllerClient.path("etcdclusters", "a/b", "plan")
                == "/apis/quorate.dev/v1alpha1/namespaces/default/etcdclusters/a%2Fb/plan")
    }

    @Test("A stream is cut into lines wherever it is cut into parts")
    func splitting() throws {
        let text = Array("a\n\nbc\nd".utf8)
        for cut in 0...text.count {
            var splitter = LineSplitter(limit: 10)
            let lines = try splitter.push(text[..<cut]) + splitter.push(text[cut...])
            #expect(lines == [[0x61], [0x62, 0x63]])
        }
        var splitter = LineSplitter(limit: 2)
        #expect(throws: CommandError.self) { try splitter.push([1, 2, 3]) }
    }

    @Test("A source is sent as a whole URI")
    func sources() {
        #expect(RestoreSource.uri(of: "file:///a") == "file:///a")
        #expect(RestoreSource.uri(of: "/a/./b/../c") == "file:///a/c")
        #expect(RestoreSource.uri(of: "c").hasPrefix("file:///"))
    }

    @Test("validate counts files, objects and errors; a file that is not there is one")
    func validate() throws {
        let good = try TemporaryFile(Samples.manifest)
        let bad = try TemporaryFile(Samples.manifest + "  pused: true\n")
        defer {
            good.remove()
            bad.remove()
        }
        let read = ManifestFiles.read([good.path])
        #expect(Validate.summary(of: read) == "1 object in 1 file: valid")
        let wrong = ManifestFiles.read([good.path, bad.path, "/nowhere.yaml"])
        #expect(wrong.objects.count == 1)
        #expect(wrong.errors.count == 2 && wrong.errors[1] == "/nowhere.yaml: No such file or directory")
        #expect(Validate.summary(of: wrong) == "2 errors in 3 files")
        // A time zone is looked up where there is a database of them.
        let zoned = try TemporaryFile(
            "apiVersion: quorate.dev/v1alpha1\nkind: EtcdCluster\nmetadata: {name: a}\nspec:\n  backup:\n"
                + "    schedule: \"0 3 * * *\"\n    timeZone: Europe/Berln\n")
        defer { zoned.remove() }
        #expect(ManifestFiles.read([zoned.path]).errors.isEmpty)
        let known = ManifestFiles.read([zoned.path], knowsZone: { $0 == "Europe/Berln" })
        #expect(known.errors.isEmpty && known.objects.count == 1)
        let unknown = ManifestFiles.read([zoned.path], knowsZone: { _ in false })
        let place = #"\#(zoned.path):7:15: spec.backup.timeZone: "Europe/Berln": is no time zone of this machine"#
        #expect(unknown.objects.isEmpty && unknown.errors.count == 1 && unknown.errors[0].hasPrefix(place))
    }

    @Test("The machine's time zones are the files of its database, and nothing beside it")
    func zones() throws {
        let disk = SimulatedDisk(seed: 1)
        try disk.makeDirectory("/zones/Europe")
        let file = try disk.open("/zones/Europe/Text", .create)
        try file.write(Array("no zone".utf8), at: 0)
        try file.close()
        let zones = Zones(disk: disk, directory: "/zones")
        #expect(zones.knows("UTC") && !zones.knows("Europe/Text") && !zones.knows("Europe") && !zones.knows("Europe/None"))
        #expect(!zones.knows("../zones/Europe/Text"))
        guard let machine = Zones.machine() else { return }
        #expect(machine.knows("Europe/Berlin") && !machine.knows("Europe/Berln"))
    }

    @Test("What deleting means")
    func deleting() {
        var cluster = Samples.cluster()
        #expect(Delete.meaning(of: cluster).contains("keep their data"))
        cluster.spec.deletionPolicy = .delete
        #expect(Delete.meaning(of: cluster).contains("for good"))
    }
}
