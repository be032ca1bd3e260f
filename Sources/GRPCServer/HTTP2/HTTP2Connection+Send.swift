internal import NIOCore

extension HTTP2Connection {
    /// Bodies up to this size are put together; a larger one is kept as it came.
    private static let copyLimit = 16 << 10
    /// What an answer pays for of the client's control frames: it acknowledges, measures and opens windows.
    private static let permitsPerAnswer: Int64 = 4

    /// Sends on a stream, at once or when the windows allow it. Ignored when the stream has ended.
    /// - Parameters:
    ///   - head: A header block to send before all else.
    ///   - lead: Bytes before the body: one, and then four.
    ///   - trailers: The header block that ends the stream.
    mutating func send(
        _ key: StreamKey, head: [UInt8]? = nil, lead: (UInt8, UInt32)? = nil, body: ByteBuffer? = nil, trailers: [UInt8]? = nil
    ) {
        guard self.failure == nil, let slot = self.streams.slot(key), !self.streams[slot].isEnding else { return }
        let id = self.streams[slot].id
        self.control.give(Self.permitsPerAnswer)
        self.pingPolicy.sent()
        if let head { self.output.writeHeaders(head, stream: id, endStream: false, maxFrameSize: self.peerMaxFrame) }
        if let body { self.write(slot, id, lead, body) }
        guard let trailers else { return }
        self.streams[slot].isEnding = true
        if self.streams[slot].queued == 0 {
            self.finish(slot, trailers)
        } else {
            self.streams[slot].trailers = trailers
        }
    }

    /// Ends a stream with nothing but a header block.
    mutating func sendOnlyTrailers(_ key: StreamKey, _ block: [UInt8]) {
        self.send(key, trailers: block)
    }

    /// Ends a stream abruptly, by our own will.
    mutating func reset(_ key: StreamKey, _ code: HTTP2ErrorCode) {
        guard self.failure == nil, let slot = self.streams.slot(key) else { return }
        self.output.writeReset(self.streams[slot].id, code)
        self.close(slot, byUs: true)
    }

    /// Bytes that wait on a stream.
    func queued(_ key: StreamKey) -> Int {
        self.streams.slot(key).map { self.streams[$0].queued } ?? 0
    }

    /// Reports from now on when less waits on a stream.
    mutating func reportDraining(_ key: StreamKey) {
        if let slot = self.streams.slot(key) { self.streams[slot].reportsDraining = true }
    }

    private mutating func write(_ slot: Int, _ id: UInt32, _ lead: (UInt8, UInt32)?, _ body: ByteBuffer) {
        let total = body.readableBytes + (lead == nil ? 0 : 5)
        guard total > 0 else { return }
        if self.streams[slot].queued == 0, total <= self.streams[slot].sendWindow, total <= self.sendWindow,
            total <= self.peerMaxFrame, self.output.readableBytes < self.limits.outputMark
        {
            self.streams[slot].sendWindow -= total
            self.sendWindow -= total
            self.output.writeFrameHeader(.data, [], stream: id, length: total)
            Self.append(lead, to: &self.output)
            self.output.writeImmutableBuffer(body)
            return
        }
        self.enqueue(slot, lead, body)
        self.streams[slot].queued += total
        self.queued += total
        self.makeReady(slot)
        self.pump()
    }

    private static func append(_ lead: (UInt8, UInt32)?, to buffer: inout ByteBuffer) {
        guard let lead else { return }
        buffer.writeMultipleIntegers(lead.0, lead.1)
    }

