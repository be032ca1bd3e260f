import EtcdClient
import EtcdWire
import FoundationEssentials
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"))
struct StreamTests {
    @Test(arguments: EtcdVersion.enabled)
    func watchTellsHistoryThenNews(version: EtcdVersion) async throws {
        try await withEtcd(version) { _, connection in
            for value in ["1", "2"] { _ = try await connection.put(PutRequest(key: [UInt8]("a/k"), value: [UInt8](value))) }
            _ = try await connection.put(PutRequest(key: [UInt8]("b/k")))
            let responses = Collector<WatchResponse>()
            let prefix = [UInt8]("a/")
            let watch = Task {
                try await connection.watch(
                    WatchCreateRequest(key: prefix, rangeEnd: prefix.prefixEnd, startRevision: 2, prevKv: true)
                ) { responses.append($0) }
            }
            try await responses.wait { $0.flatMap(\.events).count == 2 }
            #expect(responses.all.first?.created == true)
            _ = try await connection.deleteRange(DeleteRangeRequest(key: [UInt8]("a/k")))
            let events = try await responses.wait { $0.flatMap(\.events).count == 3 }.flatMap(\.events)
            #expect(events.map(\.type) == [.put, .put, .delete])
            #expect(events.map { $0.prevKv?.value.text } == [nil, "1", "2"])
            #expect(events.map(\.kv.modRevision) == [2, 3, 5])

            let start = ContinuousClock.now
            watch.cancel()
            await expectError(.canceled) { try await watch.value }
            #expect(ContinuousClock.now - start < .seconds(1))
        }
    }

    @Test(arguments: EtcdVersion.enabled)
    func watchOfCompactedHistoryIsCanceled(version: EtcdVersion) async throws {
        try await withEtcd(version) { _, connection in
            for _ in 1...3 { _ = try await connection.put(PutRequest(key: [1])) }
            _ = try await connection.compact(CompactionRequest(revision: 3))
            let responses = Collector<WatchResponse>()
            try await connection.watch(WatchCreateRequest(key: [1], startRevision: 2)) { responses.append($0) }
            #expect(responses.all.last?.canceled == true)
            #expect(responses.all.last?.compactRevision == 3)
        }
    }

    @Test(arguments: EtcdVersion.enabled)
    func watchEndsWithItsMember(version: EtcdVersion) async throws {
        try await withEtcd(version) { etcd, connection in
            let responses = Collector<WatchResponse>()
            let watch = Task { try await connection.watch(WatchCreateRequest(key: [1])) { responses.append($0) } }
            try await responses.wait { !$0.isEmpty }
            etcd.kill()
            await expectError(.unavailable) { try await watch.value }
        }
    }

    @Test(arguments: EtcdVersion.enabled)
    func pingsFindOutThatAWatchedMemberHangs(version: EtcdVersion) async throws {
        let etcd = try await EtcdProcess.start(EtcdBinary.find(version))
        var configuration = GRPCConnector.Configuration()
        configuration.keepalive.time = .seconds(1)
        configuration.keepalive.timeout = .seconds(1)
        let connector = GRPCConnector(configuration)
        let connection = connector.connect(to: [etcd.clientURL], timeout: .seconds(10))
        let responses = Collector<WatchResponse>()
        let watch = Task { try await connection.watch(WatchCreateRequest(key: [1])) { responses.append($0) } }
        try await responses.wait { !$0.isEmpty }
        etcd.pause()
        let start = ContinuousClock.now
        await expectError(.unavailable) { try await watch.value }
        #expect(ContinuousClock.now - start < .seconds(8))
        etcd.kill()
        await connector.close()
    }

    @Test(arguments: EtcdVersion.enabled)
    func snapshotIsWholeAndHashed(version: EtcdVersion) async throws {
        try await withEtcd(version) { _, connection in
            let value = [UInt8](repeating: 1, count: 100_000)
            for key in 0..<UInt8(30) { _ = try await connection.put(PutRequest(key: [key], value: value)) }
            let chunks = Collector<SnapshotResponse>()
            try await connection.snapshot { chunks.append($0) }
            let blobs = chunks.all.map(\.blob)
            let database = Data(blobs.dropLast().joined())
            let size = try #require(chunks.all.first)
            #expect(database.count == Int(size.remainingBytes) + size.blob.count)
            #expect(database.count % 4096 == 0 && database.count > 3_000_000)
            let directory = try TemporaryDirectory()
            try database.write(to: URL(filePath: "\(directory.path)/db"))
            let hash = try await Command.run("/usr/bin/sha256sum", ["\(directory.path)/db"]).text.prefix(64)
            let trailer = try #require(blobs.last)
            #expect(trailer.count == 32)
            #expect(hash == trailer.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
        }
    }

    @Test(arguments: EtcdVersion.enabled)
    func snapshotEndsWithItsConsumerItsTaskAndItsMember(version: EtcdVersion) async throws {
        struct DiskFull: Error {}
        try await withEtcd(version) { etcd, connection in
            let value = [UInt8](repeating: 1, count: 1_000_000)
            for key in 0..<UInt8(40) { _ = try await connection.put(PutRequest(key: [key], value: value)) }
            await #expect(throws: DiskFull.self) { try await connection.snapshot { _ in throw DiskFull() } }

            let chunks = Collector<Int>()
            let task = Task {
                try await connection.snapshot { _ in
                    chunks.append(1)
                    try await Task.sleep(for: .seconds(100))
                }
            }
            try await chunks.wait { !$0.isEmpty }
            task.cancel()
            await #expect(throws: (any Error).self) { try await task.value }

            // More than fits into the windows and buffers between the two is still to come when the member dies.
            await expectError(.unavailable) {
                try await connection.snapshot { _ in etcd.kill() }
            }
        }
    }
}
