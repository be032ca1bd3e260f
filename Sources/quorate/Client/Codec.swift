internal import ClusterAPI

protocol CodableResource: Resource {}

/// Objects to and from the bytes that a controller and a file hold.
enum Codec {
    static func object<Object: NamedObject>(_ bytes: [UInt8]) throws -> Object { throw CommandError(.failed, "stub") }
    static func list<Object: NamedObject>(_ bytes: [UInt8]) throws -> ObjectList<Object> { throw CommandError(.failed, "stub") }
    static func watchEvent<Object: NamedObject>(_ line: [UInt8]) throws -> WatchEvent<Object> {
        throw CommandError(.failed, "stub")
    }
    static func events(_ bytes: [UInt8]) throws -> [Event] { [] }
    static func plan(_ bytes: [UInt8]) throws -> Plan { throw CommandError(.failed, "stub") }
    static func json(_ object: some NamedObject) -> [UInt8] { [] }
    static func jsonText(_ object: some NamedObject) -> String { "" }
    static func listText(_ objects: [some NamedObject]) -> String { "" }
    static func yamlText(_ object: some NamedObject) -> String { "" }
    static func status(_ answer: [UInt8]) -> (reason: String, message: String)? { nil }
    static func manifest(_ bytes: [UInt8], file: String, into read: inout ManifestFiles) {}
}
