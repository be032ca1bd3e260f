import EtcdClient
import EtcdWire
import Platform
import Reconcile
import Synchronization
import Testing

@Suite struct InformerTests {
    private static func informer(
        _ fake: FakeStore, _ clock: VirtualClock, resync: Duration = .seconds(600),
        onChange: @escaping @Sendable (String) -> Void = { _ in }
    ) -> Informer<Note> { Informer(client: fake, clock: clock, seed: 1, resync: resync, logger: silence, onChange: onChange) }

    @Test func isNotFilledBeforeTheFirstList() async {
        let (clock, changes) = (VirtualClock(), Log<String>())
        let fake = FakeStore(clock: clock)
        fake.write("/notes/a", "a=1")
        fake.setFaults(.init(lostRequest: 1))
        let informer = Self.informer(fake, clock) { changes.append($0) }
        let runner = Task { await informer.run() }
        for _ in 0..<100 { await clock.advance(by: .seconds(1)) }
        #expect(!informer.isFilled && changes.all.isEmpty)
        fake.setFaults(.init())
        #expect(await advance(clock) { informer.isFilled })
        #expect(await advance(clock) { changes.all == ["/notes/a"] })
        await informer.waitUntilFilled()
        #expect(informer.snapshot.sorted.map(\.text) == ["1"])
        runner.cancel()
        await runner.value
    }

    @Test func tellsOfWhatComesChangesAndGoes() async {
        let (clock, changes) = (VirtualClock(), Log<String>())
        let fake = FakeStore(clock: clock)
        let informer = Self.informer(fake, clock) { changes.append($0) }
        let runner = Task { await informer.run() }
        await informer.waitUntilFilled()
        fake.write("/notes/a", "a=1")
        fake.write("/notes/b", "b=1")
        fake.write("/other/c", "c=1")
        fake.write("/notes/a", "a=2")
        fake.remove("/notes/b")
        #expect(await advance(clock) { informer.snapshot.revision == fake.revision })
        #expect(informer.snapshot.objects.mapValues(\.text) == ["/notes/a": "2"])
        #expect(Set(changes.all) == ["/notes/a", "/notes/b"])
        runner.cancel()
        await runner.value
    }

    @Test func whatCannotBeReadDeletesNothing() async {
        let clock = VirtualClock()
        let fake = FakeStore(clock: clock)
        let informer = Self.informer(fake, clock)
        let runner = Task { await informer.run() }
        await informer.waitUntilFilled()
        fake.write("/notes/a", "a=1")
        fake.write("/notes/a", "!")
        fake.write("/notes/b", "!")
        #expect(await advance(clock) { informer.snapshot.unreadable.count == 2 })
        #expect(informer.snapshot.objects.mapValues(\.text) == ["/notes/a": "1"])
        // The same after a list in place of the watch.
        let lists = fake.state.withLock { $0.ranges }
        fake.dropWatches()
        #expect(await advance(clock) { fake.state.withLock { $0.ranges } > lists })
        await settle()
        #expect(informer.snapshot.objects.mapValues(\.text) == ["/notes/a": "1"])
        fake.write("/notes/a", "a=3")
        fake.remove("/notes/b")
        #expect(await advance(clock) { informer.snapshot.objects["/notes/a"]?.text == "3" })
        #expect(await advance(clock) { informer.snapshot.unreadable.isEmpty })
        runner.cancel()
        await runner.value
    }

    @Test func listsAgainWhenItIsTime() async {
        let clock = VirtualClock()
        let fake = FakeStore(clock: clock)
        let informer = Self.informer(fake, clock, resync: .seconds(60))
        let runner = Task { await informer.run() }
        await informer.waitUntilFilled()
        #expect(await advance(clock, by: .seconds(1), limit: .seconds(240)) { fake.state.withLock { $0.ranges } == 3 })
        #expect(clock.uptime() >= .seconds(120))
        runner.cancel()
        await runner.value
    }

    @Test func aStoreThatIsDownIsNotPressed() async {
        let clock = VirtualClock()
        let fake = FakeStore(clock: clock)
        let informer = Self.informer(fake, clock)
        let runner = Task { await informer.run() }
        await informer.waitUntilFilled()
        fake.setFaults(.init(droppedWatch: 1))
        fake.dropWatches()
        let before = fake.state.withLock { $0.watches }
        for _ in 0..<600 { await clock.advance(by: .seconds(1)) }
        let tries = fake.state.withLock { $0.watches } - before
        #expect((10...80).contains(tries), "\(tries) watches in ten minutes")
        runner.cancel()
        await runner.value
    }

    /// Random writes, deletions and compactions while watches break, and responses come late or twice: in the end the
    /// informer holds what the store holds, and at no time did an object go back to what it was.
    @Test(arguments: 1...25) func followsThroughFaults(_ seed: Int) async {
        let clock = VirtualClock()
        let fake = FakeStore(clock: clock, seed: UInt64(seed))
        var random = SeededRandom(seed: UInt64(seed) &* 77)
        let newest = Mutex<[String: Int64]>([:])
        let box = Mutex<Informer<Note>?>(nil)
        let informer = Self.informer(fake, clock) { key in
            let revision = box.withLock { $0 }?.snapshot.objects[key]?.modRevision ?? 0
            newest.withLock { newest in
                if revision != 0 {
                    #expect(revision >= newest[key] ?? 0, "seed \(seed): \(key) went back")
                    newest[key] = revision
                }
            }
        }
        box.withLock { $0 = informer }
        let runner = Task { await informer.run() }
        await informer.waitUntilFilled()
        fake.setFaults(
            .init(lostRequest: 0.1, lostReply: 0.1, droppedWatch: 0.05, duplicatedResponse: 0.2, delayedResponse: 0.3))
        for step in 0..<150 {
            let name = "n\(Int.random(in: 0..<8, using: &random))"
            switch Int.random(in: 0..<10, using: &random) {
            case 0...5: fake.write("/notes/\(name)", "\(name)=\(step)")
            case 6, 7: fake.remove("/notes/\(name)")
            case 8: fake.compactAll()
            default: fake.dropWatches()
            }
            if random.chance(0.5) { await clock.advance(by: .milliseconds(Int.random(in: 1...400, using: &random))) }
        }
        fake.setFaults(.init())
        let want = Dictionary(
            uniqueKeysWithValues: fake.state.withLock { state in
                state.keys.values.map { (String(decoding: $0.key, as: UTF8.self), $0.modRevision) }
            })
        let isSame = await advance(clock) { informer.snapshot.objects.mapValues(\.modRevision) == want }
        #expect(isSame, "seed \(seed)")
        runner.cancel()
        await runner.value
        box.withLock { $0 = nil }
    }
}
