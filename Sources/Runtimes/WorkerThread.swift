internal import Platform

/// A thread of its own that runs the jobs of actors in order, so that file and process calls that block never hold up the
/// cooperative pool. It lives as long as the program: an executor may not end while a job of its actor is still under way.
final class WorkerThread: SerialExecutor {
    /// Where all process runtimes of a program do their work.
    static let shared = WorkerThread()

    private let mailbox = Mailbox<UnownedJob>()

    init() {
        startThread(named: "members") { self.run() }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        self.mailbox.send(UnownedJob(job))
    }

    private func run() {
        let executor = unsafe self.asUnownedSerialExecutor()
        while let jobs = self.mailbox.take() {
            for job in jobs { unsafe job.runSynchronously(on: executor) }
        }
    }
}
