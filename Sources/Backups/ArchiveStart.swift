public import Platform
internal import YAML

/// Where an archive begins since older segments were removed: written before they go, so that what is left can still be proven
/// to be all there is from here on.
struct ArchiveStart: Sendable, Hashable {
    /// The first segment that is kept; what is named before it is about to go.
    var first: String
    /// The entry before its first.
    var after: LogPosition
    /// Hexadecimal SHA-256 of the manifest of the segment before, which is trusted: that was whole when it was removed.
    var previous: String

    private static let apiVersion = "quorate.dev/v1alpha1"
    private static let kind = "ArchiveStart"

    init(first: String, after: LogPosition, previous: String) {
        (self.first, self.after, self.previous) = (first, after, previous)
    }

    func encoded() -> [UInt8] {
        SealedText.write([
            "apiVersion": .string(Self.apiVersion),
            "kind": .string(Self.kind),
            "first": .string(self.first),
            "afterIndex": .int(self.after.index),
            "afterTerm": .int(self.after.term),
            "previous": .string(self.previous),
        ])
    }

    init(decoding bytes: [UInt8], of path: String) throws(BackupError) {
        let reader = FieldReader(object: try SealedText.read(bytes, of: path), path: path)
        let (version, kind) = (try reader.text("apiVersion"), try reader.text("kind"))
        guard version == Self.apiVersion, kind == Self.kind else {
            throw BackupError(.damaged, "\(path): is a \(kind) of \(version), not a \(Self.kind) of \(Self.apiVersion)")
        }
        self.init(
            first: try reader.text("first"),
            after: LogPosition(index: try reader.integer("afterIndex"), term: try reader.integer("afterTerm")),
            previous: try reader.text("previous"))
    }
}

extension ArchiveDirectory {
    /// Removes the closed segments that end at an entry or before it, and what an earlier removal that was interrupted left;
    /// oldest first, so that there is never a gap. The newest closed segment stays: an archive goes on from its end. Where
    /// anything is damaged, all stays.
    /// - Returns: Whether any went.
    @discardableResult
    public func prune(through index: UInt64) throws(BackupError) -> Bool {
        var catalog = try self.catalog()
        guard catalog.damaged.isEmpty else { return false }
        let count = min(catalog.closed.prefix { $0.last.index <= index }.count, catalog.closed.count - 1)
        if count > 0 {
            let first = catalog.closed[count]
            try self.replace(
                Self.startName, with: ArchiveStart(first: first.name, after: first.after, previous: first.previous).encoded())
            catalog.leftovers += catalog.closed[..<count].flatMap { segment in
                ["", Self.manifestSuffix, Self.timesSuffix].map { segment.name + $0 }
            }
        }
        let leftovers = Set(catalog.leftovers)
        guard !leftovers.isEmpty else { return false }
        try self.onDisk { () throws(DiskError) in
            for name in leftovers.sorted() where try self.disk.stat("\(self.path)/\(name)") != nil {
                try self.disk.remove("\(self.path)/\(name)")
                // One after the other on the disk too: without this a crash might keep an older one and lose a newer.
                try self.disk.syncDirectory(self.path)
            }
        }
        return true
    }

    /// The first mark that proves an entry; nil while there is none.
    public func proof(of index: UInt64) throws(BackupError) -> TimeMark? {
        let catalog = try self.catalog()
        let names = catalog.closed.filter { $0.last.index >= index }.map(\.name) + catalog.open
        for name in names {
            if let mark = try self.times(of: name).first(where: { $0.index >= index }) { return mark }
        }
        return nil
    }

    /// When anything was added last, as far as its marks tell; nil where they tell nothing.
    public func lastMark() throws(BackupError) -> Timestamp? {
        let catalog = try self.catalog()
        for name in catalog.open.reversed() {
            if let mark = try self.times(of: name).last { return mark.time }
        }
        return catalog.closed.last?.closedAt
    }
}
