internal import Platform

/// One of etcd's settings: `--heartbeat-interval 100`, `ETCD_HEARTBEAT_INTERVAL=100`, and `heartbeat-interval: 100` in the
/// configuration file.
struct MemberSetting: Sendable {
    /// What the member makes of a value: throws what was expected instead.
    typealias Apply = @Sendable (inout MemberConfiguration, String) throws(Expected) -> Void

    /// What a value should have been.
    struct Expected: Error, Hashable {
        var what: String
    }

    enum Support: Sendable {
        case used(Apply)
        /// Makes no difference to this member; said so when given.
        case ignored(why: String)
        /// Something the member cannot do. Only the value that turns it off is taken.
        case refused(off: String, why: String)
    }

    let name: String
    /// Whether a flag may stand without a value.
    var isBool = false
    let support: Support

    var variable: String { "ETCD_" + self.name.uppercased().replacing("-", with: "_") }

    /// Every setting of etcd 3.4 to 3.6, in the order of etcd's help.
    static let all: [MemberSetting] = member + clustering + limits + logging + later + meaningless

    private static let member: [MemberSetting] = [
        .used("name") { (it, text) throws(Expected) in it.name = text },
        .used("data-dir") { (it, text) throws(Expected) in it.dataDirectory = text },
        .used("wal-dir") { (it, text) throws(Expected) in it.walDirectory = text },
        .used("snapshot-count") { (it, text) throws(Expected) in it.snapshotCount = UInt64(try number(text, 1...Int64.max)) },
        .used("heartbeat-interval") { (it, text) throws(Expected) in
            it.heartbeatInterval = .milliseconds(try number(text, 1...50_000))
        },
        .used("election-timeout") { (it, text) throws(Expected) in
            it.electionTimeout = .milliseconds(try number(text, 1...50_000))
        },
        .bool("initial-election-tick-advance") { $0.initialElectionTickAdvance = $1 },
        .used("listen-peer-urls") { (it, text) throws(Expected) in it.listenPeerURLs = try urls(text) },
        .used("listen-client-urls") { (it, text) throws(Expected) in it.listenClientURLs = try urls(text) },
        .used("listen-metrics-urls") { (it, text) throws(Expected) in
            it.listenMetricsURLs = text.isEmpty ? [] : try urls(text)
        },
        .used("max-snapshots") { (it, text) throws(Expected) in it.maximumSnapshots = Int(try number(text, 0...1_000_000)) },
        .used("max-wals") { (it, text) throws(Expected) in it.maximumLogs = Int(try number(text, 0...1_000_000)) },
        .used("quota-backend-bytes") { (it, text) throws(Expected) in it.quotaBytes = try number(text, -1...Int64.max) },
        .used("max-txn-ops") { (it, text) throws(Expected) in it.maximumTxnOps = Int(try number(text, 1...1_000_000)) },
        .used("max-request-bytes") { (it, text) throws(Expected) in
            it.maximumRequestBytes = Int(try number(text, 1...1 << 30))
        },
        .used("max-concurrent-streams") { (it, text) throws(Expected) in
            it.maximumConcurrentStreams = Int(min(try number(text, 1...Int64(UInt32.max)), 100_000))
        },
        .used("grpc-keepalive-min-time") { (it, text) throws(Expected) in it.keepalive.minimumInterval = try duration(text) },
        .used("grpc-keepalive-interval") { (it, text) throws(Expected) in it.keepalive.interval = try duration(text) },
        .used("grpc-keepalive-timeout") { (it, text) throws(Expected) in it.keepalive.timeout = try duration(text) },
    ]

    private static let clustering: [MemberSetting] = [
        .used("initial-advertise-peer-urls") { (it, text) throws(Expected) in it.initialAdvertisePeerURLs = try urls(text) },
        .used("initial-cluster") { (it, text) throws(Expected) in it.initialCluster = try cluster(text) },
        .used("initial-cluster-state") { (it, text) throws(Expected) in
            guard let state = MemberConfiguration.InitialClusterState(rawValue: text) else {
                throw Expected(what: "new or existing")
            }
            it.initialClusterState = state
        },
        .used("initial-cluster-token") { (it, text) throws(Expected) in it.initialClusterToken = text },
        .used("advertise-client-urls") { (it, text) throws(Expected) in it.advertiseClientURLs = try urls(text) },
        .bool("strict-reconfig-check") { $0.strictReconfigCheck = $1 },
        .bool("pre-vote") { $0.preVote = $1 },
        .used("auto-compaction-mode") { (it, text) throws(Expected) in
            guard ["periodic", "revision"].contains(text) else { throw Expected(what: "periodic or revision") }
        },
        .used("auto-compaction-retention") { (it, text) throws(Expected) in
            guard text == "0" || text == "" || Int64(text) != nil || goDuration(text) != nil else {
                throw Expected(what: "hours or a duration such as 30m, or with mode revision a number of revisions")
            }
        },
    ]

