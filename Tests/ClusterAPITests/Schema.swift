import Testing
import YAML

/// What the tests ask of the generated schemas.
enum Schema {
    /// The properties of a resource out of its CustomResourceDefinition.
    static func read(_ text: String) throws -> Node {
        let root = try #require(Node.read(yaml: Array(text.utf8)).first?.root)
        return try #require(root["spec"]?["versions"]?[0]?["schema"]?["openAPIV3Schema"]?["properties"])
    }

    /// The paths of all fields that have no fields of their own: `spec.backup.schedule`, `status.members[].name`.
    static func leaves(of schema: Node?, at path: String) -> Set<String> {
        if let properties = schema?["properties"]?.mapping {
            return properties.entries.reduce(into: []) {
                $0.formUnion(self.leaves(of: $1.value, at: "\(path).\($1.key)"))
            }
        }
        if let items = schema?["items"] { return self.leaves(of: items, at: path + "[]") }
        if let values = schema?["additionalProperties"] {
            return self.leaves(of: values, at: path + "{}")
        }
        return [path]
    }

    /// The paths of all fields, those that have fields of their own among them.
    static func nodes(of schema: Node?, at path: String) -> Set<String> {
        schema?["properties"]?.mapping?.entries.reduce(into: []) { paths, entry in
            paths.insert("\(path).\(entry.key)")
            paths.formUnion(self.nodes(of: entry.value, at: "\(path).\(entry.key)"))
        } ?? []
    }

    /// The paths of all leaves that a document has, in the same words; below a map every key is `{}`.
    static func paths(in node: Node?, at path: String) -> Set<String> {
        guard let node else { return [] }
        if let elements = node.sequence {
            return elements.reduce(into: []) { $0.formUnion(self.paths(in: $1, at: path + "[]")) }
        }
        guard let mapping = node.mapping else { return [path] }
        return mapping.entries.reduce(into: []) { paths, entry in
            paths.formUnion(self.paths(in: entry.value, at: "\(path).\(entry.key)"))
            paths.formUnion(self.paths(in: entry.value, at: "\(path){}"))
        }
    }
}
