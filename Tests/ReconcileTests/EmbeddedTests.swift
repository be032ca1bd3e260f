import EmbeddedStore
import EtcdClient
import EtcdWire
import Platform
import Reconcile
import Testing

/// The same machinery on the store that the controller really keeps.
@Suite struct EmbeddedTests {
    private static func withStore<Value>(_ body: (EmbeddedStore) async throws -> Value) async throws -> Value {
        let store = try await EmbeddedStore.open(directory: "/store", disk: SimulatedDisk(seed: 3))
        let value = try await body(store)
        try await store.close()
        return value
    }

    private static func until(_ isSo: () -> Bool) async throws {
        let limit = ContinuousClock.now + .seconds(20)
        while !isSo() {
            try #require(ContinuousClock.now < limit, "not within 20 seconds")
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    @Test func objectsLive() async throws {
        try await Self.withStore { client in
            let store = ObjectStore(client)
            var note = try await store.create(Note("a", "1"))
            await #expect(throws: StoreError.self) { try await store.create(Note("a", "1")) }
            let old = note
            note.text = "2"
            note = try await store.update(note)
            let revision = note.modRevision
            #expect(try await store.update(note).modRevision == revision)
            await #expect(throws: StoreError.self) { try await store.update(old) }
            await #expect(throws: StoreError.self) { try await store.delete(old) }
            #expect(try await store.list(Note.self).items == [note])
            #expect(try await client.range(RangeRequest(key: [1])).header.revision == revision, "nothing was written")
            try await store.delete(note)
            #expect(try await store.get(Note.self, key: "/notes/a") == nil)
        }
    }

    @Test func informersFollow() async throws {
        try await Self.withStore { client in
            let store = ObjectStore(client)
            let first = try await store.create(Note("a", "1"))
            let changes = Log<String>()
            let informer = Informer<Note>(client: client, clock: SystemClock(), seed: 1, logger: silence) { changes.append($0) }
            let runner = Task { await informer.run() }
            await informer.waitUntilFilled()
            #expect(informer.snapshot.sorted == [first])
            for index in 0..<50 { _ = try await store.create(Note("n\(index)", "x")) }
            try await store.delete(first)
            let last = try await store.create(Note("z", "1"))
            try await Self.until { informer.snapshot.revision >= last.modRevision }
            #expect(informer.snapshot.objects.count == 51 && informer.snapshot.objects["/notes/a"] == nil)
            #expect(Set(changes.all).count == 52)
            runner.cancel()
            await runner.value
        }
    }

    @Test func leadershipIsHandedOverAndFences() async throws {
        try await Self.withStore { client in
            let terms = Log<Leadership>()
            func contend(_ name: String) -> Task<Void, Never> {
                let election = LeaderElection(
                    client: client, key: "/election", identity: name, ttl: .seconds(5), clock: SystemClock(), seed: 1,
                    logger: silence)
                return Task {
                    await election.run { term in
                        terms.append(term)
                        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
                    }
                }
            }
            let first = contend("first")
            try await Self.until { terms.all.count == 1 }
            let second = contend("second")
            let fenced = ObjectStore(client, fence: terms.all[0].fence)
            var note = try await fenced.create(Note("a", "1"))
            first.cancel()
            await first.value
            try await Self.until { terms.all.count == 2 }
            note.text = "2"
            let late = note
            let error = await #expect(throws: StoreError.self) { try await fenced.update(late) }
            #expect(error?.code == .deposed)
            _ = try await fenced.fenced(by: terms.all[1].fence).update(late)
            second.cancel()
            await second.value
            #expect(try await client.range(RangeRequest(key: Array("/election".utf8))).kvs.isEmpty)
        }
    }
}
