internal import NIOCore

extension HTTP2Connection {
    /// CONTINUATION frames of one block: more than the largest block needs.
    private static let maxContinuations = 16

    mutating func headers(_ header: Frame.Header, _ payload: ByteBuffer) throws(HTTP2Error) -> Event? {
        guard header.stream % 2 == 1 else {
            throw HTTP2Error(.protocolError, "HEADERS on stream \(header.stream)")
        }
        var payload = try Self.unpadded(header, payload)
        if header.flags.contains(.priority) {
            guard payload.readableBytes >= 5 else { throw HTTP2Error(.frameSizeError, "HEADERS with no room for its priority") }
            payload.moveReaderIndex(forwardBy: 5)
        }
        let isEnd = header.flags.contains(.endStream)
        if header.flags.contains(.endHeaders) { return try self.headerBlock(header.stream, isEnd, payload) }
        self.block = OpenBlock(stream: header.stream, isEnd: isEnd, bytes: ByteBuffer(bytes: payload.readableBytesView))
        return nil
    }

    mutating func continuation(_ header: Frame.Header, _ payload: ByteBuffer) throws(HTTP2Error) -> Event? {
        guard var block = self.block else { throw HTTP2Error(.protocolError, "CONTINUATION of nothing") }
        self.block = nil
        block.frames += 1
        guard block.frames <= Self.maxContinuations + 1, payload.readableBytes > 0 || header.flags.contains(.endHeaders),
            block.bytes.readableBytes + payload.readableBytes <= self.limits.maxHeaderListSize
        else { throw HTTP2Error(.enhanceYourCalm, "header block of \(block.frames) frames") }
        var payload = payload
        block.bytes.writeBuffer(&payload)
        if header.flags.contains(.endHeaders) { return try self.headerBlock(block.stream, block.isEnd, block.bytes) }
        self.block = block
        return nil
    }

    /// A whole header block. It is decoded whatever becomes of its stream: the next one builds on it.
    private mutating func headerBlock(_ stream: UInt32, _ isEnd: Bool, _ block: ByteBuffer) throws(HTTP2Error) -> Event? {
        if let slot = self.streams.find(stream) { return try self.trailers(slot, isEnd, block) }
        guard stream > self.lastStream else {
            _ = try self.decoder.trailers(block)
            switch self.recent.wasByUs(stream) {
            case true?:
                try self.spendControl("frames on closed streams")
                return nil
            case false?: throw HTTP2Error(.streamClosed, "HEADERS on stream \(stream), which is closed")
            case nil: throw HTTP2Error(.protocolError, "HEADERS on stream \(stream) after stream \(self.lastStream)")
            }
        }
        self.lastStream = stream
        let result = try self.decoder.request(block)
        if case .final = self.draining {
            try self.refuse(stream, .refusedStream)
            return nil
        }
        guard self.streams.count < self.limits.maxConcurrentStreams, self.queued <= self.limits.maxQueuedBytes else {
            try self.refuse(stream, .refusedStream)
            return nil
        }
        guard case .success(let head) = result, !isEnd || (head.contentLength ?? 0) == 0 else {
            try self.refuse(stream, .protocolError)
            return nil
        }
        let slot = self.streams.open(stream, sendWindow: self.peerInitialWindow, receiveWindow: self.limits.streamWindow)
        self.streams[slot].isRemoteClosed = isEnd
        self.streams[slot].contentLeft = head.contentLength
        return .request(self.streams.key(slot), head, isEnd: isEnd)
    }

    private mutating func trailers(_ slot: Int, _ isEnd: Bool, _ block: ByteBuffer) throws(HTTP2Error) -> Event? {
        let result = try self.decoder.trailers(block)
        guard !self.streams[slot].isRemoteClosed else { return try self.streamError(slot, .streamClosed) }
        guard isEnd, case .success = result, (self.streams[slot].contentLeft ?? 0) == 0 else {
            return try self.streamError(slot, .protocolError)
        }
        self.streams[slot].isRemoteClosed = true
        return .data(self.streams.key(slot), ByteBuffer(), isEnd: true)
    }
}
