internal import EtcdWire
internal import Synchronization

/// What became of a snapshot stream, as seen by the one who takes its chunks.
final class SnapshotOutcome: Sendable {
    private let state = Mutex(State())

    private struct State {
        var consumerError: (any Error)?
        var remaining: UInt64?
    }

    /// What the consumer threw.
    var consumerError: (any Error)? { self.state.withLock { $0.consumerError } }
    /// Whether the last chunk said that none remain.
    var isWhole: Bool { self.state.withLock { $0.remaining == 0 } }

    func consumerFailed(_ error: any Error) {
        self.state.withLock { $0.consumerError = error }
    }

    func received(_ response: SnapshotResponse) {
        self.state.withLock { $0.remaining = response.remainingBytes }
    }
}
