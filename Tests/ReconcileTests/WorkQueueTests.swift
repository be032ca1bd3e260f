import Platform
import Reconcile
import Synchronization
import Testing

@Suite struct WorkQueueTests {
    private static func queue(concurrency: Int = 1, jitter: Double = 0) -> WorkQueueState {
        let backoff = Backoff(base: .seconds(1), cap: .seconds(8), jitter: jitter)
        return WorkQueueState(concurrency: concurrency, backoff: backoff, seed: 1)
    }

    @Test func keysComeInTheirOrderAndOnce() {
        var queue = Self.queue(concurrency: 3)
        for key in ["b", "a", "b", "c"] { queue.add(key) }
        #expect(queue.depth == 3)
        #expect((0..<4).map { _ in queue.next(now: .zero) } == ["b", "a", "c", nil])
    }

    @Test func aRunningKeyRunsAgainAfterwardsNotBeside() {
        var queue = Self.queue(concurrency: 2)
        queue.add("a")
        #expect(queue.next(now: .zero) == "a")
        queue.add("a")
        #expect(queue.next(now: .zero) == nil)
        queue.finish("a", .done, now: .zero)
        #expect(queue.next(now: .zero) == "a")
        queue.finish("a", .done, now: .zero)
        #expect(queue.next(now: .zero) == nil)
    }

    @Test func failuresWaitLongerEachTimeUpToTheCap() {
        var queue = Self.queue()
        var (now, waits): (Duration, [Duration]) = (.zero, [])
        queue.add("a")
        for _ in 0..<6 {
            #expect(queue.next(now: now) == "a")
            queue.finish("a", .failed, now: now)
            let alarm = queue.nextAlarm ?? .zero
            #expect(queue.next(now: alarm - .nanoseconds(1)) == nil)
            waits.append(alarm - now)
            now = alarm
        }
        #expect(waits == [1, 2, 4, 8, 8, 8].map { Duration.seconds($0) })
        #expect(queue.next(now: now) == "a")
        queue.finish("a", .done, now: now)
        #expect(queue.failures(of: "a") == 0)
    }

    @Test func jitterOnlyShortens() {
        var random = SeededRandom(seed: 9)
        let backoff = Backoff(base: .seconds(1), cap: .seconds(60), jitter: 0.5)
        for failures in 1...200 {
            let delay = backoff.delay(after: failures, using: &random)
            let full = min(Duration.seconds(60), .seconds(1) * (1 << min(failures - 1, 10)))
            #expect(delay <= full && delay >= full / 2, "\(failures): \(delay)")
        }
    }

    @Test func theEarlierAlarmStands() {
        var queue = Self.queue()
        queue.add("a", at: .seconds(9))
        queue.add("b", at: .seconds(5))
        queue.add("a", at: .seconds(3))
        queue.add("a", at: .seconds(7))
        #expect(queue.nextAlarm == .seconds(3))
        #expect(queue.next(now: .seconds(2)) == nil)
        #expect(queue.next(now: .seconds(9)) == "a")
        queue.finish("a", .done, now: .seconds(9))
        #expect(queue.next(now: .seconds(9)) == "b")
        #expect(queue.nextAlarm == nil)
    }

    /// Against a plain model: every key that was added runs after its last addition, never twice at once, never too many.
    @Test(arguments: 1...30) func randomTraces(_ seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var queue = Self.queue(concurrency: 3, jitter: 0.5)
        var (now, running, owed): (Duration, [String], Set<String>) = (.zero, [], [])
        for _ in 0..<2000 {
            now += .milliseconds(Int.random(in: 0...300, using: &random))
            let key = "k\(Int.random(in: 0..<12, using: &random))"
            switch Int.random(in: 0..<5, using: &random) {
            case 0:
                queue.add(key)
                owed.insert(key)
            case 1: queue.add(key, at: now + .milliseconds(Int.random(in: 0...2000, using: &random)))
            case 2, 3:
                guard let next = queue.next(now: now) else {
                    #expect(running.count == 3 || queue.depth == 0, "seed \(seed)")
                    continue
                }
                #expect(!running.contains(next), "seed \(seed): \(next) runs twice at once")
                running.append(next)
                #expect(running.count <= 3, "seed \(seed)")
                owed.remove(next)
            default:
                guard let index = running.indices.randomElement(using: &random) else { continue }
                let outcomes: [WorkQueueState.Outcome] = [.done, .failed, .again(after: .seconds(1))]
                queue.finish(running.remove(at: index), outcomes.randomElement(using: &random) ?? .done, now: now)
            }
        }
        for key in running { queue.finish(key, .done, now: now) }
        while let key = queue.next(now: now) {
            owed.remove(key)
            queue.finish(key, .done, now: now)
        }
        #expect(owed.isEmpty, "seed \(seed)")
    }

    @Test func runsByKeyAndWaitsForTheRunning() async {
        let clock = VirtualClock()
        let queue = WorkQueue(concurrency: 4, clock: clock, seed: 3)
        let active = Mutex<[String: Int]>([:])
        let finished = Log<String>()
        let runner = Task {
            await queue.run { key in
                active.withLock { $0[key, default: 0] += 1 }
                #expect(active.withLock { $0[key] } == 1)
                try? await clock.sleep(for: .seconds(1))
                active.withLock { $0[key]! -= 1 }
                finished.append(key)
                return .done
            }
        }
        for round in 0..<50 { queue.add("k\(round % 5)") }
        #expect(await advance(clock) { finished.all.count >= 5 })
        queue.add("late", after: .seconds(10))
        let set = clock.uptime()
        #expect(await advance(clock) { queue.runningCount == 1 && queue.depth == 0 && clock.uptime() >= set + .seconds(10) })
        queue.shutDown()
        queue.add("never")
        #expect(await advance(clock) { finished.all.contains("late") })
        await runner.value
        #expect(!finished.all.contains("never"))
    }

    @Test func cancellationEndsTheRun() async {
        let queue = WorkQueue(clock: VirtualClock(), seed: 3)
        let began = Log<String>()
        let runner = Task {
            await queue.run { key in
                began.append(key)
                try? await Task.sleep(for: .seconds(3600))
                return .done
            }
        }
        queue.add("a")
        while began.all.isEmpty { await Task.yield() }
        runner.cancel()
        await runner.value
        #expect(queue.runningCount == 0)
    }
}
