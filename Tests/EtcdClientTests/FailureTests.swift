import EtcdClient
import EtcdWire
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2)), .enabled(if: !EtcdVersion.enabled.isEmpty, "no etcd is installed"))
struct FailureTests {
    private static let put = PutRequest(key: [UInt8]("k"), value: [UInt8]("v"))
    private static let get = RangeRequest(key: [UInt8]("k"))

    @Test func nobodyListens() async throws {
        let ports = [try DeadPort(), try DeadPort()]
        let urls = ports.map(\.url)
        let connector = GRPCConnector()
        let connection = connector.connect(to: urls, timeout: .seconds(60))
        let start = ContinuousClock.now
        for _ in 1...2 {
            let error = await #expect(throws: EtcdError.self) { try await connection.put(Self.put) }
            #expect(error?.code == .unavailable && error?.mayHaveHappened == false, "\(String(describing: error))")
            #expect(urls.contains { error?.message.hasPrefix($0) == true }, "\(String(describing: error))")
        }
        await expectError(.unavailable) { _ = try await connection.status() }
        await expectError(.unavailable) { try await connection.watch(WatchCreateRequest(key: [1])) { _ in } }
        await expectError(.unavailable) { try await connection.snapshot { _ in } }
        #expect(ContinuousClock.now - start < .seconds(30), "refused connections are not waited for")
        await connector.close()
        withExtendedLifetime(ports) {}
    }

    @Test(arguments: EtcdVersion.enabled)
    func aRefusedConnectionIsPassedOver(version: EtcdVersion) async throws {
        try await withEtcd(version) { etcd, _ in
            let connector = GRPCConnector()
            let dead = try DeadPort()
            let connection = connector.connect(to: [dead.url, etcd.clientURL], timeout: .seconds(10))
            #expect(try await connection.put(Self.put).header.revision == 2)
            #expect(try await connection.range(Self.get).kvs.count == 1)
            _ = try await connection.compact(CompactionRequest(revision: 2))
            try await connection.watch(WatchCreateRequest(key: Self.put.key, startRevision: 1)) { _ in }
            // What speaks of one member is asked of no other.
            await expectError(.unavailable) { _ = try await connection.status() }
            await connector.close()
        }
    }

    @Test(arguments: EtcdVersion.enabled)
    func aHungMemberIsPassedOverWhereThatIsSafe(version: EtcdVersion) async throws {
        let binary = try EtcdBinary.find(version)
        let hung = try await EtcdProcess.start(binary)
        let other = try await EtcdProcess.start(binary)
        let urls = [hung.clientURL, other.clientURL]

        // It hangs before there is a connection: the change was not sent, so the other may have it.
        hung.pause()
        let fresh = GRPCConnector()
        #expect(try await fresh.connect(to: urls, timeout: .seconds(4)).put(Self.put).header.revision == 2)
        await fresh.close()

        // It hangs after the connection was used: the change may have happened, so nobody else may have it.
        hung.resume()
        let connector = GRPCConnector()
        let connection = connector.connect(to: urls, timeout: .seconds(2))
        let before = try await connection.range(Self.get).header
        hung.pause()
        let start = ContinuousClock.now
        let error = await #expect(throws: EtcdError.self) { try await connection.put(Self.put) }
        #expect(error?.code == .deadlineExceeded && error?.mayHaveHappened == true, "\(String(describing: error))")
        #expect(ContinuousClock.now - start < .seconds(4))
        // A read goes on to the other.
        let after = try await connection.range(Self.get)
        #expect(after.header.memberID != before.memberID && after.header.revision == 2)

        // The connection breaks under a change: it is not repeated either.
        let direct = connector.connect(to: [hung.clientURL, other.clientURL], timeout: .seconds(30))
        hung.resume()
        try await poll(within: .seconds(20), "the first endpoint is trusted again") {
            try await direct.range(Self.get).header.memberID == before.memberID ? () : nil
        }
        hung.pause()
        let broken = Task { try await direct.put(PutRequest(key: [UInt8]("once"))) }
        try await Task.sleep(for: .milliseconds(200))
        hung.kill()
        let lost = await #expect(throws: EtcdError.self) { try await broken.value }
        #expect(lost?.code == .unavailable && lost?.mayHaveHappened == true, "\(String(describing: lost))")
        #expect(lost?.message.hasPrefix("\(hung.clientURL): ") == true, "\(String(describing: lost))")
        let rest = connector.connect(to: [other.clientURL], timeout: .seconds(10))
        #expect(try await rest.range(RangeRequest(key: [UInt8]("once"))).kvs.isEmpty)
        await connector.close()
    }

