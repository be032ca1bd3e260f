internal import Glibc
internal import Synchronization

/// A thread of its own that runs the jobs of actors in order, so that file and process calls that block never hold up the
/// cooperative pool. It lives as long as the program: an executor may not end while a job of its actor is still under way.
final class WorkerThread: SerialExecutor {
    /// Where all process runtimes of a program do their work.
    static let shared = WorkerThread()

    private let jobs = Mutex<[UnownedJob]>([])
    private let wake: WakeUp

    init() {
        self.wake = WakeUp()
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(self).toOpaque()
        let body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
            guard let context = unsafe context else { return nil }
            unsafe Unmanaged<WorkerThread>.fromOpaque(context).takeRetainedValue().run()
        }
        let code = unsafe pthread_create(&thread, nil, body, context)
        precondition(code == 0, "pthread_create: \(systemError(code))")
        pthread_detach(thread)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.jobs.withLock { $0.append(job) }
        self.wake.signal()
    }

    private func run() -> Never {
        let executor = unsafe self.asUnownedSerialExecutor()
        while true {
            self.wake.wait()
            let jobs = self.jobs.withLock { jobs in
                defer { jobs = [] }
                return jobs
            }
            for job in jobs { unsafe job.runSynchronously(on: executor) }
        }
    }
}

/// A semaphore of the C library; never freed, as the thread that waits on it never ends.
@safe private struct WakeUp: Sendable {
    // `nonisolated(unsafe)`: POSIX semaphores may be used from every thread.
    private nonisolated(unsafe) let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        unsafe self.semaphore = .allocate(capacity: 1)
        let code = unsafe sem_init(self.semaphore, 0, 0)
        precondition(code == 0, "sem_init: \(systemError(errno))")
    }

    func signal() {
        unsafe sem_post(self.semaphore)
    }

    func wait() {
        while unsafe sem_wait(self.semaphore) != 0 {}
    }
}
