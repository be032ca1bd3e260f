internal import ClusterAPI
internal import Platform
internal import YAML

/// One column of a table of objects.
struct Column<Object>: Sendable {
    var name: String
    /// `string` or `integer`, as OpenAPI names types.
    var type = "string"
    /// Whether it is shown only where there is room (`-o wide`).
    var isWide = false
    var cell: @Sendable (Object, Timestamp) -> Node

    init(_ name: String, type: String = "string", isWide: Bool = false, _ cell: @escaping @Sendable (Object, Timestamp) -> Node)
    {
        (self.name, self.type, self.isWide, self.cell) = (name, type, isWide, cell)
    }

    var definition: Node {
        .mapping([
            "name": .string(self.name), "type": .string(self.type),
            "format": self.name == "Name" ? "name" : "", "description": "", "priority": .int(self.isWide ? 1 : 0),
        ])
    }
}

/// A resource that is served, with its printer columns.
protocol ServedResource: AdmittedResource {
    static var columns: [Column<Self>] { get }
}

extension EtcdCluster: ServedResource {
    static var columns: [Column<EtcdCluster>] {
        [
            Column("Name") { cluster, _ in .string(cluster.metadata.name) },
            Column("Ready") { cluster, _ in .string("\(cluster.status.readyReplicas)/\(cluster.spec.replicas)") },
            Column("Quorate") { cluster, _ in
                .string(cluster.status.conditions.first { $0.type == "Quorate" }?.status.rawValue ?? "Unknown")
            },
            Column("Leader") { cluster, _ in dash(cluster.status.leader) },
            Column("Revision") { cluster, _ in dash(cluster.status.revision > 0 ? String(cluster.status.revision) : nil) },
            Column("DB Size") { cluster, _ in dash(cluster.status.members.map(\.dbSize).max().flatMap(bytes)) },
            Column("Last Snapshot") { cluster, now in age(cluster.status.backup.lastSnapshot?.takenAt, now) },
            Column("Phase") { cluster, _ in
                .string((cluster.metadata.deletionTimestamp == nil ? cluster.status.phase : .deleting).rawValue)
            },
            Column("Age") { cluster, now in age(cluster.metadata.creationTimestamp, now) },
            Column("Engine", isWide: true) { cluster, _ in
                .string(cluster.engineWords)
            },
            Column("Cluster ID", isWide: true) { cluster, _ in dash(cluster.status.clusterID) },
            Column("Endpoints", isWide: true) { cluster, _ in
                dash(cluster.status.members.map(\.endpoint).filter { !$0.isEmpty }.joined(separator: ","))
            },
        ]
    }
}

extension EtcdSnapshot: ServedResource {
    static var columns: [Column<EtcdSnapshot>] {
        [
            Column("Name") { snapshot, _ in .string(snapshot.metadata.name) },
            Column("Cluster") { snapshot, _ in .string(snapshot.spec.clusterRef) },
            Column("Phase") { snapshot, _ in .string(snapshot.status.phase.rawValue) },
            Column("Revision") { snapshot, _ in dash(snapshot.status.artifact.map { String($0.revision) }) },
            Column("Size") { snapshot, _ in dash(snapshot.status.artifact.flatMap { bytes($0.sizeBytes) }) },
            Column("Age") { snapshot, now in
                age(snapshot.status.artifact?.takenAt ?? snapshot.metadata.creationTimestamp, now)
            },
            Column("URI", isWide: true) { snapshot, _ in dash(snapshot.status.artifact?.uri) },
            Column("Message", isWide: true) { snapshot, _ in dash(snapshot.status.message) },
        ]
    }
}

extension EtcdRestore: ServedResource {
    static var columns: [Column<EtcdRestore>] {
        [
            Column("Name") { restore, _ in .string(restore.metadata.name) },
            Column("Cluster") { restore, _ in .string(restore.spec.clusterRef) },
            Column("Phase") { restore, _ in .string(restore.status.phase.rawValue) },
            Column("Approved") { restore, _ in restore.spec.approved ? "Yes" : "No" },
            Column("Revision") { restore, _ in dash(restore.status.report.map { String($0.artifact.revision) }) },
            Column("Age") { restore, now in age(restore.metadata.creationTimestamp, now) },
            Column("From", isWide: true) { restore, _ in
                dash(restore.spec.source.from ?? restore.status.report?.artifact.uri)
            },
            Column("Message", isWide: true) { restore, _ in dash(restore.status.message) },
        ]
    }
}

func dash(_ text: String?) -> Node {
    guard let text, !text.isEmpty else { return "-" }
    return .string(text)
}

/// How long ago, in one unit, as `kubectl` writes ages.
func age(_ time: Timestamp?, _ now: Timestamp) -> Node {
    guard let time else { return "-" }
    let seconds = max(0, (now - time).components.seconds)
    return switch seconds {
    case ..<120: .string("\(seconds)s")
    case ..<7200: .string("\(seconds / 60)m")
    case ..<172_800: .string("\(seconds / 3600)h")
    default: .string("\(seconds / 86_400)d")
    }
}

/// Bytes in binary units, rounded down to one decimal; nil when there are none.
private func bytes(_ count: Int64) -> String? {
    guard count > 0 else { return nil }
    var (tenths, unit) = (count.multipliedReportingOverflow(by: 10).overflow ? Int64.max : count * 10, 0)
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while tenths >= 10_240, unit < units.count - 1 { (tenths, unit) = (tenths / 1024, unit + 1) }
    let isWhole = tenths >= 100 || tenths % 10 == 0
    return isWhole ? "\(tenths / 10) \(units[unit])" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
}
