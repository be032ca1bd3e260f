internal import NIOCore

/// What a connection knows of a call, in the slot of its stream.
struct RPCCall {
    enum Phase {
        /// There is none: what still comes on the stream is thrown away.
        case none
        /// Its only message is awaited.
        case collecting
        /// It is with its handler, and the answer comes later.
        case answering
        case streaming
    }

    var phase = Phase.none
    var generation: UInt32 = 0
    var route = 0
    var head: RequestHead?
    var deadline: NIODeadline?
    /// What has come of messages that are not whole, or that the handler does not want yet.
    var partial = ByteBuffer()
    /// Of `partial`: bytes that the client may have sent again already.
    var credited = 0
    /// Share of the connection's budget for large requests.
    var reserved = 0
    var isHeld = false
    /// The client has ended its side.
    var isRemoteEnded = false
    var hasSentHead = false
    var stream: StreamCall?
    var handler: (any StreamHandler)?
}

/// Memory for the requests of a connection that are larger than a stream's window. A request that finds none left waits with
/// its client for another to end, so there is never more, and each that began can end.
struct RequestBudget {
    private(set) var left: Int
    private var waiting: [StreamKey] = []

    init(_ size: Int) {
        self.left = size
    }

    /// - Returns: Whether the share is given; else it will be, once others are done.
    mutating func reserve(_ size: Int, for key: StreamKey) -> Bool {
        guard self.waiting.isEmpty, size <= self.left else {
            if !self.waiting.contains(key) { self.waiting.append(key) }
            return false
        }
        self.left -= size
        return true
    }

    /// - Returns: Those who are to ask again, in order.
    mutating func release(_ size: Int) -> [StreamKey] {
        self.left += size
        defer { self.waiting = [] }
        return self.waiting
    }

    mutating func forget(_ key: StreamKey) {
        if !self.waiting.isEmpty { self.waiting.removeAll { $0 == key } }
    }
}
