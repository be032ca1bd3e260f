internal import ArgumentParser
internal import Platform
internal import Recovery

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check a snapshot or a data directory: every page, row, record and checksum.",
        discussion: """
            Reads files of etcd with no etcd running, and changes nothing. Takes a snapshot, a member/snap/db, a data \
            directory, or a directory of *.wal. Do not verify the directory of a member that runs.

            Ends with 0 when all is sound, with 1 when something is damaged or cannot be read.

            Examples:
              quorate verify backups/orders/orders-20261122T230000Z.snapshot
              quorate verify ./data/orders-1 --json
            """)

    @Argument(help: "A snapshot, a database, a data directory, or a directory of *.wal.")
    var path: String

    @Flag(name: .long, help: "Print the verdict as JSON.")
    var json = false

    func run() throws {
        try self.run(Output.standard(), disk: RealDisk())
    }

    func run(_ output: Output, disk: any Disk) throws(CommandError) {
        let verdict = try output.run { progress throws(RecoveryError) in
            try Verify.run(self.path, disk: disk, progress: progress)
        }
        if self.json {
            output.print(verdict.node)
        } else {
            output.print(VerifyView.lines(verdict, of: self.path, style: output.terminal.style))
        }
        if !verdict.isSound { throw .quietly(.failed) }
    }
}
