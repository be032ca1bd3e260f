public import EtcdWire

/// A promise to keep some keys for a time.
struct Lease: Sendable {
    let id: Int64
    /// Seconds.
    let ttl: Int64
    /// What was left when last written down, in seconds; 0 when never.
    var remainingTTL: Int64 = 0
    var keys = SortedMap<Key, Void>()
    /// When it expires, in nanoseconds of the caller's uptime. Not replicated.
    var deadline: Int64

    /// Its row: eight bytes of the id, and a `leasepb.Lease`.
    var row: (key: [UInt8], value: [UInt8]) {
        let record = LeaseRecord(id: self.id, ttl: self.ttl, remainingTTL: self.remainingTTL)
        return (bigEndian(UInt64(bitPattern: self.id)), record.encoded())
    }
}

/// Orders leases by when they expire.
struct Deadline: Comparable, Sendable {
    var nanoseconds: Int64
    var id: Int64

    static func < (one: Deadline, other: Deadline) -> Bool {
        one.nanoseconds != other.nanoseconds ? one.nanoseconds < other.nanoseconds : one.id < other.id
    }
}

extension Store {
    /// etcd's longest lease, in seconds (285 years).
    private static var maximumLeaseTTL: Int64 { 9_000_000_000 }

    mutating func leaseGrant(_ request: LeaseGrantRequest, uptime: Duration) throws(StoreError) -> LeaseGrantResponse {
        guard request.id != 0 else { throw .leaseNotFound }
        guard request.ttl <= Self.maximumLeaseTTL else { throw .leaseTTLTooLarge }
        guard self.leases[request.id] == nil else { throw .leaseExists }
        let ttl = max(request.ttl, self.options.minimumLeaseTTL)
        let lease = Lease(id: request.id, ttl: ttl, deadline: Self.deadline(ttl, from: uptime))
        try self.backend.put(lease.row.key, lease.row.value, in: .lease)
        self.insert(lease)
        self.counts.leasesGranted += 1
        return LeaseGrantResponse(header: self.header, id: request.id, ttl: ttl)
    }

    /// Deletes the lease's keys, in their order, as one change.
    mutating func leaseRevoke(_ request: LeaseRevokeRequest) throws(StoreError) -> LeaseRevokeResponse {
        guard let lease = self.leases[request.id] else { throw .leaseNotFound }
        var keys: [Key] = []
        lease.keys.forEach { key, _ in
            keys.append(key)
            return true
        }
        for key in keys { try self.delete(key) }
        try self.backend.remove(lease.row.key, in: .lease)
        self.leases.remove(lease.id)
        self.deadlines.remove(Deadline(nanoseconds: lease.deadline, id: lease.id))
        try self.endWrite()
        self.counts.leasesRevoked += 1
        self.counts.deletions += UInt64(keys.count)
        return LeaseRevokeResponse(header: self.header)
    }

    /// Notes how long leases had left. Written down from cluster version 3.6 on, as in etcd.
    mutating func leaseCheckpoint(_ request: LeaseCheckpointRequest) throws(StoreError) -> LeaseCheckpointResponse {
        for checkpoint in request.checkpoints {
            let row = self.leases.update(checkpoint.id) { lease in
                lease.remainingTTL = max(0, min(checkpoint.remainingTTL, lease.ttl))
                return lease.row
            }
            guard let row, self.membership.isAtLeast(3, 6) else { continue }
            try self.backend.put(row.key, row.value, in: .lease)
        }
        return LeaseCheckpointResponse(header: self.header)
    }

    /// Renews one lease. The response's TTL is 0 when it is gone, or over and only waiting to be revoked.
    public mutating func leaseKeepAlive(_ request: LeaseKeepAliveRequest, uptime: Duration) -> LeaseKeepAliveResponse {
        guard let lease = self.leases[request.id], lease.deadline > uptime.inNanoseconds else {
            return LeaseKeepAliveResponse(header: self.header, id: request.id)
        }
        self.setDeadline(of: lease, to: Self.deadline(lease.ttl, from: uptime))
        self.counts.leasesRenewed += 1
        return LeaseKeepAliveResponse(header: self.header, id: lease.id, ttl: lease.ttl)
    }

    public func leaseTimeToLive(_ request: LeaseTimeToLiveRequest, uptime: Duration) -> LeaseTimeToLiveResponse {
        guard let lease = self.leases[request.id] else {
            return LeaseTimeToLiveResponse(header: self.header, id: request.id, ttl: -1)
        }
        let left = max(0, lease.deadline - uptime.inNanoseconds)
        var response = LeaseTimeToLiveResponse(
            header: self.header, id: lease.id, ttl: left / 1_000_000_000, grantedTTL: lease.ttl)
        guard request.keys else { return response }
        lease.keys.forEach { key, _ in
            response.keys.append(key.bytes)
            return true
        }
        return response
    }

    /// Every lease, the one that ends first at the front.
    public func leaseLeases() -> LeaseLeasesResponse {
        var response = LeaseLeasesResponse(header: self.header)
        self.deadlines.forEach { _, id in
            response.leases.append(LeaseStatus(id: id))
            return true
        }
        return response
    }

    /// Gives every lease its time again: after a restart, when nobody could have renewed them.
    public mutating func renewLeases(uptime: Duration) {
        var all: [Lease] = []
        self.leases.forEach { _, lease in
            all.append(lease)
            return true
        }
        for lease in all {
            let ttl = lease.remainingTTL > 0 ? lease.remainingTTL : lease.ttl
            self.setDeadline(of: lease, to: Self.deadline(ttl, from: uptime))
        }
    }

    /// Leases whose time is over, the longest over first. The caller revokes them by entries.
    public func expiredLeases(uptime: Duration, limit: Int) -> [Int64] {
        var expired: [Int64] = []
        let now = uptime.inNanoseconds
        self.deadlines.forEach { deadline, id in
            guard deadline.nanoseconds <= now, expired.count < limit else { return false }
            expired.append(id)
            return true
        }
        return expired
    }

    /// When the next lease expires.
    public var nextLeaseDeadline: Duration? {
        self.deadlines.first.map { .nanoseconds($0.key.nanoseconds) }
    }

    mutating func insert(_ lease: Lease) {
        self.leases.set(lease.id, lease)
        self.deadlines.set(Deadline(nanoseconds: lease.deadline, id: lease.id), lease.id)
    }

    /// Takes a key off one lease and hangs it on another; 0 is none.
    mutating func move(_ key: Key, from old: Int64, to new: Int64) {
        guard old != new else { return }
        if old != 0 { self.leases.update(old) { _ = $0.keys.remove(key) } }
        if new != 0 { self.leases.update(new) { $0.keys.set(key, ()) } }
    }

    private mutating func setDeadline(of lease: Lease, to deadline: Int64) {
        self.deadlines.remove(Deadline(nanoseconds: lease.deadline, id: lease.id))
        self.deadlines.set(Deadline(nanoseconds: deadline, id: lease.id), lease.id)
        self.leases.update(lease.id) { $0.deadline = deadline }
    }

    static func deadline(_ ttl: Int64, from uptime: Duration) -> Int64 {
        let (length, tooLong) = ttl.multipliedReportingOverflow(by: 1_000_000_000)
        let (deadline, tooLate) = uptime.inNanoseconds.addingReportingOverflow(length)
        return tooLong || tooLate ? .max : deadline
    }
}

extension Duration {
    fileprivate var inNanoseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000
    }
}