    private static let limits: [MemberSetting] = limits(prefix: "") + limits(prefix: "experimental-")

    /// What was an experiment in 3.5.
    private static func limits(prefix: String) -> [MemberSetting] {
        [
            .used(prefix + "watch-progress-notify-interval") { (it, text) throws(Expected) in
                it.watchProgressInterval = try duration(text)
            },
            .bool(prefix + "enable-lease-checkpoint") { $0.enablesLeaseCheckpoint = $1 },
            .bool(prefix + "initial-corrupt-check") { $0.checksCorruptionAtStart = $1 },
            .used(prefix + "corrupt-check-time") { (it, text) throws(Expected) in it.corruptCheckInterval = try duration(text)
            },
        ]
    }

    private static let logging: [MemberSetting] = [
        .used("log-level") { (it, text) throws(Expected) in
            guard ["debug", "info", "warn", "error", "dpanic", "panic", "fatal"].contains(text) else {
                throw Expected(what: "debug, info, warn, error, panic or fatal")
            }
            it.logLevel = text
        }
    ]

    /// What is left for later, and must not be taken for granted.
    private static let later: [MemberSetting] = [
        refused(
            "cert-file", "key-file", "client-crl-file", "client-cert-allowed-hostname", "trusted-ca-file", "peer-cert-file",
            "peer-key-file", "peer-trusted-ca-file", "peer-cert-allowed-cn", "peer-cert-allowed-hostname", "peer-crl-file",
            "cipher-suites", off: "", why: "TLS is not there yet"),
        refused(
            "client-cert-auth", "auto-tls", "peer-client-cert-auth", "peer-auto-tls", off: "false",
            why: "TLS is not there yet"),
        refused(
            "discovery", "discovery-proxy", "discovery-srv", "discovery-srv-name", off: "",
            why: "name the members with --initial-cluster"),
        refused("enable-v2", off: "false", why: "the v2 API is not served"),
        refused("experimental-enable-v2v3", off: "", why: "the v2 API is not served"),
        refused("proxy", off: "off", why: "the v2 proxy is not there"),
        refused(
            "force-new-cluster", off: "false", why: "use quorate restore, which loses no more than it must and says what"),
        refused("unsafe-no-fsync", off: "false", why: "nothing is acknowledged before it is durable"),
        refused("auth-token", off: "simple", why: "only simple tokens are served"),
    ].flatMap { $0 }

    private static let meaningless: [MemberSetting] = [
        ignored(
            "backend-bbolt-freelist-type", "backend-batch-interval", "backend-batch-limit", "discovery-fallback",
            "v2-deprecation", "self-signed-cert-validity", "cors", "host-whitelist", "bcrypt-cost", "auth-token-ttl", "metrics",
            "logger", "log-outputs", "log-rotation-config-json", "log-format", "proxy-failure-wait", "proxy-refresh-interval",
            "proxy-dial-timeout", "proxy-write-timeout", "proxy-read-timeout", "experimental-compaction-batch-limit",
            "experimental-warning-apply-duration", "experimental-bootstrap-defrag-threshold-megabytes", "feature-gates",
            "experimental-distributed-tracing-address", "experimental-distributed-tracing-service-name",
            "experimental-distributed-tracing-instance-id", "max-learners"),
        ignored(
            "socket-reuse-port", "socket-reuse-address", "enable-pprof", "enable-log-rotation",
            "experimental-enable-distributed-tracing", "experimental-peer-skip-client-san-verification",
            "experimental-txn-mode-write-with-shared-buffer", isBool: true),
    ].flatMap { $0 }

