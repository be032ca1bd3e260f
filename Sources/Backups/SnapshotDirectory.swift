internal import Platform
internal import YAML

/// The files of a directory of snapshots, and the rules by which they are whole. Every call blocks.
///
/// `NAME.snapshot` is the file as etcd's own tools read it, `NAME.manifest.json` describes it, `chain.json` records what
/// was removed on purpose, and hidden names are on their way in.
struct SnapshotDirectory: Sendable {
    static let snapshotSuffix = ".snapshot"
    static let manifestSuffix = ".manifest.json"
    static let chainName = "chain.json"
    /// The directory of the archived log, which is none of the snapshots' business.
    static let archiveName = "archive"
    /// No manifest is larger, in bytes.
    private static let maximumManifestSize: Int64 = 1 << 20

    let path: String
    let disk: any Disk

    /// A manifest, and the SHA-256 of its file.
    struct Link: Sendable, Hashable {
        var manifest: SnapshotManifest
        var sha256: String
    }

    /// What the directory holds.
    struct Catalog: Sendable {
        /// Every manifest that can be read, whether or not its snapshot is whole.
        var links: [String: Link] = [:]
        /// The names whose snapshot is whole, oldest first.
        var whole: [String] = []
        var damaged: [String: String] = [:]
        /// Hashes of the manifests that were removed on purpose, by name.
        var pruned: Set<Pruned> = []
        /// Snapshot files that no manifest describes.
        var orphans: [String] = []
        /// Hidden names.
        var unfinished: [String] = []

        var listing: SnapshotListing {
            SnapshotListing(snapshots: self.whole.compactMap { self.links[$0]?.manifest }, damaged: self.damaged)
        }

        /// The manifest that the next one follows: the newest that none follows yet.
        var head: Link? {
            let followed = Set(self.links.values.map(\.manifest.previous))
            return self.links.values.filter { !followed.contains($0.sha256) }
                .max { SnapshotManifest.isOlder($0.manifest, $1.manifest) }
        }
    }

    /// A manifest that was removed on purpose.
    struct Pruned: Sendable, Hashable {
        var name: String
        var sha256: String
    }

    func snapshotPath(_ name: String) -> String { "\(self.path)/\(name)\(Self.snapshotSuffix)" }
    func manifestPath(_ name: String) -> String { "\(self.path)/\(name)\(Self.manifestSuffix)" }
    func partialPath(_ name: String) -> String { "\(self.path)/.\(name).partial" }

    /// Reads every manifest and looks at the size of every snapshot.
    func catalog() throws(BackupError) -> Catalog {
        var catalog = Catalog()
        let names = try self.names()
        let manifests = Set(names.filter { $0.hasSuffix(Self.manifestSuffix) }.map { $0.dropLast(Self.manifestSuffix.count) })
        for name in names {
            if name == Self.archiveName {
                continue
            } else if name.hasPrefix(".") {
                catalog.unfinished.append(name)
            } else if name == Self.chainName {
                self.readChain(into: &catalog)
            } else if name.hasSuffix(Self.manifestSuffix) {
                self.readManifest(String(name.dropLast(Self.manifestSuffix.count)), into: &catalog)
            } else if !name.hasSuffix(Self.snapshotSuffix) {
                catalog.damaged[name] = "is no file of a snapshot directory"
            } else if !manifests.contains(name.dropLast(Self.snapshotSuffix.count)) {
                catalog.orphans.append(String(name.dropLast(Self.snapshotSuffix.count)))
            }
        }
        // Those on their way in, or out, are neither listed nor damaged.
        let staged = Set(catalog.unfinished)
        for name in catalog.orphans where !staged.contains(".\(name)\(Self.manifestSuffix).tmp") {
            if catalog.pruned.contains(where: { $0.name == name }) { continue }
            catalog.damaged["\(name)\(Self.snapshotSuffix)"] = "no manifest describes it: it was put here by other means"
        }
        self.checkChain(&catalog, manifests)
        catalog.whole.sort { left, right in
            guard let left = catalog.links[left], let right = catalog.links[right] else { return false }
            return SnapshotManifest.isOlder(left.manifest, right.manifest)
        }
        return catalog
    }

    private func names() throws(BackupError) -> [String] {
        do throws(DiskError) {
            guard try self.disk.stat(self.path) != nil else { return [] }
            return try self.disk.list(self.path)
        } catch {
            throw BackupError(wrapping: error)
        }
    }

    /// One file's trouble is named, and does not keep the others from being listed.
    private func readManifest(_ name: String, into catalog: inout Catalog) {
        do {
            let bytes = try self.read(self.manifestPath(name))
            let uri = SnapshotLocation(path: self.snapshotPath(name)).uri
            let manifest = try SnapshotManifest(decoding: bytes, of: self.manifestPath(name), uri: uri)
            guard manifest.name == name else {
                throw BackupError(
                    .damaged, "\(self.manifestPath(name)): describes \(manifest.name), not what it is named after")
            }
            catalog.links[name] = Link(manifest: manifest, sha256: sha256(bytes))
            guard let info = try self.disk.stat(self.snapshotPath(name)), !info.isDirectory else {
                throw BackupError(.damaged, "\(self.snapshotPath(name)): is missing, though its manifest is here")
            }
            guard info.size == manifest.sizeBytes else {
                throw BackupError(
                    .damaged,
                    "\(self.snapshotPath(name)): has \(info.size) bytes, not the \(manifest.sizeBytes) of its manifest")
            }
            catalog.whole.append(name)
        } catch {
            catalog.damaged["\(name)\(Self.manifestSuffix)"] = BackupError(wrapping: error).message
        }
    }