    @Test(arguments: EtcdVersion.enabled)
    func aHungMemberEndsTheCallInTime(version: EtcdVersion) async throws {
        try await withEtcd(version) { etcd, _ in
            let connector = GRPCConnector()
            _ = try await connector.connect(to: [etcd.clientURL], timeout: .seconds(10)).status()
            let connection = connector.connect(to: [etcd.clientURL], timeout: .seconds(1))
            etcd.pause()
            for call in 1...2 {
                let start = ContinuousClock.now
                await expectError(.deadlineExceeded, "\(etcd.clientURL): no answer within 1.0 seconds") {
                    _ = try await connection.status()
                }
                #expect(ContinuousClock.now - start < .seconds(5), "call \(call)")
            }
            await expectError(.deadlineExceeded) { try await connection.watch(WatchCreateRequest(key: [1])) { _ in } }
            await expectError(.deadlineExceeded) { try await connection.snapshot { _ in } }
            etcd.resume()
            _ = try await poll(within: .seconds(10), "it answers again") { try? await connection.status() }
            await connector.close()
        }
    }

    @Test(arguments: EtcdVersion.enabled)
    func aRestartedMemberIsReachedOverTheSameConnection(version: EtcdVersion) async throws {
        try await withEtcd(version) { etcd, connection in
            for round in 1...3 {
                #expect(try await connection.put(Self.put).header.revision == Int64(round + 1), "round \(round)")
                etcd.kill()
                // Asked while it is gone, or not: no failure of the past delays what comes after.
                if round > 1 {
                    for _ in 1...5 { await expectError(.unavailable) { _ = try await connection.status() } }
                }
                try etcd.start()
                try await etcd.waitUntilHealthy()
            }
            #expect(try await connection.status().header.revision == 4)
        }
    }

    @Test(arguments: EtcdVersion.enabled)
    func cancellingEndsACallAtOnce(version: EtcdVersion) async throws {
        try await withEtcd(version, timeout: .seconds(60)) { etcd, connection in
            _ = try await connection.status()
            etcd.pause()
            let call = Task { try await connection.put(Self.put) }
            try await Task.sleep(for: .milliseconds(100))
            let start = ContinuousClock.now
            call.cancel()
            await expectError(.canceled) { _ = try await call.value }
            #expect(ContinuousClock.now - start < .seconds(2))
            etcd.resume()
            _ = try await connection.status()
        }
    }

    @Test(arguments: EtcdVersion.enabled)
    func closingEndsEverything(version: EtcdVersion) async throws {
        let etcd = try await EtcdProcess.start(EtcdBinary.find(version))
        let connector = GRPCConnector()
        let connection = connector.connect(to: [etcd.clientURL], timeout: .seconds(30))
        let responses = Collector<WatchResponse>()
        let watch = Task { try await connection.watch(WatchCreateRequest(key: [1])) { responses.append($0) } }
        try await responses.wait { !$0.isEmpty }

        // Forgetting lets calls in flight end, and later ones open a new connection.
        connector.forget(etcd.clientURL)
        _ = try await connection.status()

        etcd.pause()
        let call = Task { try await connection.status() }
        try await Task.sleep(for: .milliseconds(100))
        let start = ContinuousClock.now
        await connector.close()
        await #expect(throws: EtcdError.self) { try await watch.value }
        await #expect(throws: EtcdError.self) { try await call.value }
        #expect(ContinuousClock.now - start < .seconds(5))
        let error = await #expect(throws: EtcdError.self) { try await connection.status() }
        #expect(error?.mayHaveHappened == false)
    }

    @Test(arguments: EtcdVersion.enabled)
    func unusedEndpointsAreForgotten(version: EtcdVersion) async throws {
        let etcd = try await EtcdProcess.start(EtcdBinary.find(version))
        var configuration = GRPCConnector.Configuration()
        configuration.idleLimit = .milliseconds(100)
        let connector = GRPCConnector(configuration)
        let connection = connector.connect(to: [etcd.clientURL], timeout: .seconds(10))
        _ = try await connection.status()
        #expect(try etcd.connectionsOfThisProcess() == 1)
        try await poll(within: .seconds(10), "the connection is closed") {
            _ = connector.connect(to: [], timeout: .seconds(1))
            return try etcd.connectionsOfThisProcess() == 0 ? () : nil
        }
        _ = try await connection.status()
        await connector.close()
    }
}
