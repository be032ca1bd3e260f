import EtcdWire
import Glibc
import TestSupport
import Testing

@testable import EtcdClient
@testable import Member

/// A member of ours beside one of etcd: the same calls to both, and each field of each answer compared.
@Suite("The same answers as etcd's", .enabled(if: EtcdVersion.v35.isEnabled, "etcd 3.5 is not installed"))
struct DifferentialTests {
    /// How many calls, and those of which run.
    private static let count = unsafe getenv("QUORATE_OPERATIONS").flatMap { Int(unsafe String(cString: $0)) } ?? 3000
    private static let seed = unsafe getenv("QUORATE_SEED").flatMap { UInt64(unsafe String(cString: $0)) } ?? 1

    @Test("Calls of every kind")
    func calls() async throws {
        let etcd = try await EtcdProcess.start(EtcdBinary.find(.v35), extra: ["--unsafe-no-fsync"])
        let bench = try await MemberBench.start()
        let (theirs, ours) = (try RemoteMember(etcd.clientURL), try RemoteMember(bench.clientURL))
        do {
            try await self.compare(ours, theirs)
        } catch {
            Issue.record(error, "seed \(Self.seed)")
        }
        // A log that ends with a panic says that etcd could not carry on.
        #expect(!etcd.log.contains("panic: "), "seed \(Self.seed): \(etcd.log.suffix(4000))")
        await theirs.close()
        await ours.close()
        try await bench.member.stop()
        etcd.kill()
    }

    private func compare(_ ours: RemoteMember, _ theirs: RemoteMember) async throws {
        let (ourNames, theirNames) = (try await ours.names(), try await theirs.names())
        var requests = Requests(seed: Self.seed)
        for index in 1...Self.count {
            let request = requests.draw()
            async let one = ours.ask(request, ourNames)
            async let other = theirs.ask(request, theirNames)
            let (mine, wanted) = (await one, await other)
            #expect(mine == wanted, "seed \(Self.seed), call \(index): \(request)")
            guard mine == wanted else { return }
            if index % 10 == 0 {
                let header = try await ours.call(Methods.range, RangeRequest(key: [0], serializable: true)).header
                requests.revision = header.revision
            }
            if case .compact(let compaction) = request, case .message = mine { requests.compacted = compaction.revision }
            if index % 100 == 0, requests.compacted < requests.revision {
                try await self.compareWatches(ours, theirs, requests.watch(), requests.revision)
            }
        }
    }

    private func compareWatches(
        _ ours: RemoteMember, _ theirs: RemoteMember, _ watch: WatchCreateRequest, _ revision: Int64
    ) async throws {
        let all = WatchCreateRequest(key: [0], rangeEnd: [0], startRevision: watch.startRevision)
        // Which events there are tells when the watch has been told the last of its own.
        let told = try await ours.history(all, until: revision)
        let last = told.flatMap(\.events).last { watch.wants($0) }?.kv.modRevision
        guard let last = told.contains(where: \.canceled) ? .max : last else { return }
        let mine = try await ours.history(watch, until: last)
        let wanted = try await theirs.history(watch, until: last)
        #expect(Self.told(mine) == Self.told(wanted), "seed \(Self.seed), at revision \(revision): \(watch)")
    }

    /// What a watch was told: events whatever their grouping, and everything else of the responses that have none.
    private static func told(_ responses: [WatchResponse]) -> [WatchResponse] {
        var told: [WatchResponse] = []
        var events: [WatchEvent] = []
        for var response in responses {
            response.header = ResponseHeader()
            events += response.events
            response.events = []
            if response != WatchResponse(watchID: response.watchID) { told.append(response) }
        }
        return told + [WatchResponse(events: events)]
    }
}

/// A member of ours with a directory of its own.
struct MemberBench {
    let member: MemberServer
    let directory: TemporaryDirectory
    let clientURL: String

    static func start(_ change: (inout MemberConfiguration) -> Void = { _ in }) async throws -> MemberBench {
        let directory = try TemporaryDirectory(inMemory: true)
        let ports = try Loopback.freePorts(2)
        var configuration = MemberConfiguration()
        configuration.name = "m1"
        configuration.dataDirectory = directory.path + "/data"
        configuration.listenClientURLs = ["http://127.0.0.1:\(ports[0])"]
        configuration.advertiseClientURLs = configuration.listenClientURLs
        configuration.listenPeerURLs = ["http://127.0.0.1:\(ports[1])"]
        configuration.initialAdvertisePeerURLs = configuration.listenPeerURLs
        configuration.initialCluster = [.init(name: "m1", peerURLs: configuration.listenPeerURLs)]
        change(&configuration)
        let member = try await MemberServer.start(configuration) { Issue.record("the member ended: \($0)") }
        try await poll(within: .seconds(10), "the member is healthy") {
            Loopback.get("/health", port: ports[0]) == 200 ? () : nil
        }
        return MemberBench(member: member, directory: directory, clientURL: configuration.listenClientURLs[0])
    }
}

extension WatchCreateRequest {
    fileprivate func wants(_ event: WatchEvent) -> Bool {
        let key = event.kv.key
        if self.filters.contains(event.type == .put ? .noPut : .noDelete) { return false }
        if self.rangeEnd.isEmpty { return key == self.key }
        let isBefore = self.rangeEnd == [0] || key.lexicographicallyPrecedes(self.rangeEnd)
        return isBefore && !key.lexicographicallyPrecedes(self.key)
    }
}