    /// Small bodies share a buffer, so that a long queue is made of few.
    private mutating func enqueue(_ slot: Int, _ lead: (UInt8, UInt32)?, _ body: ByteBuffer) {
        let last = self.streams[slot].queue.count - 1
        let isLarge = body.readableBytes > Self.copyLimit
        if last >= 0, self.streams[slot].isTailOurs, self.streams[slot].queue[last].readableBytes < 2 * Self.copyLimit {
            Self.append(lead, to: &self.streams[slot].queue[last])
            if !isLarge { self.streams[slot].queue[last].writeImmutableBuffer(body) }
        } else {
            var tail = ByteBuffer()
            tail.reserveCapacity(5 + (isLarge ? 0 : body.readableBytes))
            Self.append(lead, to: &tail)
            if !isLarge { tail.writeImmutableBuffer(body) }
            if tail.readableBytes > 0 { self.streams[slot].queue.append(tail) }
            self.streams[slot].isTailOurs = true
        }
        if isLarge {
            self.streams[slot].queue.append(body)
            self.streams[slot].isTailOurs = false
        }
    }

    mutating func makeReady(_ slot: Int) {
        guard self.streams[slot].queued > 0, self.streams[slot].sendWindow > 0, !self.streams[slot].isInReadyQueue else {
            return
        }
        self.streams[slot].isInReadyQueue = true
        self.ready.append(self.streams.key(slot))
        // Those that ended while they waited are forgotten before they pile up.
        if self.ready.count - self.readyHead > 2 * self.streams.slots.count + 64 {
            self.ready = self.ready[self.readyHead...].filter { self.streams.slot($0) != nil }
            self.readyHead = 0
        }
    }

    /// Sends what waits, a frame from each stream in turn, as far as the windows and the output's mark allow.
    mutating func pump() {
        guard self.failure == nil else { return }
        while self.readyHead < self.ready.count, self.sendWindow > 0, self.output.readableBytes < self.limits.outputMark {
            let key = self.ready[self.readyHead]
            self.readyHead += 1
            guard let slot = self.streams.slot(key) else { continue }
            self.streams[slot].isInReadyQueue = false
            self.writeFrame(slot)
            if self.streams[slot].reportsDraining { self.pending.append(.drained(key)) }
            if self.streams[slot].queued == 0, let trailers = self.streams[slot].trailers {
                self.finish(slot, trailers)
            } else {
                self.makeReady(slot)
            }
        }
        if self.readyHead == self.ready.count {
            self.ready.removeAll(keepingCapacity: true)
            self.readyHead = 0
        } else if self.readyHead > 1024 {
            self.ready.removeFirst(self.readyHead)
            self.readyHead = 0
        }
    }

    private mutating func writeFrame(_ slot: Int) {
        var left = min(self.streams[slot].queued, self.streams[slot].sendWindow, self.sendWindow, self.peerMaxFrame)
        guard left > 0 else { return }
        self.output.writeFrameHeader(.data, [], stream: self.streams[slot].id, length: left)
        self.streams[slot].queued -= left
        self.queued -= left
        self.streams[slot].sendWindow -= left
        self.sendWindow -= left
        // A frame of some size is work worth a window update or two; many tiny ones are the client's doing.
        if left >= 1024 { self.control.give(Self.permitsPerAnswer) }
        while left > 0 {
            let count = min(left, self.streams[slot].queue[0].readableBytes)
            if var part = self.streams[slot].queue[0].readSlice(length: count) { self.output.writeBuffer(&part) }
            left -= count
            if self.streams[slot].queue[0].readableBytes == 0 {
                self.streams[slot].queue.removeFirst()
                if self.streams[slot].queue.isEmpty { self.streams[slot].isTailOurs = false }
            }
        }
    }

    /// The header block that ends the stream; a client that has not ended its side is told that it need not go on.
    private mutating func finish(_ slot: Int, _ trailers: [UInt8]) {
        let id = self.streams[slot].id
        self.output.writeHeaders(trailers, stream: id, endStream: true, maxFrameSize: self.peerMaxFrame)
        let isRemoteClosed = self.streams[slot].isRemoteClosed
        if !isRemoteClosed { self.output.writeReset(id, .noError) }
        self.close(slot, byUs: !isRemoteClosed)
    }
}
