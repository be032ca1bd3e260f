internal import NIOCore

extension RPCConnection {
    /// Carries out what a thread put into a batch.
    mutating func answer(_ entry: ReplyBatch.Entry, _ arena: ByteBuffer) {
        let key = StreamKey(slot: entry.call.slot, generation: entry.call.generation)
        guard let slot = self.slot(key) else {
            if case .message(let stream) = entry.kind { stream.arrived(entry.count) }
            return
        }
        switch entry.kind {
        case .reply:
            guard self.calls[slot].phase == .answering else { return }
            self.reply(slot, key, Self.body(entry, arena))
        case .message(let stream):
            stream.arrived(entry.count)
            self.message(slot, key, Self.body(entry, arena))
        case .finish(let status): self.finish(slot, key, status)
        case .resume:
            guard self.calls[slot].isHeld else { return }
            self.calls[slot].isHeld = false
            self.resumeMessages(slot, key)
        }
        if self.http2.hasPending { self.work() }
    }

    /// An answer's bytes. One that may wait for its reader does not keep the whole batch with it.
    private static func body(_ entry: ReplyBatch.Entry, _ arena: ByteBuffer) -> ByteBuffer {
        let body = arena.getSlice(at: entry.start, length: entry.count) ?? ByteBuffer()
        let isSmallPart = entry.count > Frame.defaultMaxSize && entry.count < arena.capacity / 2
        return isSmallPart ? ByteBuffer(bytes: body.readableBytesView) : body
    }

    /// A unary call's reply, and its end.
    mutating func reply(_ slot: Int, _ key: StreamKey, _ body: ByteBuffer) {
        guard let length = UInt32(exactly: body.readableBytes) else { return self.finish(slot, key, Self.tooLarge(body)) }
        self.counter.sends(self.calls[slot].route)
        self.counter.ends(self.calls[slot].route, .ok)
        self.forget(slot, key)
        self.http2.send(key, head: ResponseBlocks.head, lead: (0, length), body: body, trailers: ResponseBlocks.ok)
    }

    /// A message on a stream.
    private mutating func message(_ slot: Int, _ key: StreamKey, _ body: ByteBuffer) {
        guard self.calls[slot].phase == .streaming else { return }
        guard let length = UInt32(exactly: body.readableBytes) else { return self.finish(slot, key, Self.tooLarge(body)) }
        let head = self.calls[slot].hasSentHead ? nil : ResponseBlocks.head
        self.calls[slot].hasSentHead = true
        self.counter.sends(self.calls[slot].route)
        self.http2.send(key, head: head, lead: (0, length), body: body)
        guard self.http2.queued(key) <= self.limits.streamLimit else {
            self.http2.reset(key, .enhanceYourCalm)
            return self.ended(key, .overrun)
        }
        self.progressed(key)
    }

    private static func tooLarge(_ body: ByteBuffer) -> GRPCStatus {
        let message = "grpc: trying to send message larger than max (\(body.readableBytes) vs. \(UInt32.max))"
        return GRPCStatus(.resourceExhausted, message)
    }

    /// Ends a call with a status.
    mutating func finish(_ slot: Int, _ key: StreamKey, _ status: GRPCStatus, _ end: StreamEnd = .finished) {
        let block = self.calls[slot].hasSentHead ? ResponseBlocks.trailers(status) : ResponseBlocks.only(status)
        let handler = self.calls[slot].handler
        self.counter.ends(self.calls[slot].route, status.code)
        self.forget(slot, key)
        self.http2.send(key, trailers: block)
        handler?.closed(end)
    }

    /// Less waits on a stream than before.
    mutating func progressed(_ key: StreamKey) {
        guard let slot = self.slot(key), let stream = self.calls[slot].stream else { return }
        if stream.waiting(self.http2.queued(key)) { self.calls[slot].handler?.becameWritable() }
    }

    /// A call has ended without its handler.
    mutating func ended(_ key: StreamKey, _ end: StreamEnd) {
        guard let slot = self.slot(key) else { return }
        let (phase, handler) = (self.calls[slot].phase, self.calls[slot].handler)
        self.counter.ends(self.calls[slot].route, end == .disconnected ? .unavailable : .cancelled)
        self.forget(slot, key)
        handler?.closed(end)
        if phase == .answering { self.methods.unaryCancelled?(self.id(key)) }
    }

    private mutating func forget(_ slot: Int, _ key: StreamKey) {
        self.budget.forget(key)
        self.releaseBudget(slot)
        self.calls[slot] = RPCCall()
        self.calls[slot].generation = key.generation
    }

    /// A large request is done with: others may have its share.
    mutating func releaseBudget(_ slot: Int) {
        let size = self.calls[slot].reserved
        guard size > 0 else { return }
        self.calls[slot].reserved = 0
        for key in self.budget.release(size) {
            guard let waiting = self.slot(key), !self.calls[waiting].isHeld else { continue }
            self.resumeMessages(waiting, key)
        }
    }
}
