internal import Bolt
internal import EtcdWire
internal import Member
internal import Platform

/// A machine with one member: its disk outlives it.
final class SimulatedMember {
    let number: Int
    private let configuration: MemberConfiguration
    private(set) var disk: SimulatedDisk
    /// Nil while it is down.
    private(set) var core: MemberCore<Int>?
    private(set) var id: UInt64 = 0
    /// What the next turn will be told.
    var events: [MemberCore<Int>.Event] = []
    /// Until when it does nothing, as if the machine were stuck.
    var pausedUntil: Duration = .zero
    /// How fast its clock goes.
    var clockRate = 1.0
    /// When a crashed one comes back.
    var restartAt: Duration?
    private(set) var durable: DurableLog
    /// How often it was started.
    private(set) var starts: UInt64 = 0
    private var seed: UInt64
    private let syncs: Bool

    init(_ number: Int, _ configuration: MemberConfiguration, seed: UInt64, syncs: Bool) {
        (self.number, self.configuration, self.seed, self.syncs) = (number, configuration, seed, syncs)
        self.disk = SimulatedDisk(seed: seed)
        self.durable = DurableLog(configuration.dataDirectory + "/member/wal", known: configuration.initialCluster.count)
        if !syncs { self.disk.ignoreSyncs() }
    }

    var isUp: Bool { self.core != nil }

    func start(at now: Duration) throws(MemberError) {
        self.starts += 1
        self.restartAt = nil
        self.events = []
        let known = self.configuration.initialCluster.count
        self.durable = DurableLog(self.configuration.dataDirectory + "/member/wal", known: known)
        let circumstances = MemberParts.Circumstances(
            seed: self.seed &+ self.starts &* 7919, firstRequestID: self.starts << 32, uptime: self.uptime(at: now))
        let parts = try MemberParts.open(self.configuration, disk: self.disk, circumstances)
        let core = MemberCore<Int>(parts, self.configuration, uptime: self.uptime(at: now))
        self.id = core.identity.memberID
        self.core = consume core
    }

    /// The time by its own clock.
    private func uptime(at now: Duration) -> Duration {
        self.clockRate == 1 ? now : .nanoseconds(Int64(Double(now.nanoseconds) * self.clockRate))
    }

    /// The machine loses power. What its disk keeps of what was not synced is `kind`'s to say.
    func crash(_ kind: CrashKind, until restart: Duration) {
        self.core = nil
        self.events = []
        self.disk = self.disk.afterCrash(kind)
        self.diskFails = false
        if !self.syncs { self.disk.ignoreSyncs() }
        self.restartAt = restart
    }

    /// Whether its disk was made to fail; whatever it does about that, it must not go on.
    private(set) var diskFails = false

    /// Makes the disk's syncs fail from the next one on.
    func failSyncs() {
        self.disk.failSyncs(from: self.disk.operationCount + 1)
        self.diskFails = true
    }

    /// Leaves the disk room for so many bytes.
    func fillDisk(but bytes: Int64) {
        self.disk.setCapacity(self.disk.usedBytes + bytes)
        self.diskFails = true
    }

    /// The process has ended, as it must when its disk fails. The machine goes on, and so does what it has cached of files; the
    /// disk is mended before the next start.
    func end(until restart: Duration) {
        self.core = nil
        self.events = []
        self.mendDisk()
        self.restartAt = restart
    }

    func mendDisk() {
        self.disk.failSyncs(from: .max)
        self.disk.setCapacity(.max)
        self.disk.stop(after: .max)
        self.diskFails = false
    }

    func turn(
        at now: Duration, _ send: ([RaftMessage]) -> Void
    ) throws(MemberError) -> MemberCore<Int>.Effects? {
        guard self.core != nil else { return nil }
        var events: [MemberCore<Int>.Event] = []
        swap(&events, &self.events)
        return try self.core!.turn(
            events, uptime: self.uptime(at: now), now: Timestamp(seconds: 1_800_000_000) + now, send: send)
    }

    /// What its disk would hold of its log had it lost power now.
    func durableLog() -> DurableLog {
        self.durable.catchUp(self.disk)
        return self.durable
    }

    /// Whether what a message says of this member is durable: entries it acknowledges, a vote it gives.
    func hasDurable(_ message: RaftMessage) -> Bool {
        guard !message.reject else { return true }
        switch message.kind {
        case .appendResponse:
            let log = self.durableLog()
            // A later term's leader may have replaced the entry at once: what it had replaced can never be committed.
            return log.holds(message.index) || log.state.term > message.term
        case .voteResponse:
            let state = self.durableLog().state
            return state.term > message.term || state.term == message.term && state.vote == message.to
        default: return true
        }
    }

    /// Lets a leader's database come in whole, as the transport does before it hands the message on.
    func receive(_ database: [UInt8], at index: UInt64) throws(DiskError) {
        let path =
            "/member-\(self.number)/member/snap/"
            + String(repeating: "0", count: 16 - String(index, radix: 16).count) + String(index, radix: 16) + ".snap.db"
        let file = try self.disk.open(path, .create)
        try file.truncate(to: 0)
        try file.write(database, at: 0)
        try file.sync()
        try file.close()
        try self.disk.syncDirectory("/member-\(self.number)/member/snap")
    }

    /// Writes what it holds, and goes over every page of its database.
    func checkDatabase() throws {
        guard self.core != nil else { return }
        try self.core!.snapshot().close()
        let file = try self.disk.open(self.configuration.dataDirectory + "/member/snap/db", .read)
        try BoltFile(file).check()
        try file.close()
    }

    func withCore<Value>(_ body: (inout MemberCore<Int>) -> Value) -> Value? {
        guard self.core != nil else { return nil }
        return body(&self.core!)
    }
}
