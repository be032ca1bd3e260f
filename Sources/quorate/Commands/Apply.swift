internal import ArgumentParser
internal import ClusterAPI

struct Apply: ControllerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create or change objects from specs.",
        discussion: """
            Every file is checked first. Of a file with an error nothing is applied; the others are.

            Examples:
              quorate apply -f orders.yaml
              quorate apply -f specs/ -f extra.yaml
            """)

    @Option(
        name: [.customShort("f"), .customLong("file")],
        help: ArgumentHelp("A file or a directory of specs; - is standard input.", valueName: "file"), completion: .file())
    var files: [String]

    @OptionGroup var server: ServerOptions

    /// How often a change is tried again that another one came before.
    private static let attempts = 5

    func run(in context: Context) async throws {
        let read = ManifestFiles.read(self.files)
        context.note((read.errors + read.warnings.map { "warning: \($0)" }).map { "\($0)\n" }.joined())
        var worst: CommandStatus = read.errors.isEmpty ? .done : .usage
        for object in read.objects {
            do {
                let outcome = try await Self.apply(object, with: context.client)
                context.print("\(object.reference) \(outcome.rawValue)")
            } catch let error as RefusedRequest {
                context.note("error: \(object.reference): \(error.message)\n")
                if worst != .usage { worst = error.commandError.status }
            }
        }
        if worst != .done { throw CommandError.quietly(worst) }
    }

    enum Outcome: String {
        case created, configured, unchanged
    }

    /// Creates the object, or puts its spec, labels and annotations in the place of those of the one that is there.
    static func apply<Object: NamedObject>(_ object: Object, with client: ControllerClient) async throws -> Outcome {
        var attempt = 1
        while true {
            do {
                let old = try await client.get(Object.self, object.metadata.name)
                var new = object
                new.metadata.resourceVersion = old.metadata.resourceVersion
                let stored = try await client.replace(new)
                return stored.metadata.resourceVersion == old.metadata.resourceVersion ? .unchanged : .configured
            } catch let error as RefusedRequest where error.code == 409 && attempt < Self.attempts {
                attempt += 1
            } catch let error as RefusedRequest where error.code == 404 {
                do {
                    _ = try await client.create(object)
                    return .created
                } catch let error as RefusedRequest where error.code == 409 && attempt < Self.attempts {
                    // Someone else created it in between.
                    attempt += 1
                }
            }
        }
    }
}
