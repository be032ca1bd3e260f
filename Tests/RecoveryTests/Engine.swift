import Backups
import Platform
import Recovery
import TestSupport
import Testing
import YAML

/// What tests do with a member besides plain calls of etcdctl.
extension EtcdProcess {
    /// Puts many keys, in transactions of 100, through a file as etcdctl reads it.
    func put(_ keys: [(key: String, value: String)]) async throws {
        for start in stride(from: 0, to: keys.count, by: 100) {
            let lines = keys[start..<min(start + 100, keys.count)].map { "put \"\($0.key)\" \"\($0.value)\"" }
            let path = "\(self.directory.path)/txn"
            let file = try RealDisk().open(path, .create)
            try file.truncate(to: 0)
            try file.write(Array("\n\(lines.joined(separator: "\n"))\n\n\n".utf8), at: 0)
            try file.close()
            try await self.shell("txn < \(path)")
        }
    }

    func shell(_ command: String) async throws {
        let output = try await Command.run(
            "/bin/sh", ["-c", "ETCDCTL_API=3 \(self.binary.etcdctl) --endpoints=\(self.clientURL) \(command)"])
        guard output.status == 0 else { throw TestSupportError("etcdctl \(command): \(output.text)") }
    }

    /// Saves a snapshot and returns its path.
    func saveSnapshot() async throws -> String {
        let path = "\(self.directory.path)/snapshot.db"
        try await self.etcdctl("snapshot", "save", path)
        return path
    }

    /// The member's own answer, all at rest.
    func status() async throws -> Node {
        try #require(try await self.json("endpoint", "status")[0]?["Status"])
    }

    func json(_ arguments: String...) async throws -> Node {
        let output = try await Command.run(
            self.binary.etcdctl, ["--endpoints=\(self.clientURL)", "-w", "json"] + arguments)
        return try Node.read(json: Array(output.text.utf8))
    }
}

/// The answer of `etcdutl snapshot status`.
func snapshotStatus(_ path: String, _ binary: EtcdBinary) async throws -> Node {
    let output = try await Command.run(binary.etcdutl, ["snapshot", "status", path, "-w", "json"])
    return try Node.read(json: Array(output.text.utf8))
}
