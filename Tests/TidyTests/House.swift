/// The plan of the house: on which floor each room is, and what it never imports. A room imports rooms on floors below
/// it, never beside or above.
enum House {
    static let floors: [String: Int] = [
        "CPlatform": 0, "CLibYAML": 0,
        "Platform": 1, "YAML": 1, "EtcdWire": 1,
        "Bolt": 2, "WriteAheadLog": 2, "Raft": 2, "GRPCServer": 2, "EtcdClient": 2, "ClusterAPI": 2, "Backups": 2,
        "Runtimes": 2,
        "Store": 3, "Reconcile": 3,
        "EmbeddedStore": 4, "Recovery": 4, "Member": 4,
        "Operator": 5,
        "Console": 6, "Simulation": 6,
        "quorate": 7,
    ]

    /// Rooms below that a room still never imports: the controller sees a cluster through etcd's API and its disk
    /// formats alone, whatever its engine is.
    static let never: [String: Set<String>] = [
        "Operator": ["Member", "Store", "Raft", "Bolt", "GRPCServer"]
    ]

    /// Rooms that stand on the standard library, the C library, and rooms below.
    static let noFoundation: Set<String> = [
        "Platform", "YAML", "EtcdWire", "Bolt", "WriteAheadLog", "Raft", "GRPCServer", "ClusterAPI", "Store", "Reconcile",
        "EmbeddedStore",
    ]

    /// Modules that come with the toolchain.
    static let toolchain: Set<String> = ["Swift", "Synchronization", "Glibc", "FoundationEssentials", "Dispatch"]

    /// Modules that come with a product of another name.
    static let companions: [String: Set<String>] = ["GRPCNIOTransportHTTP2Posix": ["GRPCNIOTransportCore"]]

    /// Whether a file holds only pure functions and state machines.
    static func isPure(_ file: SourceFile) -> Bool {
        switch file.room {
        case "Store", "EtcdWire", "Raft": return true
        case "Operator":
            let parts = file.components
            return parts.last?.hasPrefix("Decide") == true || parts.dropFirst(2).dropLast().contains("Decide")
        default: return false
        }
    }
}
