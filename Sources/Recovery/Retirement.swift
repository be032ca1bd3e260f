internal import Backups
public import Platform

/// The snapshots that retention keeps, as far as archives of logs depend on them.
public struct KeptSnapshots: Sendable, Hashable {
    /// The last entry of the oldest one of each cluster, by the cluster's id.
    public var oldest: [UInt64: UInt64]
    /// When the oldest of all was taken.
    public var since: Timestamp

    public init(oldest: [UInt64: UInt64], since: Timestamp) {
        (self.oldest, self.since) = (oldest, since)
    }
}

/// Removes what no kept snapshot needs of the archives in a store. What another cluster may still write to stays.
struct Retirement {
    let root: String
    /// The cluster's name.
    let cluster: String
    let disk: any Disk

    func run(_ kept: KeptSnapshots, live: OpenArchive) throws {
        let archives = try ArchiveLocation.list(self.root, self.disk)
        for location in archives {
            let directory = ArchiveDirectory("\(self.root)/\(location.name)", disk: self.disk)
            if directory.path == live.directory.path {
                if let index = kept.oldest[location.clusterID] { try live.prune(through: index) }
            } else if let index = kept.oldest[location.clusterID] {
                let next = archives.filter { $0.clusterID == location.clusterID && $0.base > location.base }.map(\.base).min()
                if let next, next <= index { try self.retire(location) } else { try directory.prune(through: index) }
            } else if kept.oldest[live.clusterID] != nil, try self.isOver(directory, before: kept.since) {
                try self.retire(location)
            }
        }
        for name in try self.disk.list(self.root) where name.hasPrefix(".") && name.hasSuffix(".removed") {
            try self.sweep(name)
        }
    }

    /// Whether an archive is of an earlier life of this cluster, and ended before all that is kept.
    private func isOver(_ directory: ArchiveDirectory, before time: Timestamp) throws -> Bool {
        let catalog = try directory.catalog()
        guard catalog.damaged.isEmpty, !catalog.closed.isEmpty, catalog.closed.allSatisfy({ $0.cluster == self.cluster }) else {
            return false
        }
        return try directory.lastMark().map { $0 < time } ?? false
    }

    /// Takes a whole archive out of sight at once, so that no crash leaves a part of one.
    private func retire(_ location: ArchiveLocation) throws {
        try self.disk.rename("\(self.root)/\(location.name)", to: "\(self.root)/\(location.removedName)")
        try self.disk.syncDirectory(self.root)
    }

    private func sweep(_ name: String) throws {
        let path = "\(self.root)/\(name)"
        for file in try self.disk.list(path) { try self.disk.remove("\(path)/\(file)") }
        try self.disk.remove(path)
        try self.disk.syncDirectory(self.root)
    }
}
