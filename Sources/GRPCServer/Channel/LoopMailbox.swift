internal import NIOCore
internal import Synchronization

/// Where answers for the connections of one event loop are put, from any thread. However many come before the loop looks, it
/// is woken once.
final class LoopMailbox: Sendable {
    private struct Waiting {
        var parts: [ReplyBatch.Part] = []
        var isScheduled = false
    }

    let loop: any EventLoop
    /// Only touched on the loop.
    let connections: NIOLoopBoundBox<LoopConnections>
    private let waiting = Mutex(Waiting())

    /// - Parameters:
    ///   - number: The place of the loop in its group.
    ///   - methods: How many the server has.
    init(loop: any EventLoop, number: UInt32, methods: Int) {
        self.loop = loop
        self.connections = NIOLoopBoundBox.makeBoxSendingValue(
            LoopConnections(number: number, methods: methods), eventLoop: loop)
    }

    func send(_ part: ReplyBatch.Part) {
        let mustWake = self.waiting.withLock { waiting in
            waiting.parts.append(part)
            defer { waiting.isScheduled = true }
            return !waiting.isScheduled
        }
        if mustWake { self.loop.execute { self.deliver() } }
    }

    private func deliver() {
        let parts = self.waiting.withLock { waiting in
            var parts: [ReplyBatch.Part] = []
            swap(&parts, &waiting.parts)
            waiting.isScheduled = false
            return parts
        }
        self.connections.value.answer(parts)
    }
}
