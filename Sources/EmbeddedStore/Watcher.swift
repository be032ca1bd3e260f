internal import DequeModule
internal import EtcdClient
internal import EtcdWire
internal import Synchronization

/// One watch between the engine's thread, which delivers, and the task that consumes. What it holds is bounded: when it is
/// full the engine holds the watch back, and has it read what it missed from history once the task has caught up.
final class Watcher: Sendable {
    private typealias Consumer = CheckedContinuation<Result<[WatchResponse], EtcdError>, Never>

    private struct State {
        var responses: Deque<WatchResponse> = []
        var consumer: Consumer?
        /// Why no more will come.
        var end: EtcdError?
        /// Whether the engine holds the watch back.
        var isHeldBack = false
    }

    let request: WatchCreateRequest
    private let limit: Int
    private let state = Mutex(State())

    init(_ request: WatchCreateRequest, limit: Int) {
        (self.request, self.limit) = (request, max(1, limit))
    }

    /// What delivering came to.
    enum Delivered {
        case taken
        /// The watch is full from now on; hold it back.
        case full
        /// Nobody listens any more; cancel the watch.
        case ended
    }

    func deliver(_ response: WatchResponse) -> Delivered {
        let (delivered, consumer) = self.state.withLock { state -> (Delivered, Consumer?) in
            guard state.end == nil else { return (.ended, nil) }
            if let consumer = state.consumer {
                state.consumer = nil
                return (.taken, consumer)
            }
            state.responses.append(response)
            guard state.responses.count >= self.limit, !state.isHeldBack else { return (.taken, nil) }
            state.isHeldBack = true
            return (.full, nil)
        }
        consumer?.resume(returning: .success([response]))
        return delivered
    }

    /// Ends the watch: what was delivered before is still consumed, then the consumer is told why.
    func end(_ error: EtcdError) {
        let consumer = self.state.withLock { state in
            if state.end == nil { state.end = error }
            defer { state.consumer = nil }
            return state.consumer
        }
        consumer?.resume(returning: .failure(error))
    }

    /// All that was delivered and not yet consumed; waits for at least one. `wasHeldBack` tells that the engine may go on.
    func next() async throws(EtcdError) -> (responses: [WatchResponse], wasHeldBack: Bool) {
        var wasHeldBack = false
        let result = await withCheckedContinuation { continuation in
            let ready = self.state.withLock { state -> Result<[WatchResponse], EtcdError>? in
                if !state.responses.isEmpty {
                    let responses = Array(state.responses)
                    state.responses.removeAll()
                    (wasHeldBack, state.isHeldBack) = (state.isHeldBack, false)
                    return .success(responses)
                }
                if let end = state.end { return .failure(end) }
                precondition(state.consumer == nil, "a watch has one consumer")
                state.consumer = continuation
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
        return (try result.get(), wasHeldBack)
    }
}
