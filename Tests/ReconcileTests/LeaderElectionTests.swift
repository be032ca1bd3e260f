import EtcdClient
import EtcdWire
import Platform
import Reconcile
import Synchronization
import Testing

/// A controller that stands for election and notes its terms.
private final class Contender: Sendable {
    let name: String
    let clock: VirtualClock
    private let terms = Mutex<[Leadership]>([])
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(_ name: String, _ clock: VirtualClock) { (self.name, self.clock) = (name, clock) }

    var isActing: Bool { self.terms.withLock { $0.last }?.isHeld(now: self.clock.uptime()) ?? false }

    var all: [Leadership] { self.terms.withLock { $0 } }

    func start(_ store: any StoreClient, isAlone: Bool = false, seed: UInt64 = 1) {
        let election = LeaderElection(
            client: store, key: "/election", identity: self.name, ttl: .seconds(10), isAlone: isAlone, clock: self.clock,
            seed: seed, logger: silence)
        let task = Task {
            await election.run { leadership in
                self.terms.withLock { $0.append(leadership) }
                while !Task.isCancelled { try? await self.clock.sleep(for: .seconds(1)) }
            }
        }
        self.task.withLock { $0 = task }
    }

    func stop() async {
        let task = self.task.withLock { $0 }
        task?.cancel()
        await task?.value
    }
}

@Suite struct LeaderElectionTests {
    @Test func anotherTakesOverAtOnceAfterAnOrderlyStop() async {
        let clock = VirtualClock()
        let fake = FakeStore(clock: clock)
        let (first, second) = (Contender("first", clock), Contender("second", clock))
        first.start(fake)
        #expect(await advance(clock) { first.isActing })
        second.start(fake, seed: 2)
        for _ in 0..<100 { await clock.advance(by: .milliseconds(500)) }
        #expect(first.isActing && !second.isActing && first.all.count == 1)
        await first.stop()
        #expect(!first.isActing)
        let stopped = clock.uptime()
        #expect(await advance(clock) { second.isActing })
        #expect(clock.uptime() - stopped < .seconds(2))
        await second.stop()
        #expect(fake.value("/election") == nil)
    }

    @Test func aLeaderCutOffStopsBeforeAnotherBegins() async {
        let clock = VirtualClock()
        let fake = FakeStore(clock: clock)
        let cut = Gate(fake)
        let (first, second) = (Contender("first", clock), Contender("second", clock))
        first.start(cut)
        #expect(await advance(clock) { first.isActing })
        second.start(fake, seed: 2)
        cut.close()
        let since = clock.uptime()
        let tookOver = await advance(clock) {
            fake.expireLeases()
            #expect(!(first.isActing && second.isActing))
            return second.isActing
        }
        #expect(tookOver && clock.uptime() - since <= .seconds(12))
        #expect(!first.isActing)
        cut.open()
        for _ in 0..<200 {
            await clock.advance(by: .milliseconds(100))
            #expect(!(first.isActing && second.isActing))
        }
        #expect(second.isActing)
        await first.stop()
        await second.stop()
    }

    @Test func whoIsAloneDoesNotWaitForTheDead() async {
        let clock = VirtualClock()
        let fake = FakeStore(clock: clock)
        let lease = try? await fake.leaseGrant(.init(ttl: 3600)).id
        _ = try? await fake.put(.init(key: Array("/election".utf8), value: Array("dead".utf8), lease: lease ?? 0))
        let contender = Contender("alone", clock)
        contender.start(fake, isAlone: true)
        #expect(await advance(clock, limit: .seconds(1)) { contender.isActing })
        await contender.stop()
    }

    @Test func theKeyTakenAwayEndsTheTermAtOnce() async {
        let clock = VirtualClock()
        let fake = FakeStore(clock: clock)
        let contender = Contender("one", clock)
        contender.start(fake)
        #expect(await advance(clock) { contender.isActing })
        let first = contender.all[0]
        fake.remove("/election")
        #expect(await advance(clock, limit: .seconds(1)) { !first.isHeld(now: clock.uptime()) })
        #expect(await advance(clock) { contender.isActing && contender.all.count == 2 })
        #expect(contender.all[1].fence.createRevision > first.fence.createRevision)
        await contender.stop()
    }

    /// Three contenders, each cut off now and then, calls and replies lost: never two act at once, and when all is
    /// well again one does.
    @Test(arguments: 1...15) func neverTwo(_ seed: Int) async {
        let clock = VirtualClock()
        let fake = FakeStore(clock: clock, seed: UInt64(seed))
        var random = SeededRandom(seed: UInt64(seed) &* 31)
        let gates = (0..<3).map { _ in Gate(fake) }
        let contenders = (0..<3).map { Contender("c\($0)", clock) }
        for (index, contender) in contenders.enumerated() { contender.start(gates[index], seed: UInt64(seed * 10 + index)) }
        fake.setFaults(.init(lostRequest: 0.1, lostReply: 0.1, droppedWatch: 0.05))
        for step in 0..<1200 {
            if step % 300 == 100, let leader = contenders.firstIndex(where: \.isActing) { gates[leader].close() }
            if step % 300 == 250 { for gate in gates { gate.open() } }
            if random.chance(0.02), let gate = gates.randomElement(using: &random) {
                if random.chance(0.5) { gate.close() } else { gate.open() }
            }
            await clock.advance(by: .milliseconds(Int.random(in: 10...300, using: &random)))
            fake.expireLeases()
            let acting = contenders.filter(\.isActing).map(\.name)
            #expect(acting.count <= 1, "seed \(seed): \(acting) act at \(clock.uptime())")
        }
        fake.setFaults(.init())
        for gate in gates { gate.open() }
        let oneActs = await advance(clock) {
            fake.expireLeases()
            return contenders.contains(where: \.isActing)
        }
        #expect(oneActs, "seed \(seed)")
        #expect(contenders.reduce(0) { $0 + $1.all.count } > 1, "seed \(seed): leadership never moved")
        for contender in contenders { await contender.stop() }
    }
}
