internal import NIOCore

extension HTTP2Connection {
    mutating func data(_ header: Frame.Header, _ payload: ByteBuffer) throws(HTTP2Error) -> Event? {
        guard header.stream != 0 else { throw HTTP2Error(.protocolError, "DATA on stream 0") }
        guard header.stream <= self.lastStream, header.stream % 2 == 1 else {
            throw HTTP2Error(.protocolError, "DATA on stream \(header.stream), which is idle")
        }
        // The whole payload counts, padding included, also on a stream that is gone.
        self.receiveWindow -= header.length
        guard self.receiveWindow >= 0 else { throw HTTP2Error(.flowControlError, "more DATA than the connection's window") }
        self.creditConnection(header.length)
        let payload = try Self.unpadded(header, payload)
        guard let slot = self.streams.find(header.stream) else {
            try self.spendControl("frames on closed streams")
            if self.recent.wasByUs(header.stream) != true { try self.refuse(header.stream, .streamClosed) }
            return nil
        }
        guard !self.streams[slot].isRemoteClosed else { return try self.streamError(slot, .streamClosed) }
        self.streams[slot].receiveWindow -= header.length
        guard self.streams[slot].receiveWindow >= 0 else { return try self.streamError(slot, .flowControlError) }
        let isEnd = header.flags.contains(.endStream)
        if let left = self.streams[slot].contentLeft {
            self.streams[slot].contentLeft = left - payload.readableBytes
            guard left >= payload.readableBytes, !isEnd || left == payload.readableBytes else {
                return try self.streamError(slot, .protocolError)
            }
        }
        let key = self.streams.key(slot)
        if isEnd {
            self.streams[slot].isRemoteClosed = true
            return .data(key, payload, isEnd: true)
        }
        self.consumed(key, header.length - payload.readableBytes)
        guard payload.readableBytes > 0 else {
            try self.spendControl("empty DATA frames")
            return nil
        }
        return .data(key, payload, isEnd: false)
    }

    /// The connection's window is given back at once, so that one stream that waits does not hold up the others.
    private mutating func creditConnection(_ count: Int) {
        self.uncredited += count
        guard self.uncredited >= max(self.limits.connectionWindow, Frame.defaultWindow) / 2 else { return }
        self.output.writeWindowUpdate(0, self.uncredited)
        self.receiveWindow += self.uncredited
        self.uncredited = 0
    }

    /// So many bytes of a stream are done with: the peer may send as many more.
    mutating func consumed(_ key: StreamKey, _ count: Int) {
        guard count > 0, let slot = self.streams.slot(key), !self.streams[slot].isRemoteClosed else { return }
        self.streams[slot].uncredited += count
        if self.streams[slot].uncredited >= self.limits.streamWindow / 2 { self.credit(slot) }
    }

    /// Makes sure that the peer can send so many bytes more, as far as consumed ones are to be given back.
    mutating func expect(_ key: StreamKey, _ count: Int) {
        guard let slot = self.streams.slot(key), !self.streams[slot].isRemoteClosed,
            self.streams[slot].receiveWindow < count
        else { return }
        self.credit(slot)
    }

    private mutating func credit(_ slot: Int) {
        let count = self.streams[slot].uncredited
        guard count > 0 else { return }
        self.output.writeWindowUpdate(self.streams[slot].id, count)
        self.streams[slot].receiveWindow += count
        self.streams[slot].uncredited = 0
    }

    mutating func windowUpdate(_ header: Frame.Header, _ payload: ByteBuffer) throws(HTTP2Error) -> Event? {
        guard header.length == 4, let word = payload.getInteger(at: payload.readerIndex, as: UInt32.self) else {
            throw HTTP2Error(.frameSizeError, "WINDOW_UPDATE of \(header.length) bytes")
        }
        try self.spendControl("WINDOW_UPDATE frames")
        let increment = Int(word & 0x7FFF_FFFF)
        guard header.stream != 0 else {
            guard increment > 0 else { throw HTTP2Error(.protocolError, "WINDOW_UPDATE of 0") }
            self.sendWindow += increment
            guard self.sendWindow <= Frame.maxWindow else { throw HTTP2Error(.flowControlError, "window too large") }
            self.pump()
            return nil
        }
        guard header.stream <= self.lastStream, header.stream % 2 == 1 else {
            throw HTTP2Error(.protocolError, "WINDOW_UPDATE on stream \(header.stream), which is idle")
        }
        guard let slot = self.streams.find(header.stream) else { return nil }
        guard increment > 0 else { return try self.streamError(slot, .protocolError) }
        self.streams[slot].sendWindow += increment
        guard self.streams[slot].sendWindow <= Frame.maxWindow else { return try self.streamError(slot, .flowControlError) }
        self.makeReady(slot)
        self.pump()
        return nil
    }
}
