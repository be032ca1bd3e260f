internal import ArgumentParser
internal import Glibc
internal import Platform
internal import Recovery
internal import YAML

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show what keys became between two moments of snapshots or data directories.",
        discussion: """
            Each side is a snapshot, a database, or a data directory, and with @REVISION what it held then. The sources are \
            not changed; where a log goes further than its database, it is applied to a copy in a temporary directory.

            With --as-writes, prints the transactions that bring the keys of --to, which is the live cluster, back to what \
            they were at --from, a line of JSON for each key as POST /v3/kv/txn takes it. Each has the condition that the key \
            was not changed since --to, so that nothing newer is overwritten.

            Examples:
              quorate diff --from monday.db --to tuesday.db --prefix /registry/pods/
              quorate diff --from ./data/m1@4711 --to ./data/m1
              quorate diff --from now.db@4711 --to now.db --prefix /config/ --as-writes |
                while read -r txn; do curl -s http://127.0.0.1:2379/v3/kv/txn -d "$txn"; done
            """)

    @Option(name: .long, help: ArgumentHelp("The earlier, or the good one.", valueName: "path[@revision]"))
    var from: String

    @Option(name: .long, help: ArgumentHelp("The later one.", valueName: "path[@revision]"))
    var to: String

    @Option(name: .long, help: ArgumentHelp("Only keys with this prefix.", valueName: "prefix"))
    var prefix: String?

    @Flag(name: .long, help: "Print the transactions that bring --from's keys back.")
    var asWrites = false

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    func run() throws {
        let disk = RealDisk()
        let scratch = "\(Terminal.environment("TMPDIR") ?? "/tmp")/quorate-diff-\(getpid())"
        defer { try? Self.removeTree(scratch, disk) }
        try self.run(Output.standard(), scratch: scratch, disk: disk)
    }

    func run(_ output: Output, scratch: String, disk: any Disk) throws(CommandError) {
        let keys = KeyRange(prefix: KeyText.bytes(self.prefix ?? ""))
        let diff = try output.run { progress throws(RecoveryError) in
            try Diff.run(
                from: DiffPoint(parsing: self.from), to: DiffPoint(parsing: self.to), keys: keys, scratch: scratch, disk: disk,
                progress: progress)
        }
        if self.asWrites {
            let notes = try output.run { _ throws(RecoveryError) in
                try diff.writes { output.write(String(decoding: $0.json(), as: UTF8.self) + "\n") }
            }
            for key in notes.withoutLease {
                output.note(
                    "note: \(KeyText.printable(key)) hung on a lease that is not there any more, and is put without one\n")
            }
        } else if self.json {
            output.print(diff.node)
        } else {
            output.print(DiffView.lines(diff, style: output.terminal.style))
        }
    }

    private static func removeTree(_ path: String, _ disk: any Disk) throws {
        guard let info = try disk.stat(path) else { return }
        if info.isDirectory {
            for name in try disk.list(path) { try Self.removeTree("\(path)/\(name)", disk) }
        }
        try disk.remove(path)
    }
}
