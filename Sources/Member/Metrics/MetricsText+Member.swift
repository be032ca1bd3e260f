internal import EtcdWire
internal import GRPCServer
internal import Store

extension MetricsText {
    /// All of a member's metrics, by etcd's own names.
    static func all(_ member: MemberFigures, _ calls: CallCounts, _ disk: DiskMeter.Figures) -> String {
        var text = MetricsText()
        text.addServer(member)
        text.addHealth(member.health)
        text.addStore(member)
        text.addDisk(disk)
        text.addCalls(calls)
        text.addProcess(ProcessFigures())
        return text.text
    }

    private mutating func addServer(_ member: MemberFigures) {
        let counts = member.counts
        self.gauge("etcd_server_has_leader", "Whether there is a leader.", member.leader != 0 ? 1 : 0)
        self.gauge("etcd_server_is_leader", "Whether this member leads.", member.leader == member.memberID ? 1 : 0)
        self.gauge("etcd_server_is_learner", "Whether this member is a learner.", member.isLearner ? 1 : 0)
        self.counter("etcd_server_leader_changes_seen_total", "How often someone came to lead.", counts.leaderChanges)
        self.gauge("etcd_server_proposals_committed_total", "Entries committed.", Double(member.committed))
        self.gauge("etcd_server_proposals_applied_total", "Entries applied.", Double(member.applied))
        self.gauge("etcd_server_proposals_pending", "Proposals under way.", Double(member.pending))
        self.counter("etcd_server_proposals_failed_total", "Proposals that failed.", counts.failedProposals)
        self.counter("etcd_server_read_indexes_failed_total", "Linearizable reads that failed.", counts.failedReads)
        self.counter("etcd_server_slow_read_indexes_total", "Linearizable reads that were not in time.", counts.failedReads)
        self.counter("etcd_debugging_server_lease_expired_total", "Leases that expired.", counts.expiredLeases)
        self.gauge("etcd_server_quota_backend_bytes", "Bytes that the database may grow to.", Double(member.quotaBytes))
        let id = String(member.memberID, radix: 16)
        self.family("etcd_server_id", .gauge, "This member's id.", [([("server_id", id)], 1)])
        let version = [("server_version", MemberVersion.server)]
        self.family("etcd_server_version", .gauge, "The release whose API this member serves.", [(version, 1)])
        if let version = member.clusterVersion {
            self.family("etcd_cluster_version", .gauge, "The cluster's version.", [([("cluster_version", version)], 1)])
        }
        self.family(
            "etcd_debugging_server_alarms", .gauge, "Alarms that are raised.",
            member.alarms.map { alarm in
                let id = String(alarm.memberID, radix: 16)
                return ([("server_id", id), ("alarm_type", alarm.alarm.protobufName)], 1)
            })
    }

    private mutating func addHealth(_ health: HealthProbes) {
        self.counter("etcd_server_health_success", "How often /health said true.", health.healthy)
        self.counter("etcd_server_health_failures", "How often /health said false.", health.unhealthy)
        self.family(
            "etcd_server_healthcheck", .gauge, "How each check went last.",
            health.tallies.map { ([("name", $0.check.rawValue), ("type", $0.type)], $0.isWell ? 1 : 0) })
        var totals: Samples = []
        for tally in health.tallies {
            for (status, count) in [("error", tally.failed), ("success", tally.succeeded)] where count > 0 {
                let labels = [("name", tally.check.rawValue), ("status", status), ("type", tally.type)]
                totals.append((labels, Double(count)))
            }
        }
        self.family("etcd_server_healthchecks_total", .counter, "How often each check was made.", totals)
    }

