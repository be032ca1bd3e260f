internal import ClusterAPI
internal import Platform

/// The machine's time zones: the files of its zone database, which the package `tzdata` brings.
struct Zones: Sendable {
    let disk: any Disk
    var directory = "/usr/share/zoneinfo"

    /// Those of this machine; nil when it has no database of them.
    static func machine() -> Zones? {
        let zones = Zones(disk: RealDisk())
        return (try? zones.disk.stat(zones.directory))?.isDirectory == true ? zones : nil
    }

    func knows(_ name: String) -> Bool {
        self.rules(name) != nil
    }

    /// Nil when there is no zone of that name. UTC needs no file.
    func rules(_ name: String) -> ZoneRules? {
        if name == "UTC" || name == "Etc/UTC" { return .utc }
        guard name.split(separator: "/").allSatisfy({ $0 != ".." && $0 != "." }) else { return nil }
        guard let file = try? self.disk.open("\(self.directory)/\(name)", .read) else { return nil }
        defer { try? file.close() }
        guard let size = try? file.size(), size < 1 << 20 else { return nil }
        guard let bytes = try? file.read(at: 0, count: Int(size)) else { return nil }
        return try? ZoneRules(tzif: bytes)
    }
}
