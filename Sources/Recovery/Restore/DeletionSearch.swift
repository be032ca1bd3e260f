internal import Bolt
internal import EtcdWire
internal import Platform

/// Finds the revision that deleted a key last.
struct DeletionSearch {
    let evidence: RestoreEvidence
    let plan: RestorePlan
    let writer: DataDirectoryWriter
    let disk: any Disk
    let progress: ProgressReport?

    func revision(of key: [UInt8]) throws(RecoveryError) -> Int64 {
        let newest = self.evidence.databases.max { ($0.index, $0.revision) < ($1.index, $1.revision) }
        var found = try newest.map { database throws(RecoveryError) in try self.scan(database.file, for: key) } ?? nil
        if try self.hasMore(after: newest?.index ?? 0, about: key) {
            found = try self.scan(self.replayed(), for: key) ?? found
        }
        if let found { return found }
        // Compacted away by now, but an older database may have it.
        for database in self.evidence.databases.sorted(by: { $0.revision > $1.revision }) {
            if let found = try self.scan(database.file, for: key) { return found }
        }
        throw RecoveryError(
            .unreachable, "", "no deletion of \(KeyText.printable(key)) is in the history that the sources keep")
    }

    /// Whether entries after the database may delete the key.
    private func hasMore(after index: UInt64, about key: [UInt8]) throws(RecoveryError) -> Bool {
        guard let log = self.plan.log else { return false }
        let range = KeyRange(key: key)
        var stream = EntryStream(self.evidence, log.parts, after: index, disk: self.disk)
        guard let first = log.parts.first?.first, first <= index + 1 else { return false }
        while let entry = try stream.nextEntry() {
            guard let content = try? EntryContent(entry), content.mayWrite else { continue }
            if content.touches(range) { return true }
            if case .request(let request) = content, case .leaseRevoke = request.operation { return true }
        }
        return false
    }

    /// A copy of the database, with all entries after it applied.
    private func replayed() throws(RecoveryError) -> DatabaseFile {
        var latest = self.plan
        try latest.choose(.latest, self.evidence)
        return try Materialize(evidence: self.evidence, plan: latest, disk: self.disk, progress: self.progress)
            .run(to: self.writer.database).file
    }

    /// The last tombstone of the key among a database's rows.
    private func scan(_ file: DatabaseFile, for key: [UInt8]) throws(RecoveryError) -> Int64? {
        let opened = try onDisk { () throws(DiskError) in try self.disk.open(file.path, .read) }
        defer { try? opened.close() }
        return try inDatabase { () throws(BoltError) in
            let database = try BoltFile(opened, size: file.imageSize)
            guard let bucket = try database.root.bucket("key") else { return nil }
            var cursor = bucket.cursor()
            var found: Int64?
            while let entry = try cursor.next() {
                // Tombstones alone have a key of 18 bytes.
                guard entry.key.count == 18 else { continue }
                let row = try KeyRow(entry, of: file.path)
                if row.key.elementsEqual(key) { found = row.revision.main }
            }
            return found
        }
    }
}
