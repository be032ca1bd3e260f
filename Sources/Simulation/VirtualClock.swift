public import Platform
internal import Synchronization

/// Time that passes only when the simulation says so.
public final class VirtualClock: WallClock {
    private let elapsed = Mutex<Duration>(.zero)
    private let epoch: Timestamp

    public init(epoch: Timestamp = Timestamp(seconds: 1_800_000_000)) {
        self.epoch = epoch
    }

    public func now() -> Timestamp {
        self.epoch + self.uptime()
    }

    public func uptime() -> Duration {
        self.elapsed.withLock { $0 }
    }

    public func advance(by duration: Duration) {
        self.elapsed.withLock { $0 += duration }
    }

    /// In the simulation waiting is what the runner does: the caller goes on at once, later.
    public func sleep(for duration: Duration) async throws {
        self.advance(by: duration)
    }
}
