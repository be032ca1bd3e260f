internal import ArgumentParser
internal import Platform
internal import Recovery
internal import YAML

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what is in a snapshot or a data directory.",
        discussion: """
            Reads files of etcd with no etcd running, and changes nothing: members, revisions, indexes and terms, leases, \
            sizes by prefix, the log's segments, and what is damaged and where. With --entries, the log's entries; with \
            --entries --json, a JSON object on each line.

            Examples:
              quorate inspect ./data/orders-1
              quorate inspect snapshot.db --prefix-depth 3
              quorate inspect ./data/orders-1 --entries --prefix /registry/pods/
              quorate inspect ./data/orders-1 --entries --index 4000:4100 --json
            """)

    @Argument(help: "A snapshot, a database, a data directory, or a directory of *.wal.")
    var path: String

    @Option(name: .long, help: ArgumentHelp("Sum up sizes by this many parts of keys.", valueName: "parts"))
    var prefixDepth = 2

    @Flag(name: .long, help: "Show the log's entries.")
    var entries = false

    @Option(name: .long, help: ArgumentHelp("With --entries: only those that touch this key.", valueName: "key"))
    var key: String?

    @Option(
        name: .long, help: ArgumentHelp("With --entries: only those that touch keys with this prefix.", valueName: "prefix"))
    var prefix: String?

    @Option(name: .long, help: ArgumentHelp("With --entries: only these indexes, the last included.", valueName: "a:b"))
    var index: IndexRange?

    @Flag(name: .long, help: "Print JSON.")
    var json = false

    func validate() throws {
        guard self.prefixDepth > 0 else { throw ValidationError("--prefix-depth is 1 or more.") }
        guard self.entries || (self.key == nil && self.prefix == nil && self.index == nil) else {
            throw ValidationError("--key, --prefix and --index go with --entries.")
        }
        guard self.key == nil || self.prefix == nil else { throw ValidationError("Give --key or --prefix, not both.") }
    }

    func run() throws {
        try self.run(Output.standard(), disk: RealDisk())
    }

    func run(_ output: Output, disk: any Disk) throws(CommandError) {
        if self.entries { return try self.showEntries(output, disk) }
        let options = Inspect.Options(prefixDepth: self.prefixDepth)
        let inspection = try output.run { progress throws(RecoveryError) in
            try Inspect.run(self.path, options: options, disk: disk, progress: progress)
        }
        if self.json {
            output.print(inspection.node)
        } else {
            output.print(InspectView.lines(inspection, style: output.terminal.style))
        }
        if !inspection.isSound { throw .quietly(.failed) }
    }

    private func showEntries(_ output: Output, _ disk: any Disk) throws(CommandError) {
        var filter = EntryFilter(indexes: self.index?.range ?? 0...UInt64.max)
        if let key { filter.keys = KeyRange(key: KeyText.bytes(key)) }
        if let prefix { filter.keys = KeyRange(prefix: KeyText.bytes(prefix)) }
        // Entries are written as they come: a log may have millions.
        try output.run { _ throws(RecoveryError) in
            try Inspect.entries(self.path, filter, disk: disk) { entry in
                if self.json {
                    output.write(String(decoding: entry.node.json(), as: UTF8.self) + "\n")
                } else {
                    output.print(InspectView.lines(entry))
                }
                return true
            }
        }
    }
}

/// `A:B`, `A:`, `:B` or `A`, both ends included.
struct IndexRange: ExpressibleByArgument, Hashable {
    var range: ClosedRange<UInt64>

    init?(argument: String) {
        let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count) else { return nil }
        let low = parts[0].isEmpty ? 0 : UInt64(parts[0])
        let high = parts.count == 1 ? low : parts[1].isEmpty ? .max : UInt64(parts[1])
        guard let low, let high, low <= high, argument != ":" else { return nil }
        self.range = low...high
    }
}
