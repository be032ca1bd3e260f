/// The controller's own metrics, by the names the manual gives.
public struct ControllerMetrics: Sendable {
    /// By `kind`, in seconds.
    public let reconcileDuration: Histogram
    /// By `kind` and `cluster`.
    public let reconcileErrors: Counter
    public let queueDepth: Gauge
    /// 1 while this controller leads.
    public let isLeader: Gauge
    /// By `cluster`.
    public let desiredMembers: Gauge
    /// By `cluster` and `state` (`Ready`, `Learner`, …).
    public let members: Gauge
    /// By `cluster`: 1 while a majority answers.
    public let isQuorate: Gauge
    /// By `cluster` and `member`, in bytes.
    public let databaseSize: Gauge
    /// By `cluster`, in seconds since 1970.
    public let lastBackupSuccess: Gauge
    public let lastBackupVerified: Gauge
    public let recoveryWindowStart: Gauge
    /// By `cluster`.
    public let backupFailures: Counter

    public init(_ metrics: MetricsRegistry) {
        self.reconcileDuration = metrics.histogram(
            "quorate_reconcile_duration_seconds", "How long one pass over an object took.", labels: ["kind"])
        self.reconcileErrors = metrics.counter(
            "quorate_reconcile_errors_total", "Passes over an object that failed.", labels: ["kind", "cluster"])
        self.queueDepth = metrics.gauge("quorate_workqueue_depth", "Objects that wait for their turn.")
        self.isLeader = metrics.gauge("quorate_leader", "1 while this controller is the one that acts.")
        self.desiredMembers = metrics.gauge(
            "quorate_cluster_members_desired", "Members the spec asks for.", labels: ["cluster"])
        self.members = metrics.gauge(
            "quorate_cluster_members", "Members of the cluster by their state.", labels: ["cluster", "state"])
        self.isQuorate = metrics.gauge(
            "quorate_cluster_quorate", "1 while a majority of the voters answers.", labels: ["cluster"])
        self.databaseSize = metrics.gauge(
            "quorate_member_database_size_bytes", "Size of the member's database file.", labels: ["cluster", "member"])
        self.lastBackupSuccess = metrics.gauge(
            "quorate_backup_last_success_timestamp_seconds", "When the last whole snapshot was taken.", labels: ["cluster"])
        self.lastBackupVerified = metrics.gauge(
            "quorate_backup_last_verified_timestamp_seconds", "When a snapshot was last verified.", labels: ["cluster"])
        self.recoveryWindowStart = metrics.gauge(
            "quorate_backup_recovery_window_start_timestamp_seconds", "When the oldest good snapshot was taken.",
            labels: ["cluster"])
        self.backupFailures = metrics.counter(
            "quorate_backup_failures_total", "Snapshots that could not be taken.", labels: ["cluster"])
    }
}
