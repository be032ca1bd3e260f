extension Engine {
    /// The version that the native engine keeps the API and disk of.
    static let nativeVersion = "3.5"

    /// Says what the owner left out: as the engine of the cluster that there is, where the version allows, so that no
    /// member is moved to another engine that nobody asked for; of a new cluster the standard engine.
    public mutating func complete(from existing: Engine?) {
        if self.type != nil { return }
        let isNative = (existing?.kind ?? Self.standard) == .native
        self.type = isNative && self.version == Self.nativeVersion ? .native : .etcd
    }

    /// Whether a member that answers with this release runs what is asked for: `3.5` is any `3.5.x`.
    public func isRelease(_ release: String) -> Bool {
        release.split(separator: ".").starts(with: self.version.split(separator: "."))
    }

    /// Why members with data of these releases cannot run this engine; nil when they can. What 3.5 has written, 3.4 cannot
    /// read.
    public func downgrade(of members: [MemberStatus]) -> String? {
        let wanted = Self.level(self.version)
        // An empty version is of a member that never answered: it comes before all others.
        guard let member = members.first(where: { wanted.lexicographicallyPrecedes(Self.level($0.version)) }) else {
            return nil
        }
        return "etcd \(self.version) cannot read what \(member.version) wrote, which \(member.name) runs: stay at "
            + Self.level(member.version).map { String($0) }.joined(separator: ".")
    }

    /// `[3, 5]` of `3.5.1`.
    private static func level(_ version: String) -> [Int] {
        version.split(separator: ".").prefix(2).map { Int($0) ?? 0 }
    }
}

extension EtcdCluster {
    /// `Native 3.5`, and while members run another engine how many run this one: `Native 3.5 (1 of 3)`.
    public var engineWords: String {
        let engine = self.spec.engine
        let words = "\(engine.kind.rawValue) \(engine.version)"
        let known = self.status.members.filter { !$0.engine.isEmpty && !$0.version.isEmpty }
        let count = known.count { $0.engine == engine.kind.rawValue && engine.isRelease($0.version) }
        return count == known.count ? words : "\(words) (\(count) of \(known.count))"
    }
}