    private mutating func addStore(_ member: MemberFigures) {
        let counts = member.store
        self.gauge("etcd_mvcc_db_total_size_in_bytes", "Bytes of the database.", Double(member.databaseBytes))
        let inUse = Double(member.databaseBytesInUse)
        self.gauge("etcd_mvcc_db_total_size_in_use_in_bytes", "Bytes of the database that are in use.", inUse)
        self.counter("etcd_mvcc_range_total", "Ranges asked for.", member.counts.ranges)
        self.counter("etcd_mvcc_put_total", "Keys put.", counts.puts)
        self.counter("etcd_mvcc_delete_total", "Deletions.", counts.deletions)
        self.counter("etcd_mvcc_txn_total", "Transactions of several operations.", counts.txns)
        let debugging = "etcd_debugging_mvcc_"
        self.gauge(debugging + "current_revision", "The store's revision.", Double(member.revision))
        self.gauge(debugging + "compact_revision", "The revision of the last compaction.", Double(member.compactRevision))
        self.gauge(debugging + "keys_total", "Keys that are there.", Double(counts.keys))
        self.gauge(debugging + "total_put_size_in_bytes", "Bytes of keys and values put.", Double(counts.putBytes))
        self.counter(debugging + "db_compaction_keys_total", "Rows that compactions removed.", counts.rowsCompacted)
        self.counter(debugging + "events_total", "Events sent to watches.", counts.events)
        self.gauge(debugging + "pending_events_total", "Watches that are to be told something.", Double(member.waitingWatches))
        self.gauge(debugging + "watch_stream_total", "Open watch streams.", Double(member.watchStreams))
        self.gauge(debugging + "watcher_total", "Open watches.", Double(member.watches))
        self.gauge(debugging + "slow_watcher_total", "Watches that read history.", Double(member.slowWatches))
        self.counter("etcd_debugging_lease_granted_total", "Leases granted.", counts.leasesGranted)
        self.counter("etcd_debugging_lease_revoked_total", "Leases revoked.", counts.leasesRevoked)
        self.counter("etcd_debugging_lease_renewed_total", "Leases renewed.", counts.leasesRenewed)
    }

    private mutating func addDisk(_ disk: DiskMeter.Figures) {
        self.histogram("etcd_disk_wal_fsync_duration_seconds", "How long the log's syncs took.", disk.logSync)
        let commits = disk.databaseCommit
        self.histogram("etcd_disk_backend_commit_duration_seconds", "How long the database's commits took.", commits)
        self.gauge("etcd_disk_wal_write_bytes_total", "Bytes written to the log.", Double(disk.logBytes))
    }

    private mutating func addCalls(_ calls: CallCounts) {
        var (started, handled, received, sent): (Samples, Samples, Samples, Samples) = ([], [], [], [])
        for method in calls.methods.sorted(by: { $0.path < $1.path }) {
            let parts = method.path.split(separator: "/")
            let labels = [
                ("grpc_method", String(parts[1])), ("grpc_service", String(parts[0])), ("grpc_type", method.kind.rawValue),
            ]
            started.append((labels, Double(method.started)))
            received.append((labels, Double(method.received)))
            sent.append((labels, Double(method.sent)))
            for (code, count) in method.handled.enumerated() where count > 0 {
                handled.append(([("grpc_code", Self.codes[code])] + labels, Double(count)))
            }
        }
        self.family("grpc_server_started_total", .counter, "Calls that began.", started)
        self.family("grpc_server_handled_total", .counter, "Calls that ended.", handled)
        self.family("grpc_server_msg_received_total", .counter, "Messages that came.", received)
        self.family("grpc_server_msg_sent_total", .counter, "Messages that were sent.", sent)
        let network = "etcd_network_client_grpc_"
        self.counter(network + "received_bytes_total", "Bytes that came from clients.", calls.receivedBytes)
        self.counter(network + "sent_bytes_total", "Bytes sent to clients.", calls.sentBytes)
    }

    private mutating func addProcess(_ process: ProcessFigures) {
        func add(_ name: String, _ help: String, _ value: Double?, _ kind: Kind = .gauge) {
            if let value { self.family(name, kind, help, [([], value)]) }
        }
        add("process_cpu_seconds_total", "Processor time used.", process.cpuSeconds, .counter)
        add("process_start_time_seconds", "When the process began, since 1970.", process.startSeconds)
        add("process_virtual_memory_bytes", "Address space in use.", process.virtualBytes)
        add("process_resident_memory_bytes", "Memory in use.", process.residentBytes)
        add("process_open_fds", "Open file descriptors.", process.openFiles)
        add("process_max_fds", "File descriptors that may be open.", process.maximumFiles)
        add("os_fd_used", "Open file descriptors.", process.openFiles)
        add("os_fd_limit", "File descriptors that may be open.", process.maximumFiles)
    }

    /// gRPC's codes by name.
    private static let codes = [
        "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
        "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable",
        "DataLoss", "Unauthenticated",
    ]
}
