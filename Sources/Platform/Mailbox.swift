internal import CPlatform
internal import Glibc

/// What other threads and tasks hand to a thread that owns some state: many senders, one receiver, who takes all that is
/// waiting at once. Sending never blocks for long and wakes the receiver only when it sleeps.
@safe public final class Mailbox<Message: Sendable>: @unchecked Sendable {
    // Sendable: every field but the two pointers, which never change, is only touched with `mutex` held.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var waiting: [Message] = []
    private var isClosed = false
    private var isAsleep = false

    public init() {
        unsafe self.mutex = .allocate(capacity: 1)
        unsafe self.condition = .allocate(capacity: 1)
        unsafe self.mutex.initialize(to: pthread_mutex_t())
        unsafe self.condition.initialize(to: pthread_cond_t())
        precondition(unsafe pthread_mutex_init(self.mutex, nil) == 0, "pthread_mutex_init failed")
        precondition(unsafe pthread_cond_init(self.condition, nil) == 0, "pthread_cond_init failed")
    }

    deinit {
        unsafe pthread_cond_destroy(self.condition)
        unsafe pthread_mutex_destroy(self.mutex)
        unsafe self.condition.deallocate()
        unsafe self.mutex.deallocate()
    }

    /// False when the mailbox is closed; then the message is not taken.
    @discardableResult
    public func send(_ message: Message) -> Bool {
        self.locked {
            guard !self.isClosed else { return false }
            self.waiting.append(message)
            if self.isAsleep { unsafe pthread_cond_signal(self.condition) }
            return true
        }
    }

    /// All that is waiting, in order of arrival.
    /// - Parameter blocking: Whether to wait for at least one message. Blocks the thread: never from a task.
    /// - Returns: Nil once the mailbox is closed and empty.
    public func take(blocking: Bool = true) -> [Message]? {
        self.locked {
            while blocking && self.waiting.isEmpty && !self.isClosed {
                self.isAsleep = true
                unsafe pthread_cond_wait(self.condition, self.mutex)
                self.isAsleep = false
            }
            if self.waiting.isEmpty && self.isClosed { return nil }
            var taken: [Message] = []
            swap(&taken, &self.waiting)
            return taken
        }
    }

    /// Refuses all further messages. Those waiting are still to be taken.
    public func close() {
        self.locked {
            self.isClosed = true
            unsafe pthread_cond_signal(self.condition)
        }
    }

    private func locked<Value>(_ body: () -> Value) -> Value {
        unsafe pthread_mutex_lock(self.mutex)
        defer { unsafe pthread_mutex_unlock(self.mutex) }
        return body()
    }
}

/// Runs `body` on a thread of its own, detached, for work that blocks or that owns state.
/// - Parameter name: At most 15 bytes are shown by the system.
public func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
    let start = unsafe Unmanaged.passRetained(ThreadStart(name: name, body: body)).toOpaque()
    var thread = pthread_t()
    let code = unsafe pthread_create(
        &thread, nil,
        { argument in
            let start = unsafe Unmanaged<ThreadStart>.fromOpaque(argument!).takeRetainedValue()
            unsafe quorate_name_thread(String(start.name.prefix(15)))
            start.body()
            return nil
        }, start)
    precondition(code == 0, "pthread_create failed")
    pthread_detach(thread)
}

private final class ThreadStart: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        (self.name, self.body) = (name, body)
    }
}
