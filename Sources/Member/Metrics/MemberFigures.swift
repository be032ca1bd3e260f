internal import EtcdWire
internal import Store

/// What a member's thread tells of it when metrics are asked for.
struct MemberFigures: Sendable {
    var memberID: UInt64 = 0
    var leader: UInt64 = 0
    var isLearner = false
    var clusterVersion: String?
    var quotaBytes: Int64 = 0
    /// Entries committed and applied.
    var committed: UInt64 = 0
    var applied: UInt64 = 0
    /// Proposals that wait for their answer.
    var pending = 0
    var counts = MemberCounts()

    var store = StoreCounts()
    var revision: Int64 = 0
    var compactRevision: Int64 = 0
    var databaseBytes: Int64 = 0
    var databaseBytesInUse: Int64 = 0
    var watchStreams = 0
    var watches = 0
    var slowWatches = 0
    var waitingWatches = 0
    /// Alarms that are raised, by type.
    var alarms: [AlarmMember] = []

    var health = HealthProbes()
}

/// What a member has counted since it was started.
struct MemberCounts: Sendable, Hashable {
    /// How often someone came to lead, as this member saw it.
    var leaderChanges: UInt64 = 0
    /// Proposals that were refused, or whose time was over.
    var failedProposals: UInt64 = 0
    /// Reads whose time was over before the cluster had said how far it is.
    var failedReads: UInt64 = 0
    var ranges: UInt64 = 0
    /// Leases whose time was over.
    var expiredLeases: UInt64 = 0
}
