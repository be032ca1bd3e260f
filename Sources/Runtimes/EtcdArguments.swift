/// The command line that a member runs with. All of these flags are in etcd 3.4 and 3.5 alike, and `quorate member` takes
/// them too.
func etcdArguments(_ place: MemberPlace, _ options: StartOptions, _ type: EngineType = .etcd) -> [String] {
    let flags: [(name: String, value: String)] = [
        ("name", place.name),
        ("data-dir", place.dataDirectory),
        ("listen-client-urls", place.clientURL),
        ("advertise-client-urls", place.clientURL),
        ("listen-peer-urls", place.peerURL),
        ("initial-advertise-peer-urls", place.peerURL),
        ("initial-cluster", options.initialCluster.map { "\($0.name)=\($0.peerURL)" }.joined(separator: ",")),
        ("initial-cluster-state", options.clusterState.rawValue),
        ("initial-cluster-token", options.token),
        ("quota-backend-bytes", String(options.tuning.quota)),
        ("heartbeat-interval", milliseconds(options.tuning.heartbeatInterval)),
        ("election-timeout", milliseconds(options.tuning.electionTimeout)),
        ("snapshot-count", String(options.tuning.snapshotCount)),
        ("log-level", "info"),
    ]
    // 3.4 would otherwise write its old format, and to the journal where there is one.
    let log = type == .etcd ? [("logger", "zap"), ("log-outputs", "stderr")] : []
    return (flags + log).flatMap { ["--" + $0.name, $0.value] } + ["--strict-reconfig-check=true"]
}

extension MemberTuning {
    /// Reads what ``etcdArguments(_:_:)`` wrote; nil when a flag is missing.
    init?(arguments: [String]) {
        func value(_ flag: String) -> Int64? {
            guard let index = arguments.firstIndex(of: "--" + flag), index + 1 < arguments.count else { return nil }
            return Int64(arguments[index + 1])
        }
        guard let quota = value("quota-backend-bytes"), let heartbeat = value("heartbeat-interval"),
            let election = value("election-timeout"), let count = value("snapshot-count")
        else { return nil }
        self.init(
            quota: quota, heartbeatInterval: .milliseconds(heartbeat), electionTimeout: .milliseconds(election),
            snapshotCount: Int(clamping: count))
    }
}

/// What a member inherits: nothing that is meant for the controller, would set options of etcd behind the spec's back, or
/// make it speak to the service manager in the controller's name.
func memberEnvironment(_ environment: [String: String], engine: Engine) -> [String: String] {
    let manager: Set<String> = [
        "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "INVOCATION_ID",
        "JOURNAL_STREAM", "MAINPID", "MANAGERPID",
    ]
    let prefixes = ["ETCD_", "QUORATE_"]
    var clean = environment.filter { (name, _) in !prefixes.contains { name.hasPrefix($0) } && !manager.contains(name) }
    #if arch(arm64)
        // etcd refuses to start there before 3.5 without it.
        if engine.type == .etcd, !engine.isAtLeast(3, 5) { clean["ETCD_UNSUPPORTED_ARCH"] = "arm64" }
    #endif
    return clean
}

private func milliseconds(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    return String(max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000))
}