    /// - Parameter off: The value that asks for nothing.
    private static func refused(_ names: String..., off: String, why: String) -> [MemberSetting] {
        names.map { name in
            MemberSetting(name: name, isBool: off == "false", support: .refused(off: off, why: why))
        }
    }

    private static func ignored(_ names: String..., isBool: Bool = false) -> [MemberSetting] {
        names.map { MemberSetting(name: $0, isBool: isBool, support: .ignored(why: "makes no difference here")) }
    }

    private static func used(_ name: String, _ apply: @escaping Apply) -> MemberSetting {
        MemberSetting(name: name, support: .used(apply))
    }

    private static func bool(
        _ name: String, _ set: @escaping @Sendable (inout MemberConfiguration, Bool) -> Void
    ) -> MemberSetting {
        MemberSetting(
            name: name, isBool: true,
            support: .used { (it, text) throws(Expected) in
                guard let value = boolean(text) else { throw Expected(what: "true or false") }
                set(&it, value)
            })
    }
}

// MARK: Values

/// What Go takes for a bool.
func boolean(_ text: String) -> Bool? {
    switch text {
    case "1", "t", "T", "true", "TRUE", "True": true
    case "0", "f", "F", "false", "FALSE", "False": false
    default: nil
    }
}

private func number(_ text: String, _ range: ClosedRange<Int64>) throws(MemberSetting.Expected) -> Int64 {
    guard let value = Int64(text), range.contains(value) else {
        let end = range.upperBound == .max ? " or more" : " to \(range.upperBound)"
        throw MemberSetting.Expected(what: "a whole number, \(range.lowerBound)\(end)")
    }
    return value
}

private func duration(_ text: String) throws(MemberSetting.Expected) -> Duration {
    guard let value = goDuration(text) else { throw MemberSetting.Expected(what: "a duration such as 500ms, 5s or 1h30m") }
    return value
}

/// A duration as Go writes it: numbers with units, from the largest to the smallest; or `0`.
func goDuration(_ text: String) -> Duration? {
    if text == "0" { return .zero }
    let units: [(name: String, nanoseconds: Int64)] = [
        ("ms", 1_000_000), ("us", 1_000), ("ns", 1), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
    ]
    var rest = text[...]
    var total: Int64 = 0
    guard !rest.isEmpty else { return nil }
    while !rest.isEmpty {
        let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        rest = rest.dropFirst(digits.count)
        guard let value = Double(digits), let unit = units.first(where: { rest.hasPrefix($0.name) }) else { return nil }
        rest = rest.dropFirst(unit.name.count)
        let part = value * Double(unit.nanoseconds)
        guard part.isFinite, part < 9e18 else { return nil }
        let (sum, overflow) = total.addingReportingOverflow(Int64(part))
        guard !overflow else { return nil }
        total = sum
    }
    return .nanoseconds(total)
}

private func urls(_ text: String) throws(MemberSetting.Expected) -> [String] {
    let all = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    for url in all {
        guard isURL(url) else { throw MemberSetting.Expected(what: "URLs such as http://127.0.0.1:2379, with commas between") }
    }
    return all
}

private func isURL(_ text: String) -> Bool {
    guard let scheme = ["http://", "unix://"].first(where: { text.hasPrefix($0) }) else { return false }
    let rest = text.dropFirst(scheme.count)
    guard scheme == "http://" else { return !rest.isEmpty }
    guard let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]) else { return false }
    return colon > rest.startIndex && port >= 0 && !rest.contains("/")
}

private func cluster(_ text: String) throws(MemberSetting.Expected) -> [MemberConfiguration.InitialMember] {
    var members: [MemberConfiguration.InitialMember] = []
    for part in text.split(separator: ",") {
        guard let equals = part.firstIndex(of: "="), equals > part.startIndex, isURL(String(part[part.index(after: equals)...]))
        else { throw MemberSetting.Expected(what: "members such as a=http://10.0.0.1:2380,b=http://10.0.0.2:2380") }
        let (name, url) = (String(part[..<equals]), String(part[part.index(after: equals)...]))
        // A name that comes again has several URLs.
        if let place = members.firstIndex(where: { $0.name == name }) {
            members[place].peerURLs.append(url)
        } else {
            members.append(.init(name: name, peerURLs: [url]))
        }
    }
    return members
}
