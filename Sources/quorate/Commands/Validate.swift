internal import ArgumentParser
internal import ClusterAPI
internal import Glibc

struct Validate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check specs; needs no controller.",
        discussion: """
            Prints every error of every file with line and column, and warnings. Ends with code 2 when there is an error. \
            Time zones are looked up where this machine has the database of them.

            Examples:
              quorate validate orders.yaml
              quorate validate examples/
            """)

    @Argument(
        help: ArgumentHelp("Files and directories of specs; - is standard input.", valueName: "file"), completion: .file())
    var files: [String]

    func run() throws {
        let read = ManifestFiles.read(self.files, knowsZone: Zones.machine()?.knows)
        Terminal.write((read.errors + read.warnings.map { "warning: \($0)" }).map { "\($0)\n" }.joined(), to: STDERR_FILENO)
        Terminal.write(Self.summary(of: read) + "\n", to: read.errors.isEmpty ? STDOUT_FILENO : STDERR_FILENO)
        if !read.errors.isEmpty { throw CommandError.quietly(.usage) }
    }

    static func summary(of read: ManifestFiles) -> String {
        let files = Human.count(read.count, "file")
        let warnings = read.warnings.isEmpty ? "" : ", \(Human.count(read.warnings.count, "warning"))"
        guard read.errors.isEmpty else { return "\(Human.count(read.errors.count, "error"))\(warnings) in \(files)" }
        return "\(Human.count(read.objects.count, "object")) in \(files): valid\(warnings)"
    }
}
