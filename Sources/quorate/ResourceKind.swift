internal import ArgumentParser
internal import ClusterAPI
internal import Platform

/// A kind of object, under any of the names that people give it.
enum ResourceKind: String, CaseIterable, Sendable, ExpressibleByArgument {
    case cluster = "ec"
    case snapshot = "es"
    case restore = "er"

    init?(argument: String) {
        let argument = argument.lowercased()
        guard let kind = Self.allCases.first(where: { $0.names.contains(argument) }) else { return nil }
        self = kind
    }

    static var allValueStrings: [String] { Self.allCases.flatMap { $0.names } }

    var type: any NamedObject.Type {
        switch self {
        case .cluster: EtcdCluster.self
        case .snapshot: EtcdSnapshot.self
        case .restore: EtcdRestore.self
        }
    }

    /// The short name, the singular, and the plural.
    var names: [String] {
        [self.type.shortName, self.type.kind.lowercased(), self.type.plural]
    }
}

/// A resource that the command prints.
protocol NamedObject: Resource, Documented {
    static func table(_ objects: [Self], now: Timestamp, wide: Bool) -> TextTable
}

extension NamedObject {
    /// `etcdcluster/orders`
    var reference: String { "\(Self.kind.lowercased())/\(self.metadata.name)" }
}

extension EtcdCluster: NamedObject {
    static func table(_ objects: [EtcdCluster], now: Timestamp, wide: Bool) -> TextTable {
        Columns.clusters(objects, now: now, wide: wide)
    }
}

extension EtcdSnapshot: NamedObject {
    static func table(_ objects: [EtcdSnapshot], now: Timestamp, wide: Bool) -> TextTable {
        Columns.snapshots(objects, now: now, wide: wide)
    }
}

extension EtcdRestore: NamedObject {
    static func table(_ objects: [EtcdRestore], now: Timestamp, wide: Bool) -> TextTable {
        Columns.restores(objects, now: now, wide: wide)
    }
}
