internal import EtcdWire
internal import Store

/// Permission to go back to the release before. Each step is decided by what the cluster has agreed upon when it is asked.
extension MemberCore {
    mutating func askForDowngrade(_ caller: Caller, _ request: DowngradeRequest) {
        if request.action != .cancel, Self.clusterVersion(request.version) == nil {
            return self.effects.answers.append((caller, .failure(.wrongDowngradeVersionFormat)))
        }
        self.reads.add(.call(caller, .downgrade(request)), until: self.uptime + self.requestTimeout)
    }

    /// Goes on, now that this member knows what the cluster has agreed upon.
    mutating func downgrade(_ caller: Caller, _ request: DowngradeRequest) {
        if let error = self.refusal(of: request) {
            return self.effects.answers.append((caller, .failure(error)))
        }
        switch request.action {
        case .validate: self.effects.answers.append((caller, .success(.other(self.downgradeResponse))))
        case .enable:
            let version = Self.clusterVersion(request.version).map { "\($0.major).\($0.minor).0" } ?? ""
            self.propose(caller, .downgradeInfoSet(DowngradeInfoSetRequest(enabled: true, ver: version)), .downgrade)
        case .cancel: self.propose(caller, .downgradeInfoSet(DowngradeInfoSetRequest(enabled: false, ver: "")), .downgrade)
        }
    }

    var downgradeResponse: DowngradeResponse {
        DowngradeResponse(header: self.header, version: self.store.clusterVersion ?? "")
    }

    private func refusal(of request: DowngradeRequest) -> StoreError? {
        let isUnderWay = self.store.downgrade?.isEnabled == true
        if request.action == .cancel { return isUnderWay ? nil : .noInflightDowngrade }
        guard let own = self.store.clusterVersion.flatMap(Self.clusterVersion) else { return .clusterVersionUnavailable }
        guard let target = Self.clusterVersion(request.version), target == (own.major, own.minor - 1) else {
            return .invalidDowngradeTarget
        }
        return isUnderWay ? .downgradeInProcess : nil
    }

    /// `3.4` or `3.4.1`, of which only the first two count.
    private static func clusterVersion(_ text: String) -> (major: Int64, minor: Int64)? {
        let core = text.prefix { $0 != "+" }.prefix { $0 != "-" }
        var parts = core.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count == 2 { parts.append("0") }
        let numbers = parts.compactMap { Int64($0) }
        return parts.count == 3 && numbers.count == 3 ? (numbers[0], numbers[1]) : nil
    }
}

extension StoreError {
    static let wrongDowngradeVersionFormat = StoreError(
        code: 3, message: "etcdserver: wrong downgrade target version format")
    static let invalidDowngradeTarget = StoreError(code: 3, message: "etcdserver: invalid downgrade target version")
    static let clusterVersionUnavailable = StoreError(
        code: 14, message: "etcdserver: cluster version not found during downgrade")
    static let downgradeInProcess = StoreError(code: 9, message: "etcdserver: cluster has a downgrade job in progress")
    static let noInflightDowngrade = StoreError(code: 9, message: "etcdserver: no inflight downgrade job")
}
