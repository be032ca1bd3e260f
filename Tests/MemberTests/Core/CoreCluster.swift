import EtcdWire
import Platform
import Raft
import Store

@testable import Member

/// Members' cores without threads and sockets, each on a disk in memory. What one sends arrives in the next step, a heartbeat
/// later, unless one of the two is cut off.
final class CoreCluster {
    final class Machine {
        let disk: SimulatedDisk
        var core: MemberCore<Int>
        fileprivate var events: [MemberCore<Int>.Event] = []

        init(_ configuration: MemberConfiguration, seed: UInt64) throws(MemberError) {
            self.disk = SimulatedDisk(seed: seed)
            let circumstances = MemberParts.Circumstances(seed: seed, firstRequestID: 0, uptime: .zero)
            let parts = try MemberParts.open(configuration, disk: self.disk, circumstances)
            self.core = MemberCore(parts, configuration, uptime: .zero)
        }

        var id: UInt64 { self.core.identity.memberID }
        /// The id of who leads, as far as it knows.
        var leader: UInt64 { self.core.leader }
        var revision: Int64 { self.core.store.revision }
        var leases: [Int64] { self.core.store.leaseLeases().leases.map(\.id) }
        var logBytes: Int { self.core.storage.bytes }
    }

    private(set) var machines: [Machine] = []
    private(set) var uptime = Duration.zero
    private(set) var answers: [Int: MemberCore<Int>.Answer] = [:]
    private(set) var snapshotsSent = 0
    /// Who neither sends nor hears.
    var cutOff: Set<Int> = []
    private var lastCall = 0

    private static let heartbeat = Duration.milliseconds(100)

    init(_ count: Int, _ adjust: (inout MemberConfiguration) -> Void = { _ in }) throws(MemberError) {
        let names = (0..<count).map { "m\($0)" }
        for (number, name) in names.enumerated() {
            var configuration = MemberConfiguration()
            (configuration.name, configuration.dataDirectory) = (name, "/\(name)")
            configuration.heartbeatInterval = Self.heartbeat
            configuration.initialAdvertisePeerURLs = ["http://\(name):2380"]
            configuration.initialCluster = names.map { .init(name: $0, peerURLs: ["http://\($0):2380"]) }
            adjust(&configuration)
            self.machines.append(try Machine(configuration, seed: UInt64(number + 1)))
        }
    }

    /// Who leads, as far as it itself knows.
    var leader: Int? { self.machines.indices.first { self.machines[$0].core.isLeader && !self.cutOff.contains($0) } }

    /// Asks a member, from the next step on.
    func call(_ number: Int, _ request: ClientRequest) -> Int {
        self.lastCall += 1
        self.machines[number].events.append(.call(self.lastCall, request))
        return self.lastCall
    }

    /// Lets steps pass until `condition` holds.
    /// - Returns: Whether it came to that.
    func run(upTo limit: Duration = .seconds(60), until condition: () -> Bool) throws -> Bool {
        let end = self.uptime + limit
        while !condition() {
            guard self.uptime < end else { return false }
            try self.step()
        }
        return true
    }

    func step() throws {
        self.uptime += Self.heartbeat
        var sent: [(from: Int, message: RaftMessage)] = []
        for number in self.machines.indices {
            let machine = self.machines[number]
            let events = machine.events
            machine.events = []
            let effects = try machine.core.turn(events, uptime: self.uptime, now: Timestamp(seconds: 1)) { messages in
                for message in messages { sent.append((number, message)) }
            }
            for (call, answer) in effects.answers { self.answers[call] = answer }
            for transfer in effects.snapshots { try self.deliver(transfer, from: number) }
        }
        for (from, message) in sent {
            if let to = self.connected(from, message.to) { self.machines[to].events.append(.message(message)) }
        }
    }

    /// The number of the member with this id, if messages reach it from there.
    private func connected(_ from: Int, _ id: UInt64) -> Int? {
        guard let to = self.machines.firstIndex(where: { $0.id == id }), self.cutOff.isDisjoint(with: [from, to]) else {
            return nil
        }
        return to
    }

    /// The database comes before the message that belongs to it.
    private func deliver(_ transfer: SnapshotTransfer, from: Int) throws {
        let database = transfer.readAll()
        guard let to = self.connected(from, transfer.message.to), let state = transfer.message.snapshot else {
            return self.machines[from].events.append(.snapshotSent(transfer.message.to, succeeded: false))
        }
        let name = String(state.metadata.index, radix: 16)
        let directory = "/m\(to)/member/snap"
        let path = "\(directory)/\(String(repeating: "0", count: 16 - name.count))\(name).snap.db"
        let file = try self.machines[to].disk.open(path, .create)
        try file.write(database, at: 0)
        try file.sync()
        try file.close()
        try self.machines[to].disk.syncDirectory(directory)
        self.machines[to].events.append(.message(transfer.message))
        self.machines[from].events.append(.snapshotSent(transfer.message.to, succeeded: true))
        self.snapshotsSent += 1
    }
}
