public import YAML

/// What can be written as a document and read back, with nothing lost. Equal values give equal bytes.
public protocol Documented {
    var document: Node { get }
    /// Reads a document of the store or of HTTP.
    /// - Parameter file: Named in errors.
    init(document: Node, file: String) throws(SpecErrors)
}

extension Documented {
    /// Compact JSON: what the store keeps and HTTP carries.
    public func json() -> [UInt8] {
        self.document.json()
    }

    public func yaml() -> String {
        self.document.yaml()
    }

    /// Reads what ``json()`` wrote, or any JSON that says the same. The spec is held to every rule; fields of status and
    /// metadata that this program does not know are passed over, since a newer one may have written them.
    public init(json: [UInt8]) throws(SpecErrors) {
        try self.init(json: json, file: "")
    }

    public init(json: [UInt8], file: String) throws(SpecErrors) {
        let node: Node
        do throws(YAMLError) {
            node = try Node.read(json: json)
        } catch {
            throw SpecErrors(errors: [SpecError(file: file, error)])
        }
        try self.init(document: node, file: file)
    }
}

extension Fielded {
    /// The value as a document.
    var written: Node {
        Format<Self>.object.write(self)
    }

    static func read(stored node: Node, file: String) throws(SpecErrors) -> Self {
        var reading = Reading(file: file, origin: .stored)
        let value = Format<Self>.object.read(node, &reading)
        guard let value, reading.errors.isEmpty else { throw SpecErrors(errors: reading.errors.inOrder) }
        return value
    }
}

extension [SpecError] {
    /// In the order of the text.
    var inOrder: [SpecError] {
        self.enumerated().sorted {
            ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
        }.map(\.element)
    }
}

extension EtcdCluster: Fielded {
    static var blank: EtcdCluster { EtcdCluster(metadata: .blank, spec: .blank) }

    mutating func fields(_ list: inout Fields) {
        list.constant("apiVersion", apiVersion)
        list.constant("kind", Self.kind)
        list.field("metadata", &self.metadata, .object, "", .required)
        list.field("spec", &self.spec, .object, "What the owner wants.", .required)
        list.observed("status", &self.status, .object, "What the controller last saw, and what it is doing.")
    }

    public var document: Node { self.written }
    public init(document: Node, file: String) throws(SpecErrors) { self = try Self.read(stored: document, file: file) }
}

extension EtcdSnapshot: Fielded {
    static var blank: EtcdSnapshot { EtcdSnapshot(metadata: .blank, spec: .blank) }

    mutating func fields(_ list: inout Fields) {
        list.constant("apiVersion", apiVersion)
        list.constant("kind", Self.kind)
        list.field("metadata", &self.metadata, .object, "", .required)
        list.field("spec", &self.spec, .object, "What the owner wants.", .required)
        list.observed("status", &self.status, .object, "What became of it.")
    }

    public var document: Node { self.written }
    public init(document: Node, file: String) throws(SpecErrors) { self = try Self.read(stored: document, file: file) }
}

extension EtcdRestore: Fielded {
    static var blank: EtcdRestore { EtcdRestore(metadata: .blank, spec: .blank) }

    mutating func fields(_ list: inout Fields) {
        list.constant("apiVersion", apiVersion)
        list.constant("kind", Self.kind)
        list.field("metadata", &self.metadata, .object, "", .required)
        list.field("spec", &self.spec, .object, "What the owner wants.", .required)
        list.observed("status", &self.status, .object, "How far it came.")
    }

    public var document: Node { self.written }
    public init(document: Node, file: String) throws(SpecErrors) { self = try Self.read(stored: document, file: file) }
}

extension Event: Documented {
    public var document: Node { self.written }
    public init(document: Node, file: String) throws(SpecErrors) { self = try Self.read(stored: document, file: file) }
}

extension Plan: Documented {
    public var document: Node { self.written }
    public init(document: Node, file: String) throws(SpecErrors) { self = try Self.read(stored: document, file: file) }
}
