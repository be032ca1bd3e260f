internal import Synchronization

/// Wakes one waiting task. A signal that is given while no one waits is kept, once.
final class Signal: Sendable {
    private enum State {
        case idle
        case given
        case waiting(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex(State.idle)

    func give() {
        let waiter = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard case .waiting(let continuation) = state else {
                state = .given
                return nil
            }
            state = .idle
            return continuation
        }
        waiter?.resume()
    }

    /// Returns when the signal is given, or when the task is cancelled. Only one task may wait at a time.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let resumesNow = self.state.withLock { state -> Bool in
                    switch state {
                    case .idle where !Task.isCancelled:
                        state = .waiting(continuation)
                        return false
                    case .idle: return true
                    case .given:
                        state = .idle
                        return true
                    case .waiting: preconditionFailure("two tasks wait for one signal")
                    }
                }
                if resumesNow { continuation.resume() }
            }
        } onCancel: {
            // A cancelled waiter takes the signal with it; one that comes later asks whether it is cancelled itself.
            self.give()
        }
    }
}
