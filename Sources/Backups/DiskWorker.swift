internal import Dispatch

/// A thread for blocking disk work, one piece after the other: two blocking calls on the cooperative pool of a two-core
/// machine would stop every task there.
struct DiskWorker: Sendable {
    private let queue: DispatchQueue

    init(_ label: String) {
        self.queue = DispatchQueue(label: label)
    }

    func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws(BackupError) -> Value
    ) async throws(BackupError) -> Value {
        let result: Result<Value, BackupError> = await withCheckedContinuation { continuation in
            self.queue.async {
                continuation.resume(returning: Result { () throws(BackupError) in try work() })
            }
        }
        return try result.get()
    }
}
