import ClusterAPI
import Platform
import YAML

/// The files of the repository that tests read, found from where this file stands.
enum Repository {
    static func path(_ name: String, file: String = #filePath) -> String {
        // Tests/ClusterAPITests/Support.swift
        file.split(separator: "/").dropLast(3).reduce(into: "") { $0 += "/\($1)" } + "/" + name
    }

    static func read(_ name: String) throws -> [UInt8] {
        try self.read(absolute: self.path(name))
    }

    static func read(absolute path: String) throws -> [UInt8] {
        let file = try RealDisk().open(path, .read)
        defer { try? file.close() }
        return try file.read(at: 0, count: Int(file.size()))
    }

    static func write(_ bytes: [UInt8], to name: String) throws {
        let file = try RealDisk().open(self.path(name), .create)
        defer { try? file.close() }
        try file.truncate(to: 0)
        try file.write(bytes, at: 0)
    }
}

extension ZoneRules {
    /// The rules of this machine's file.
    static func named(_ name: String) throws -> ZoneRules {
        try ZoneRules(tzif: Repository.read(absolute: "/usr/share/zoneinfo/\(name)"))
    }
}

extension Manifest {
    static func read(_ text: String) -> ManifestReading {
        self.read(Array(text.utf8), file: "orders.yaml")
    }
}

/// A cluster's file with these lines below `spec:`, two spaces in. The first of them is line 5.
func manifest(_ spec: String, metadata: String = "{name: orders}") -> String {
    let lines = spec.split(separator: "\n", omittingEmptySubsequences: false).map {
        $0.isEmpty ? "" : "  \($0)"
    }
    return """
        apiVersion: quorate.dev/v1alpha1
        kind: EtcdCluster
        metadata: \(metadata)
        spec:
        \(lines.joined(separator: "\n"))

        """
}
