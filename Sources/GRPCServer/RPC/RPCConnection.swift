internal import NIOCore

/// gRPC on one HTTP/2 connection: makes calls of its streams, hands them to their handlers, and their answers to it.
///
/// A call is collecting its message, then with its handler (answering), then gone; or streaming until either side ends it.
/// Like ``HTTP2Connection`` it has no socket and no clock.
struct RPCConnection {
    /// Where the connection stands among those of the server.
    struct Place: Hashable, Sendable {
        var loop: UInt32
        var connection: UInt32
        var generation: UInt32
    }

    var http2: HTTP2Connection
    let methods: MethodTable
    let limits: GRPCServerConfiguration.Limits
    let place: Place
    let peer: String
    let counter: CallCounter
    var calls: [RPCCall] = []
    var budget: RequestBudget
    /// Whether a call was handed to its handler since the last round ended.
    var hasDispatched = false

    /// - Parameter counter: Of the connection's event loop; nil for one of its own.
    init(
        configuration: GRPCServerConfiguration, methods: MethodTable, place: Place, peer: String,
        counter: CallCounter? = nil, now: NIODeadline
    ) {
        self.http2 = HTTP2Connection(configuration: configuration, routes: methods.numbers, now: now)
        self.methods = methods
        self.limits = configuration.limits
        self.place = place
        self.peer = peer
        self.counter = counter ?? CallCounter(methods: methods.handlers.count)
        self.budget = RequestBudget(configuration.limits.requestBudget)
    }

    /// Bytes came.
    mutating func received(_ bytes: ByteBuffer, at now: NIODeadline) {
        guard self.http2.failure == nil else { return }
        self.http2.received(bytes, at: now)
        self.work()
    }

    /// The socket takes more: what waits goes on.
    mutating func pump() {
        self.http2.pump()
        self.work()
    }

    /// Handles all that has happened.
    mutating func work() {
        while let event = self.http2.next() {
            switch event {
            case .request(let key, let head, let isEnd): self.request(key, head, isEnd)
            case .data(let key, let bytes, let isEnd): self.data(key, bytes, isEnd)
            case .reset(let key, _): self.ended(key, .cancelled)
            case .drained(let key): self.progressed(key)
            }
        }
        if self.http2.failure != nil { self.endAll() }
    }

    /// All that was read has been handled.
    mutating func roundEnded() {
        guard self.hasDispatched else { return }
        self.hasDispatched = false
        self.methods.roundEnded?()
    }

    /// The connection is gone: so are its calls.
    mutating func endAll() {
        for slot in self.calls.indices {
            self.ended(StreamKey(slot: UInt32(slot), generation: self.calls[slot].generation), .disconnected)
        }
    }

    /// The slot of a call that is under way.
    func slot(_ key: StreamKey) -> Int? {
        let slot = Int(key.slot)
        guard slot < self.calls.count, self.calls[slot].generation == key.generation, self.calls[slot].phase != .none else {
            return nil
        }
        return slot
    }

    func id(_ key: StreamKey) -> CallID {
        CallID(
            loop: self.place.loop, connection: self.place.connection, connectionGeneration: self.place.generation,
            slot: key.slot, generation: key.generation)
    }

    // MARK: Requests

    private mutating func request(_ key: StreamKey, _ head: RequestHead, _ isEnd: Bool) {
        if let refusal = self.refusal(head) {
            self.http2.sendOnlyTrailers(key, ResponseBlocks.only(refusal.status, http: refusal.http))
            return
        }
        guard let route = head.route else { preconditionFailure("a call of no method is refused") }
        let slot = Int(key.slot)
        while self.calls.count <= slot { self.calls.append(RPCCall()) }
        // None is under way here: what ends a stream ends its call first.
        self.ended(StreamKey(slot: key.slot, generation: self.calls[slot].generation), .cancelled)
        self.calls[slot].generation = key.generation
        self.calls[slot].route = route
        self.calls[slot].head = head
        self.calls[slot].isRemoteEnded = isEnd
        self.counter.starts(route)
        if case .after(let time) = head.timeout { self.calls[slot].deadline = self.http2.now + time }
        switch self.methods.handlers[route] {
        case .unary:
            self.calls[slot].phase = .collecting
            if isEnd { self.missingMessage(slot, key) }
        case .serverStream(let factory), .bidirectional(let factory):
            let call = StreamCall(context: self.context(slot, key), marks: self.limits)
            self.calls[slot].phase = .streaming
            self.calls[slot].stream = call
            self.http2.reportDraining(key)
            self.calls[slot].handler = factory(call)
            self.hasDispatched = true
            if isEnd { self.remoteEnded(slot, key) }
        }
    }

    /// What a request is told that no handler sees, in grpc-go's words.
    private func refusal(_ head: RequestHead) -> (status: GRPCStatus, http: Int)? {
        guard head.method == "POST" else {
            let message = "http2Server.operateHeaders parsed a :method field: \(head.method) which should be POST"
            return (GRPCStatus(.internal, message), 405)
        }
        guard head.isGRPC else {
            let type = quoted(head.contentType ?? "")
            return (GRPCStatus(.invalidArgument, "invalid gRPC request content-type \(type)"), 415)
        }
        if case .malformed(let text) = head.timeout {
            return (GRPCStatus(.internal, "malformed grpc-timeout: \(quoted(text))"), 400)
        }
        guard head.route != nil else { return (self.methods.refusal(of: head.path), 200) }
        if let encoding = head.encoding {
            let message = "grpc: Decompressor is not installed for grpc-encoding \(quoted(encoding))"
            return (GRPCStatus(.unimplemented, message), 200)
        }
        return nil
    }

