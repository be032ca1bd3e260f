import Logging
import Platform
import Reconcile
import Synchronization

/// A stored text; one that begins with `!` cannot be read.
struct Note: StoredObject, Hashable {
    struct Unreadable: Error {}

    static let keyPrefix = "/notes/"
    var name: String
    var text: String
    var modRevision: Int64 = 0

    var storeKey: String { Self.keyPrefix + self.name }

    init(_ name: String, _ text: String) { (self.name, self.text) = (name, text) }

    init(stored value: [UInt8], modRevision: Int64) throws {
        let parts = String(decoding: value, as: UTF8.self).split(separator: "=", maxSplits: 1)
        guard parts.count == 2 else { throw Unreadable() }
        self.init(String(parts[0]), String(parts[1]))
        self.modRevision = modRevision
    }

    func storedBytes() -> [UInt8] { Array("\(self.name)=\(self.text)".utf8) }
}

/// Time that passes only when it is told to.
final class VirtualClock: WallClock, Sendable {
    private struct State {
        var now: Duration = .zero
        var sleepers: [Int: (until: Duration, continuation: CheckedContinuation<Void, Never>)] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    func now() -> Timestamp { Timestamp(nanoseconds: self.uptime().nanoseconds) }

    func uptime() -> Duration { self.state.withLock { $0.now } }

    var sleeperCount: Int { self.state.withLock { $0.sleepers.count } }

    func sleep(for duration: Duration) async throws {
        let id = self.state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let resumesNow = self.state.withLock { state -> Bool in
                    if Task.isCancelled || duration <= .zero { return true }
                    state.sleepers[id] = (state.now + duration, continuation)
                    return false
                }
                if resumesNow { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume()
        }
        try Task.checkCancellation()
    }

    /// Moves on, wakes who slept until then, and lets everyone run for a while.
    func advance(by step: Duration) async {
        let due = self.state.withLock { state in
            state.now += step
            let due = state.sleepers.filter { $0.value.until <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.sorted { ($0.value.until, $0.key) < ($1.value.until, $1.key) }.map(\.value.continuation)
        }
        for sleeper in due { sleeper.resume() }
        // Until no one has gone to sleep for a while: then all have done what this moment asked of them.
        var quiet = 0
        while quiet < 30 {
            let before = self.state.withLock { $0.next }
            await Task.yield()
            quiet = self.state.withLock { $0.next } == before ? quiet + 1 : 0
        }
    }
}

/// Lets other tasks run.
func settle() async { for _ in 0..<40 { await Task.yield() } }

/// Lets time pass until something is so; false when it is not after `limit`.
func advance(
    _ clock: VirtualClock, by step: Duration = .milliseconds(50), limit: Duration = .seconds(120), until isSo: () -> Bool
) async -> Bool {
    let end = clock.uptime() + limit
    while !isSo() {
        if clock.uptime() >= end { return false }
        await clock.advance(by: step)
    }
    return true
}

/// A logger that keeps quiet.
let silence = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Values that several tasks append to.
final class Log<Element: Sendable>: Sendable {
    private let state = Mutex<[Element]>([])

    var all: [Element] { self.state.withLock { $0 } }

    func append(_ element: Element) { self.state.withLock { $0.append(element) } }
}
