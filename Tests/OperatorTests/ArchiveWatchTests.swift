import Backups
import ClusterAPI
import EtcdClient
import EtcdWire
import Platform
import Recovery
import Synchronization
import Testing
import WriteAheadLog

@testable import Operator

/// The machine's time, but nobody waits long.
private struct HastyClock: WallClock {
    private let system = SystemClock()

    func now() -> Timestamp { self.system.now() }
    func uptime() -> Duration { self.system.uptime() }
    func sleep(for duration: Duration) async throws { try await self.system.sleep(for: min(duration, .milliseconds(2))) }
}

/// The archive of a log and the watch stream of the same cluster, followed side by side as the controller does it.
@Suite("The archive and the watch stream")
struct ArchiveWatchTests {
    private static let log = "/m/member/wal"
    private static let key = Array("orders/7".utf8)

    /// A log in which revision 2 to 9 each put one value, and the stream that tells of them.
    /// - Parameter change: What is told otherwise than it was.
    private static func follow(
        _ change: @escaping @Sendable (inout [WatchEvent]) -> Void, inPieces: Bool = false,
        until isDone: @escaping @Sendable (ArchiveObservation, _ asked: Int64) -> Bool
    ) async throws -> ArchiveObservation? {
        let disk = SimulatedDisk(seed: 1)
        try disk.makeDirectory("/m/member")
        let metadata = WALMetadata(nodeID: 7, clusterID: 0xabc)
        let log = try WriteAheadLog.create(Self.log, metadata: metadata.encoded(), disk: disk)
        func put(_ value: UInt8) -> PutRequest { PutRequest(key: Self.key, value: [value]) }
        // What is there before the stream begins is not compared.
        let first = InternalRaftRequest(operation: .put(put(1)))
        try log.append([RaftEntry(term: 1, index: 1, data: first.encoded())], HardState(term: 1, vote: 7, commit: 1))

        let asked = Mutex<[Int64]>([])
        let connector = FakeConnector { request in
            let begins = asked.withLock { asked in
                asked.append(request.startRevision)
                return asked.count == 1
            }
            guard !begins else { return [WatchResponse(header: ResponseHeader(revision: 1), created: true)] }
            let created = WatchResponse(header: ResponseHeader(revision: 9), created: true)
            guard request.startRevision <= 9 else { return [created] }
            var events = (max(2, request.startRevision)...9).map { revision in
                WatchEvent(type: .put, kv: KeyValue(key: Self.key, modRevision: revision, value: [UInt8(revision)]))
            }
            change(&events)
            guard inPieces else { return [created, WatchResponse(header: ResponseHeader(revision: 9), events: events)] }
            return [created]
                + events.indices.map { place in
                    WatchResponse(
                        header: ResponseHeader(revision: 9), fragment: place < events.count - 1, events: [events[place]])
                }
        }
        let clock = HastyClock()
        let archives = LogArchives(disk: disk, clock: clock)
        archives.begin()
        var observation: ArchiveObservation?
        var isWritten = false
        while !Task.isCancelled {
            if !isWritten, asked.withLock({ !$0.isEmpty }) {
                let entries = (2...9).map { revision in
                    let request = InternalRaftRequest(operation: .put(put(UInt8(revision))))
                    return RaftEntry(term: 1, index: UInt64(revision), data: request.encoded())
                }
                try log.append(entries, HardState(term: 1, vote: 7, commit: 9))
                isWritten = true
            }
            let source = LogArchives.Source(
                cluster: "orders", root: "/backups/archive", log: Self.log, endpoints: ["http://127.0.0.1:1"],
                commit: .init(index: isWritten ? 9 : 1, at: clock.now()), maxLag: .seconds(1))
            observation = await archives.follow("orders", source, connector) ?? observation
            if let observation, isDone(observation, asked.withLock { $0.last ?? 0 }) { break }
            try await Task.sleep(for: .milliseconds(2))
        }
        await archives.end()
        try log.close()
        return observation
    }

    @Test(
        "What both tell alike is no disagreement, and the next stride begins after it", .timeLimit(.minutes(5)),
        arguments: [false, true])
    func agreement(inPieces: Bool) async throws {
        let proven = Mutex<Timestamp?>(nil)
        let observation = try await Self.follow({ _ in }, inPieces: inPieces) { observation, asked in
            guard asked == 10, observation.position.index == 9 else { return observation.disagreement != nil }
            // Long enough for the archive to be complete until after all was told.
            let told = proven.withLock { proven in
                proven = proven ?? SystemClock().now()
                return proven
            }
            return observation.completeUntil.map { $0 > told ?? $0 } ?? false
        }
        #expect(observation?.disagreement == nil && observation?.failure == nil)
        #expect(observation?.position.index == 9)
    }

    @Test(
        "A value that the archive has otherwise, and a revision that it lacks, are an event and a condition",
        .timeLimit(.minutes(5)))
    func disagreement() async throws {
        let lies: [(Int64, @Sendable (inout [WatchEvent]) -> Void)] = [
            (5, { events in events[events.firstIndex { $0.kv.modRevision == 5 } ?? 0].kv.value = [99] }),
            (
                10,
                { events in
                    events.append(
                        WatchEvent(type: .put, kv: KeyValue(key: Array("other".utf8), modRevision: 10, value: [10])))
                }
            ),
        ]
        for (revision, lie) in lies {
            let found = try await Self.follow(lie) { observation, _ in observation.disagreement != nil }
            let observation = try #require(found)
            #expect(observation.disagreement?.hasPrefix("revision \(revision), which changed ") == true)

            var play = Play(replicas: 1) { spec in
                spec.backup = BackupSpec()
                spec.backup?.archive = ArchiveSpec()
            }
            #expect(play.run { $0.isSettled })
            var input = play.input
            input.observed.archive = observation
            let decision = decide(input)
            let condition = decision.status.conditions.first { $0.type == "BackupReady" }
            #expect(condition?.status == .false && condition?.reason == "ArchiveDisagrees")
            #expect(condition?.message.contains("revision \(revision)") == true)
            #expect(decision.events.contains { $0.reason == "ArchiveDisagrees" && $0.type == .warning })
        }
    }
}
