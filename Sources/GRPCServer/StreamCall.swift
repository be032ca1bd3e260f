internal import Synchronization

/// A streaming call as its writer sees it: what to address messages to, and how much is still on its way. Any thread.
public final class StreamCall: Sendable {
    public let context: CallContext
    public var id: CallID { self.context.id }
    private let highMark: Int
    private let lowMark: Int
    /// Bytes handed over by writers that the event loop has not seen yet.
    private let inTransit = Atomic<Int>(0)
    /// Bytes that wait at the event loop for the client to read.
    private let queued = Atomic<Int>(0)
    /// A writer was told to wait and is to be told when it may go on.
    private let isAwaited = Atomic<Bool>(false)

    init(context: CallContext, marks: GRPCServerConfiguration.Limits) {
        self.context = context
        self.highMark = marks.streamHighMark
        self.lowMark = marks.streamLowMark
    }

    /// Bytes handed over that the connection has not sent.
    public var pendingBytes: Int {
        self.inTransit.load(ordering: .sequentiallyConsistent) + self.queued.load(ordering: .sequentiallyConsistent)
    }

    /// Whether the client reads fast enough. Once this has been false, ``StreamHandler/becameWritable()`` follows when what
    /// is under way has sunk below the low mark. A writer that goes on regardless is ended at the configured limit.
    public var canWrite: Bool {
        if self.pendingBytes < self.highMark { return true }
        // Said first and looked at again, so that the event loop either sees that someone waits or is seen to be done.
        self.isAwaited.store(true, ordering: .sequentiallyConsistent)
        return self.pendingBytes < self.highMark
    }

    /// Whether the event loop has seen all that was handed over.
    var inTransitIsZero: Bool { self.inTransit.load(ordering: .sequentiallyConsistent) == 0 }

    func handedOver(_ count: Int) {
        self.inTransit.add(count, ordering: .sequentiallyConsistent)
    }

    /// On the event loop.
    func arrived(_ count: Int) {
        self.inTransit.subtract(count, ordering: .sequentiallyConsistent)
    }

    /// On the event loop: so much waits there.
    /// - Returns: Whether a writer that waits may go on.
    func waiting(_ count: Int) -> Bool {
        self.queued.store(count, ordering: .sequentiallyConsistent)
        guard self.isAwaited.load(ordering: .sequentiallyConsistent), self.pendingBytes <= self.lowMark else { return false }
        return self.isAwaited.exchange(false, ordering: .sequentiallyConsistent)
    }
}
