import EtcdClient
import EtcdWire
import Platform
import Reconcile
import Synchronization
import Testing

@Suite struct ObjectStoreTests {
    @Test func createsUpdatesAndDeletes() async throws {
        let fake = FakeStore()
        let store = ObjectStore(fake)
        var note = try await store.create(Note("a", "1"))
        #expect(note.modRevision == fake.revision)
        note.text = "2"
        note = try await store.update(note)
        #expect(try await store.get(Note.self, key: "/notes/a") == note)
        try await store.delete(note)
        #expect(try await store.get(Note.self, key: "/notes/a") == nil)
        #expect(try await store.delete(note) == 0)
    }

    @Test func writesNothingWhenNothingChanged() async throws {
        let fake = FakeStore()
        let store = ObjectStore(fake)
        let note = try await store.create(Note("a", "1"))
        let writes = fake.writes
        #expect(try await store.update(note) == note)
        #expect(fake.writes == writes)
    }

    @Test func conflictsAreTold() async throws {
        let fake = FakeStore()
        let store = ObjectStore(fake)
        let old = try await store.create(Note("a", "1"))
        fake.write("/notes/a", "a=2")
        await #expect(throws: StoreError.Code.conflict) { try await code { try await store.update(old) } }
        await #expect(throws: StoreError.Code.conflict) { try await code { try await store.delete(old) } }
        await #expect(throws: StoreError.Code.alreadyExists) { try await code { try await store.create(old) } }
        fake.remove("/notes/a")
        await #expect(throws: StoreError.Code.notFound) { try await code { try await store.update(old) } }
    }

    @Test func listsInPagesAtOneRevisionAndNamesTheUnreadable() async throws {
        let fake = FakeStore()
        for index in 0..<1203 { fake.write("/notes/\(10_000 + index)", index == 700 ? "!" : "\(10_000 + index)=x") }
        fake.write("/notesX", "other")
        let list = try await ObjectStore(fake).list(Note.self)
        #expect(list.items.count == 1202)
        #expect(list.items.map(\.storeKey) == list.keys)
        #expect(Array(list.unreadable.keys) == ["/notes/10700"])
        #expect(list.revision == fake.revision)
    }

    @Test func aDeposedLeaderWritesNothing() async throws {
        let fake = FakeStore()
        fake.write("/election", "me")
        let fence = Fence(key: "/election", createRevision: fake.revision)
        let store = ObjectStore(fake, fence: fence)
        var note = try await store.create(Note("a", "1"))
        fake.remove("/election")
        fake.write("/election", "other")
        let writes = fake.writes
        note.text = "2"
        await #expect(throws: StoreError.Code.deposed) { try await code { try await store.update(note) } }
        await #expect(throws: StoreError.Code.deposed) { try await code { try await store.delete(note) } }
        await #expect(throws: StoreError.Code.deposed) { try await code { try await store.create(Note("b", "1")) } }
        await #expect(throws: StoreError.Code.deposed) {
            try await code { try await store.putEvent(key: "/events/a", value: [1], ttl: .seconds(60)) }
        }
        #expect(fake.writes == writes)
        #expect(fake.state.withLock { $0.leases.isEmpty })
    }

    /// Whatever is lost on the way: what is said to be done is done, and done once.
    @Test(arguments: 1...40) func lostCallsAreResolved(_ seed: Int) async throws {
        let fake = FakeStore(seed: UInt64(seed))
        let store = ObjectStore(fake)
        fake.setFaults(.init(lostRequest: 0.15, lostReply: 0.25))
        var note: Note?
        while note == nil {
            do throws(StoreError) { note = try await store.create(Note("a", "0")) } catch {
                if error.code == .alreadyExists { note = try? await store.get(Note.self, key: "/notes/a") }
            }
        }
        var current = try #require(note)
        for step in 1...50 {
            current.text = "\(step)"
            while true {
                do throws(StoreError) {
                    current = try await store.update(current)
                    break
                } catch {
                    #expect(error.code == .unavailable || error.code == .conflict, "seed \(seed): \(error)")
                    if let read = try? await store.get(Note.self, key: "/notes/a") { current.modRevision = read.modRevision }
                }
            }
            let stored = fake.value("/notes/a")
            #expect(stored?.value == current.storedBytes(), "seed \(seed)")
            #expect(stored?.modRevision == current.modRevision, "seed \(seed)")
            #expect(stored?.version == Int64(step + 1), "seed \(seed): written once")
        }
    }

    @Test func prefixesEndWhereTheyShould() {
        #expect(KeyRange(prefix: "/a/").end == Array("/a0".utf8))
        #expect(KeyRange(prefix: "").end == [0])
    }

    private func code(_ body: () async throws -> some Any) async throws {
        do {
            _ = try await body()
        } catch let error as StoreError {
            throw error.code
        }
    }
}

extension StoreError.Code: Error {}
