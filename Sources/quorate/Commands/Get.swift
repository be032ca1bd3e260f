internal import ArgumentParser
internal import ClusterAPI
internal import Platform

struct Get: ControllerCommand {
    static let configuration = CommandConfiguration(
        abstract: "List clusters, snapshots or restores, or show one.",
        discussion: """
            Kinds: ec (etcdclusters), es (etcdsnapshots), er (etcdrestores).

            Examples:
              quorate get ec
              quorate get ec orders -o yaml
              quorate get es -o wide
              quorate get ec --watch
            """)

    enum Output: String, CaseIterable, ExpressibleByArgument {
        case wide, yaml, json
    }

    @Argument(help: "ec, es or er, or a longer name of the same.")
    var kind: ResourceKind

    @Argument(help: "One object by its name; all of them without.")
    var name: String?

    @Option(name: [.short, .long], help: ArgumentHelp("wide, yaml or json.", valueName: "format"))
    var output: Output?

    @Flag(name: [.short, .long], help: "Keep showing changes until Ctrl-C.")
    var watch = false

    @OptionGroup var server: ServerOptions

    func run(in context: Context) async throws {
        func open<Object: NamedObject>(_ type: Object.Type) async throws {
            if self.watch { return try await Watching(command: self, context: context).follow(type) }
            if let name = self.name {
                return context.write(try self.text(of: [await context.client.get(type, name)], isList: false, in: context))
            }
            let list = try await context.client.list(type)
            if list.items.isEmpty, self.output == nil || self.output == .wide {
                return context.note("No \(type.plural) found.\n")
            }
            context.write(try self.text(of: list.items, isList: true, in: context))
        }
        try await open(self.kind.type)
    }

    /// Objects in the form asked for.
    func text<Object: NamedObject>(of objects: [Object], isList: Bool, in context: Context) throws -> String {
        switch self.output {
        case .json: return isList ? Codec.listText(objects) : objects.map { Codec.jsonText($0) }.joined()
        case .yaml: return objects.map { $0.yaml() }.joined(separator: "---\n")
        case .wide, nil:
            let table = Object.table(objects, now: context.now, wide: self.output == .wide)
            return table.lines(style: context.terminal.style).map { "\($0)\n" }.joined()
        }
    }
}

/// `get --watch`: the table is drawn again in place on a terminal; elsewhere each change is a line more.
private struct Watching {
    var command: Get
    var context: Context

    func follow<Object: NamedObject>(_ type: Object.Type) async throws {
        var screen = Screen()
        var isFirst = true
        while true {
            var list = try await self.context.client.list(type)
            list.items.removeAll { !self.concerns($0) }
            if let name = self.command.name, list.items.isEmpty, isFirst {
                throw CommandError(.failed, "\(type.plural) \"\(name)\" not found")
            }
            var known = Dictionary(list.items.map { ($0.metadata.name, $0) }) { $1 }
            try self.show(known, changed: list.items, isFirst: isFirst, on: &screen)
            isFirst = false
            try await self.context.client.watch(type, after: list.resourceVersion) { event in
                switch event {
                case .present(let object) where self.concerns(object):
                    known[object.metadata.name] = object
                    try self.show(known, changed: [object], isFirst: false, on: &screen)
                case .deleted(let object) where self.concerns(object):
                    known[object.metadata.name] = nil
                    try self.show(known, changed: [], isFirst: false, on: &screen)
                case .failed: return false
                default: break
                }
                return true
            }
            // The controller ended the stream: it may be going down, so do not ask again at once.
            try await self.context.clock.sleep(for: .seconds(1))
        }
    }

    private func concerns(_ object: some NamedObject) -> Bool {
        self.command.name == nil || object.metadata.name == self.command.name
    }

    private func show<Object: NamedObject>(
        _ known: [String: Object], changed: [Object], isFirst: Bool, on screen: inout Screen
    ) throws {
        let isTable = self.command.output == nil || self.command.output == .wide
        if isTable, self.context.terminal.isTerminal {
            let terminal = Terminal.standardOutput()
            let objects = known.sorted { $0.key < $1.key }.map(\.value)
            let table = Object.table(objects, now: self.context.now, wide: self.command.output == .wide)
            return self.context.write(screen.redraw(table.lines(style: terminal.style, width: terminal.width)))
        }
        guard isTable else {
            if !changed.isEmpty { self.context.write(try self.command.text(of: changed, isList: false, in: self.context)) }
            return
        }
        let table = Object.table(changed, now: self.context.now, wide: self.command.output == .wide)
        self.context.print(Array(table.lines().dropFirst(isFirst ? 0 : 1)))
    }
}
