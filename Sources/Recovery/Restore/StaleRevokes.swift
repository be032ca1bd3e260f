internal import Bolt
internal import EtcdWire
internal import Platform

/// Whether members carried out revocations that etcd's releases decide differently, see
/// ``Store/isRefusedByOlderReleases(_:)``. No file says which patch release a member ran, so what came later must:
///
/// 1. A database that the entry had been applied to still has the lease: it was refused.
/// 2. The lease is revoked again later in the log: nobody asks for that where it is gone, and etcd itself asks again for one
///    that expired. It was refused.
/// 3. Else it was carried out, as by all releases since September 2023.
final class StaleRevokes {
    private let evidence: RestoreEvidence
    private let parts: [LogChoice.Part]
    private let disk: any Disk
    /// Where the log revokes and grants each lease; read once there is cause.
    private var later: [Int64: Mentions]?
    /// What was decided, for the report.
    private(set) var notes: [String] = []

    private struct Mentions {
        var revoked: UInt64 = 0
        var granted: UInt64 = 0
    }

    init(_ evidence: RestoreEvidence, _ parts: [LogChoice.Part], disk: any Disk) {
        (self.evidence, self.parts, self.disk) = (evidence, parts, disk)
    }

    /// - Parameter index: The entry that revokes the lease.
    func isRefused(_ lease: Int64, at index: UInt64) throws(RecoveryError) -> Bool {
        let proof = try self.proof(lease, at: index)
        self.notes.append(
            "entry \(index) revokes lease \(hexadecimal(UInt64(bitPattern: lease))) for a root that had not seen the newest "
                + "users, which etcd refuses before 3.4.27 and 3.5.10; taken as "
                + (proof.map { "refused: \($0)" } ?? "carried out: nothing shows the lease afterwards"))
        return proof != nil
    }

    /// What shows that the lease was there still.
    private func proof(_ lease: Int64, at index: UInt64) throws(RecoveryError) -> String? {
        let mentions = try self.mentions(after: index)[lease] ?? Mentions()
        for database in self.evidence.databases where database.index >= index {
            // One that was granted anew says nothing.
            guard mentions.granted <= index || mentions.granted > database.index else { continue }
            if try self.has(lease, database) { return "\(database.file.path) has the lease" }
        }
        return mentions.revoked > index ? "entry \(mentions.revoked) revokes it again" : nil
    }

    private func has(_ lease: Int64, _ database: DatabaseLook) throws(RecoveryError) -> Bool {
        let opened = try onDisk { () throws(DiskError) in try self.disk.open(database.file.path, .read) }
        defer { try? opened.close() }
        return try inDatabase { () throws(BoltError) in
            let file = try BoltFile(opened, size: database.file.imageSize)
            let key = ClusterIdentity.bigEndian(UInt64(bitPattern: lease))
            return try file.root.bucket("lease")?.entry(key) != nil
        }
    }

    private func mentions(after index: UInt64) throws(RecoveryError) -> [Int64: Mentions] {
        if let later { return later }
        var found: [Int64: Mentions] = [:]
        var stream = EntryStream(self.evidence, self.parts, after: index, disk: self.disk)
        while let entry = try stream.nextEntry() {
            guard case .request(let request)? = try? EntryContent(entry) else { continue }
            switch request.operation {
            case .leaseRevoke(let revoke): found[revoke.id, default: Mentions()].revoked = entry.index
            case .leaseGrant(let grant): found[grant.id, default: Mentions()].granted = entry.index
            default: break
            }
        }
        self.later = found
        return found
    }
}
