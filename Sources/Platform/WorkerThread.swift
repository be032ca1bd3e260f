/// A thread of its own that runs, in order, the jobs of actors and whatever else is handed to it, so that file and process
/// calls that block never hold up the cooperative pool: two of them would stop every task of a machine with two cores. It
/// lives as long as the program: an executor may not end while a job of its actor is still under way.
public final class WorkerThread: SerialExecutor {
    private enum Work: Sendable {
        case job(UnownedJob)
        case call(@Sendable () -> Void)
    }

    private let mailbox = Mailbox<Work>()

    /// - Parameter name: See ``startThread(named:_:)``.
    public init(named name: String) {
        startThread(named: name) { self.run() }
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        self.mailbox.send(.job(UnownedJob(job)))
    }

    /// Runs a call that blocks, after all that was handed over before.
    public func run<Value: Sendable, Failure>(
        _ call: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
            self.mailbox.send(.call { continuation.resume(returning: Result { () throws(Failure) in try call() }) })
        }
        return try result.get()
    }

    private func run() {
        let executor = unsafe self.asUnownedSerialExecutor()
        while let works = self.mailbox.take() {
            for work in works {
                switch work {
                case .job(let job): unsafe job.runSynchronously(on: executor)
                case .call(let call): call()
                }
            }
        }
    }
}
