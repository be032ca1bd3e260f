internal import GRPCCore
internal import Synchronization

/// How far one call has come. The side that carries it out and the side that watches over its time agree here, so that a
/// call given up as unsent is never sent after all.
final class CallProgress: Sendable {
    private let state = Mutex(State())

    private struct State {
        var stage = Stage.waiting
        var isAbandoned = false
    }

    /// The furthest point reached.
    enum Stage: Int, Sendable {
        case waiting, sent, answered
    }

    /// Moves on to a later stage; false when the call has been given up.
    func reach(_ stage: Stage) -> Bool {
        self.state.withLock { state in
            guard !state.isAbandoned else { return false }
            if stage.rawValue > state.stage.rawValue { state.stage = stage }
            return true
        }
    }

    func hasReached(_ stage: Stage) -> Bool {
        self.state.withLock { $0.stage.rawValue >= stage.rawValue }
    }

    /// Carries out a call, and gives it up when it has not reached a stage in time.
    func demand<Value: Sendable>(
        _ stage: Stage, within limit: Duration, of call: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await call() }
            group.addTask {
                try await Task.sleep(for: limit)
                guard self.abandon(before: stage) else { return nil }
                throw RPCError(code: .deadlineExceeded, message: "given up")
            }
            defer { group.cancelAll() }
            while let value = try await group.next() {
                if let value { return value }
            }
            throw CancellationError()
        }
    }

    private func abandon(before stage: Stage) -> Bool {
        self.state.withLock { state in
            guard state.stage.rawValue < stage.rawValue else { return false }
            state.isAbandoned = true
            return true
        }
    }
}