    private func readChain(into catalog: inout Catalog) {
        let path = "\(self.path)/\(Self.chainName)"
        do {
            let object = try SealedText.read(try self.read(path), of: path)
            for element in object["pruned"]?.sequence ?? [] {
                let reader = FieldReader(object: element, path: path)
                catalog.pruned.insert(Pruned(name: try reader.text("name"), sha256: try reader.text("manifest")))
            }
        } catch {
            catalog.damaged[Self.chainName] = BackupError(wrapping: error).message
        }
    }

    /// Each manifest holds the hash of the one before it. A predecessor that was removed on purpose is no loss; one that is
    /// gone without that, or that has another hash now, is damage.
    private func checkChain(_ catalog: inout Catalog, _ manifests: Set<Substring>) {
        for link in catalog.links.values.sorted(by: { SnapshotManifest.isOlder($0.manifest, $1.manifest) }) {
            let (name, expected) = (link.manifest.previousName, link.manifest.previous)
            guard !expected.isEmpty, catalog.links[name]?.sha256 != expected,
                !catalog.pruned.contains(Pruned(name: name, sha256: expected))
            else { continue }
            let file = "\(name)\(Self.manifestSuffix)"
            guard manifests.contains(name[...]) else {
                catalog.damaged[file] =
                    "is missing, though \(link.manifest.name) follows it and it was not removed by retention"
                continue
            }
            catalog.whole.removeAll { $0 == name }
            catalog.damaged[file] = catalog.damaged[file] ?? "was changed after \(link.manifest.name) was made to follow it"
        }
    }

    private func read(_ path: String) throws -> [UInt8] { try Self.read(path, self.disk) }

    static func read(_ path: String, _ disk: any Disk) throws -> [UInt8] {
        let file = try disk.open(path, .read)
        defer { try? file.close() }
        let size = try file.size()
        guard size <= self.maximumManifestSize else {
            throw BackupError(.damaged, "\(path): has \(size) bytes, more than the \(self.maximumManifestSize) of a manifest")
        }
        return try file.read(at: 0, count: Int(size))
    }

    /// Where a small file stands until it is renamed to its name.
    func stagedPath(_ name: String) -> String { "\(self.path)/.\(name).tmp" }

    /// Writes a small file under a hidden name, durably. Until it is closed, no sweep of another process takes it away.
    func stage(_ name: String, _ bytes: [UInt8]) throws(DiskError) -> any DiskFile {
        let staged = self.stagedPath(name)
        let file = try self.disk.open(staged, .create)
        do throws(DiskError) {
            _ = try file.tryLock()
            try file.truncate(to: 0)
            try file.write(bytes, at: 0)
            try file.sync()
            try self.disk.syncDirectory(self.path)
        } catch {
            try? self.disk.remove(staged)
            try? file.close()
            throw error
        }
        return file
    }

    /// Gives a staged file its name: a crash leaves what was there before or the new one, whole.
    func commit(_ name: String) throws(DiskError) {
        try self.disk.rename(self.stagedPath(name), to: "\(self.path)/\(name)")
        try self.disk.syncDirectory(self.path)
    }

    /// Removes what an earlier writer, or an earlier removal, left behind; what a writer still holds locked stays.
    func sweep(_ catalog: Catalog) throws(DiskError) {
        for name in catalog.unfinished where name.hasSuffix(".partial") || name.hasSuffix(".tmp") {
            let file = try self.disk.open("\(self.path)/\(name)", .readWrite)
            defer { try? file.close() }
            guard try file.tryLock() else { continue }
            // A staged manifest tells that its snapshot, though it has its name, was not finished.
            let suffix = "\(Self.manifestSuffix).tmp"
            let snapshot = String(name.dropFirst().dropLast(suffix.utf8.count))
            if name.hasSuffix(suffix), catalog.orphans.contains(snapshot) {
                try self.disk.remove(self.snapshotPath(snapshot))
                try self.disk.syncDirectory(self.path)
            }
            try self.disk.remove("\(self.path)/\(name)")
        }
        for name in catalog.orphans where catalog.pruned.contains(where: { $0.name == name }) {
            if try self.disk.stat(self.snapshotPath(name)) != nil { try self.disk.remove(self.snapshotPath(name)) }
        }
    }

    /// Removes a snapshot so that a crash at any moment leaves it listed and whole, or not listed.
    func remove(_ link: Link, _ catalog: Catalog) throws(DiskError) {
        // The record comes first: without it, the successor would tell of a lost predecessor.
        let pruned = Pruned(name: link.manifest.name, sha256: link.sha256)
        try self.writeChain(catalog.pruned.union([pruned]), catalog)
        try self.disk.remove(self.manifestPath(pruned.name))
        try self.disk.syncDirectory(self.path)
        if try self.disk.stat(self.snapshotPath(pruned.name)) != nil { try self.disk.remove(self.snapshotPath(pruned.name)) }
        try self.disk.syncDirectory(self.path)
    }

    /// Records removals, but only those that something still here refers to.
    private func writeChain(_ pruned: Set<Pruned>, _ catalog: Catalog) throws(DiskError) {
        let followed = Set(catalog.links.values.map(\.manifest.previous))
        let present = Set(catalog.links.keys).union(catalog.orphans)
        let needed = pruned.filter { followed.contains($0.sha256) || present.contains($0.name) }
            .sorted { ($0.name, $0.sha256) < ($1.name, $1.sha256) }
        if catalog.damaged[Self.chainName] != nil {
            try self.disk.rename("\(self.path)/\(Self.chainName)", to: "\(self.path)/\(Self.chainName).damaged")
        }
        let elements = needed.map { Node.mapping(["name": .string($0.name), "manifest": .string($0.sha256)]) }
        let file = try self.stage(Self.chainName, SealedText.write(["pruned": .sequence(elements)]))
        defer { try? file.close() }
        try self.commit(Self.chainName)
    }
}
