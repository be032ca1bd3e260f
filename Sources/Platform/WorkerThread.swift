/// A thread of its own that runs the jobs of actors in order, so that file and process calls that block never hold up the
/// cooperative pool. It lives as long as the program: an executor may not end while a job of its actor is still under way.
public final class WorkerThread: SerialExecutor {
    private let mailbox = Mailbox<UnownedJob>()

    /// - Parameter name: See ``startThread(named:_:)``.
    public init(named name: String) {
        startThread(named: name) { self.run() }
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        self.mailbox.send(UnownedJob(job))
    }

    private func run() {
        let executor = unsafe self.asUnownedSerialExecutor()
        while let jobs = self.mailbox.take() {
            for job in jobs { unsafe job.runSynchronously(on: executor) }
        }
    }
}