    func context(_ slot: Int, _ key: StreamKey) -> CallContext {
        guard let head = self.calls[slot].head else { preconditionFailure("a call has a header") }
        return CallContext(
            id: self.id(key), deadline: self.calls[slot].deadline, metadata: Metadata(head.headers), peer: self.peer)
    }

    /// The client has ended its side before the message.
    private mutating func missingMessage(_ slot: Int, _ key: StreamKey) {
        let isCut = self.calls[slot].partial.readableBytes > 0
        self.finish(slot, key, GRPCStatus(.unknown, isCut ? "unexpected EOF" : "EOF"))
    }

    // MARK: Messages

    private mutating func data(_ key: StreamKey, _ bytes: ByteBuffer, _ isEnd: Bool) {
        guard let slot = self.slot(key) else {
            self.http2.consumed(key, bytes.readableBytes)
            return
        }
        if isEnd { self.calls[slot].isRemoteEnded = true }
        if self.calls[slot].phase == .answering {
            // A second message of a unary call.
            self.http2.consumed(key, bytes.readableBytes)
            return
        }
        if self.calls[slot].partial.readableBytes == 0 && !self.calls[slot].isHeld {
            self.messages(slot, key, bytes, isOurs: false)
            return
        }
        if self.calls[slot].reserved > 0 {
            self.calls[slot].credited += bytes.readableBytes
            self.http2.consumed(key, bytes.readableBytes)
        }
        self.calls[slot].partial.writeImmutableBuffer(bytes)
        self.resumeMessages(slot, key)
    }

    /// Goes on with what has been held back.
    mutating func resumeMessages(_ slot: Int, _ key: StreamKey) {
        guard !self.calls[slot].isHeld else { return }
        let bytes = self.calls[slot].partial
        self.calls[slot].partial = ByteBuffer()
        self.messages(slot, key, bytes, isOurs: true)
    }

    /// Hands on every message that is whole, and keeps the rest.
    /// - Parameter isOurs: Whether the bytes are those that were kept, and not part of what was read.
    private mutating func messages(_ slot: Int, _ key: StreamKey, _ bytes: ByteBuffer, isOurs: Bool) {
        var bytes = bytes
        do throws(GRPCStatus) {
            while !self.calls[slot].isHeld, let message = try MessageReader.next(&bytes, limit: self.limits.maxMessageSize) {
                self.release(slot, key, MessageReader.prefixSize + message.readableBytes)
                self.deliver(slot, key, message)
                guard self.slot(key) != nil, self.calls[slot].phase == .streaming else {
                    self.http2.consumed(key, bytes.readableBytes)
                    return
                }
            }
            if bytes.readableBytes > 0 { try self.keep(slot, key, bytes, isOurs: isOurs) }
        } catch {
            self.finish(slot, key, error)
            return
        }
        if self.calls[slot].isRemoteEnded { self.remoteEnded(slot, key) }
    }

    /// A message has been taken from what was kept: its bytes are given back, and its share of the budget.
    private mutating func release(_ slot: Int, _ key: StreamKey, _ count: Int) {
        let ahead = min(self.calls[slot].credited, count)
        self.calls[slot].credited -= ahead
        self.http2.consumed(key, count - ahead)
        self.releaseBudget(slot)
    }

    private mutating func deliver(_ slot: Int, _ key: StreamKey, _ message: ByteBuffer) {
        self.hasDispatched = true
        self.counter.receives(self.calls[slot].route)
        if let handler = self.calls[slot].handler {
            if handler.received(message.readableBytesSpan) == .hold { self.calls[slot].isHeld = true }
            return
        }
        guard case .unary(let handler) = self.methods.handlers[self.calls[slot].route] else {
            preconditionFailure("a streaming call has a handler")
        }
        self.calls[slot].phase = .answering
        switch handler(message.readableBytesSpan, self.context(slot, key)) {
        case .deferred: break
        case .message(let bytes): self.reply(slot, key, ByteBuffer(bytes: bytes))
        case .buffer(let bytes): self.reply(slot, key, bytes)
        case .failure(let status): self.finish(slot, key, status)
        }
    }

    /// Keeps the beginning of a message, and sees to it that the client can send the rest.
    private mutating func keep(_ slot: Int, _ key: StreamKey, _ bytes: ByteBuffer, isOurs: Bool) throws(GRPCStatus) {
        let (length, count) = (try MessageReader.length(bytes, limit: self.limits.maxMessageSize) ?? 0, bytes.readableBytes)
        if isOurs {
            self.calls[slot].partial = bytes
            self.calls[slot].partial.discardReadBytes()
        } else {
            self.calls[slot].partial = ByteBuffer(bytes: bytes.readableBytesView)
        }
        guard !self.calls[slot].isHeld else { return }
        let size = MessageReader.prefixSize + length
        if size <= self.limits.streamWindow {
            self.http2.expect(key, size - count)
        } else if self.calls[slot].reserved == 0, self.budget.reserve(size, for: key) {
            self.calls[slot].reserved = size
            self.calls[slot].credited = count
            self.http2.consumed(key, count)
        }
    }

    /// The client sends no more.
    private mutating func remoteEnded(_ slot: Int, _ key: StreamKey) {
        guard self.calls[slot].phase == .streaming else {
            if self.calls[slot].phase == .collecting { self.missingMessage(slot, key) }
            return
        }
        guard !self.calls[slot].isHeld else { return }
        guard self.calls[slot].partial.readableBytes == 0 else {
            return self.finish(slot, key, GRPCStatus(.internal, "unexpected EOF"), .cancelled)
        }
        self.calls[slot].handler?.receivedEnd()
    }
}
