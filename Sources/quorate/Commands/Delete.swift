internal import ArgumentParser
internal import ClusterAPI

struct Delete: ControllerCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delete a cluster, a snapshot or a restore.",
        discussion: """
            Deleting a cluster stops its members. What becomes of their data is said by spec.deletionPolicy: Retain keeps it, \
            SnapshotThenDelete takes a last snapshot first, Delete removes it. Asks first; --yes answers.

            Examples:
              quorate delete ec orders
              quorate delete ec orders --yes
            """)

    @Argument(help: "ec, es or er, or a longer name of the same.")
    var kind: ResourceKind

    @Argument(help: "The object's name.")
    var name: String

    @Flag(name: [.short, .long], help: "Do not ask.")
    var yes = false

    @OptionGroup var server: ServerOptions

    func run(in context: Context) async throws {
        func open<Object: NamedObject>(_ type: Object.Type) async throws {
            let object = try await context.client.get(type, self.name)
            let meaning = Self.meaning(of: object)
            if !self.yes {
                guard let ask = context.ask else {
                    throw CommandError(.unsafe, "\(meaning)\n  --yes carries it out; without a terminal nobody can be asked.")
                }
                let answer = ask("\(meaning)\nType the name to go on: ")
                guard answer == self.name else {
                    throw CommandError(.unsafe, "nothing was deleted: that was not \"\(self.name)\"")
                }
            }
            try await context.client.delete(type, self.name)
            context.print("\(object.reference) deleted")
        }
        try await open(self.kind.type)
    }

    /// What deleting an object does, in a sentence.
    static func meaning(of object: some NamedObject) -> String {
        guard let cluster = object as? EtcdCluster else {
            return "\(object.reference) will be deleted."
        }
        let fate =
            switch cluster.spec.deletionPolicy {
            case .retain: "keep their data (deletionPolicy Retain)"
            case .snapshotThenDelete: "take a last snapshot, then delete their data (deletionPolicy SnapshotThenDelete)"
            case .delete: "delete their data for good (deletionPolicy Delete)"
            }
        let members = Human.count(cluster.status.members.count, "member")
        return "This will stop \(members) of cluster \"\(cluster.metadata.name)\" and \(fate)."
    }
}
