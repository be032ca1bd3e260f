internal import NIOCore

/// The server's side of one HTTP/2 connection (RFC 9113): bytes go in, events and bytes come out.
///
/// It holds no socket and reads no clock. Whoever drives it
/// - gives it what was read (``received(_:at:)``) and asks for events until there are none (``next()``);
/// - answers on streams (``send(_:head:lead:body:trailers:)``, ``reset(_:_:)``);
/// - takes ``output`` whenever the socket can take more, and then calls ``pump()``;
/// - calls ``tick(_:)`` about once a second;
/// - closes the connection, once ``output`` is written, when ``isFinished``.
///
/// A connection goes from waiting for the client's preface, and then for its settings, to open; from there to draining,
/// when we or the client want no more streams; it ends drained, or failed with what was sent in GOAWAY. A stream is open
/// until both sides have ended it: what the peer has ended is `isRemoteClosed`, and when our side ends, the stream is closed
/// and its slot is free, whether or not the peer has ended.
///
/// What the peer does wrong never traps: it ends the stream or the connection with the code of RFC 9113. What it does too
/// much of ends the connection with ENHANCE_YOUR_CALM.
struct HTTP2Connection {
    enum Event {
        /// A new stream. With `isEnd` nothing follows on it.
        case request(StreamKey, RequestHead, isEnd: Bool)
        /// Part of a request's body. The receiver says when it has consumed it (``consumed(_:_:)``).
        case data(StreamKey, ByteBuffer, isEnd: Bool)
        /// The stream is over, by the peer's will or fault.
        case reset(StreamKey, HTTP2ErrorCode)
        /// What waits on a stream that reports its draining has become less.
        case drained(StreamKey)
    }

    /// The part of a header block that has come.
    struct OpenBlock {
        var stream: UInt32
        var isEnd: Bool
        var bytes: ByteBuffer
        var frames = 1
    }

    enum Draining {
        case no
        /// GOAWAY is sent without a limit; streams that are on their way are still served.
        case announced(at: NIODeadline)
        /// No stream after this one is served.
        case final(lastStream: UInt32)
    }

    let limits: GRPCServerConfiguration.Limits
    let keepalive: GRPCServerConfiguration.Keepalive
    /// What is to be sent.
    var output: ByteBuffer
    var streams = StreamTable()
    var decoder: HeaderDecoder

    // Receiving.
    var input = ByteBuffer()
    var isInputOurs = false
    var pending: [Event] = []
    var hasPreface = false
    var hasSettings = false
    var block: OpenBlock?
    /// The highest stream that the peer has opened.
    var lastStream: UInt32 = 0
    var recent = RecentStreams()
    /// What the peer may send on the whole connection, and what it has not been told of.
    var receiveWindow: Int
    var uncredited = 0

    // Sending.
    var sendWindow = Frame.defaultWindow
    var peerInitialWindow = Frame.defaultWindow
    var peerMaxFrame = Frame.defaultMaxSize
    /// Bytes that wait on all streams.
    var queued = 0
    /// Streams with something to send and a window to send it in.
    var ready: [StreamKey] = []
    var readyHead = 0

    // Times and limits.
    var now: NIODeadline
    let startedAt: NIODeadline
    var lastReceivedAt: NIODeadline
    var pingSentAt: NIODeadline?
    var control: RateLimit
    var resets: RateLimit
    var pingPolicy: PingPolicy
    var draining = Draining.no
    /// What ended the connection.
    private(set) var failure: HTTP2Error?

    /// - Parameter routes: The number of each path that is served.
    init(configuration: GRPCServerConfiguration, routes: [String: Int], now: NIODeadline) {
        let limits = configuration.limits
        self.limits = limits
        self.keepalive = configuration.keepalive
        self.now = now
        (self.startedAt, self.lastReceivedAt) = (now, now)
        self.control = RateLimit(burst: limits.controlBurst, perSecond: limits.controlPerSecond, now: now)
        self.resets = RateLimit(burst: limits.resetBurst, perSecond: limits.resetsPerSecond, now: now)
        self.pingPolicy = PingPolicy(configuration.keepalive)
        self.decoder = HeaderDecoder(routes: routes, maxListSize: limits.maxHeaderListSize, maxFields: limits.maxHeaderFields)
        self.receiveWindow = max(limits.connectionWindow, Frame.defaultWindow)
        self.output = ByteBuffer()
        self.output.reserveCapacity(4096)
        self.output.writeSettings([
            (.maxConcurrentStreams, limits.maxConcurrentStreams), (.initialWindowSize, limits.streamWindow),
            (.maxHeaderListSize, limits.maxHeaderListSize),
        ])
        if self.receiveWindow > Frame.defaultWindow {
            self.output.writeWindowUpdate(0, self.receiveWindow - Frame.defaultWindow)
        }
    }

    /// Nothing more is read or sent but what stands in ``output``; then the connection is to be closed.
    var isFinished: Bool {
        if self.failure != nil { return true }
        if case .final = self.draining { return self.streams.count == 0 }
        return false
    }

    /// Whether ``next()`` has something to tell though nothing came.
    var hasPending: Bool { !self.pending.isEmpty || self.failure != nil }

    /// Bytes came. ``next()`` tells what they say.
    mutating func received(_ bytes: ByteBuffer, at now: NIODeadline) {
        self.now = now
        self.lastReceivedAt = now
        self.pingSentAt = nil
        if self.input.readableBytes == 0 {
            self.input = bytes
            self.isInputOurs = false
        } else {
            var bytes = bytes
            self.input.writeBuffer(&bytes)
        }
    }

    /// The next thing that has happened; nil when more bytes are needed.
    mutating func next() -> Event? {
        if !self.pending.isEmpty { return self.pending.removeFirst() }
        guard self.failure == nil else { return nil }
        do throws(HTTP2Error) {
            guard try self.readPreface() else { return nil }
            while let header = Frame.Header(self.input) {
                guard header.length <= Frame.defaultMaxSize else {
                    throw HTTP2Error(.frameSizeError, "frame of \(header.length) bytes")
                }
                guard self.input.readableBytes >= Frame.headerSize + header.length else { break }
                self.input.moveReaderIndex(forwardBy: Frame.headerSize)
                guard let payload = self.input.readSlice(length: header.length) else { break }
                if let event = try self.frame(header, payload) { return event }
                if !self.pending.isEmpty { return self.pending.removeFirst() }
            }
        } catch {
            self.fail(error)
            return nil
        }
        self.keepRest()
        return nil
    }

    /// Ends the connection with GOAWAY.
    mutating func fail(_ error: HTTP2Error) {
        guard self.failure == nil else { return }
        self.failure = error
        self.input = ByteBuffer()
        self.block = nil
        self.output.writeGoAway(lastStream: self.lastStream, error.code, error.reason)
    }

    private mutating func readPreface() throws(HTTP2Error) -> Bool {
        guard !self.hasPreface else { return true }
        let came = self.input.readableBytesView.prefix(Frame.preface.count)
        guard came.elementsEqual(Frame.preface.prefix(came.count)) else {
            throw HTTP2Error(.protocolError, "not HTTP/2's preface")
        }
        guard came.count == Frame.preface.count else {
            self.keepRest()
            return false
        }
        self.input.moveReaderIndex(forwardBy: came.count)
        self.hasPreface = true
        return true
    }

    /// Holds what is left of a frame in a buffer of its own, so that a few bytes do not keep a large one.
    private mutating func keepRest() {
        if self.input.readableBytes == 0 {
            self.input = ByteBuffer()
        } else if !self.isInputOurs {
            var own = ByteBuffer()
            own.reserveCapacity(Frame.headerSize + (Frame.Header(self.input)?.length ?? Frame.defaultMaxSize))
            own.writeBuffer(&self.input)
            self.input = own
            self.isInputOurs = true
        } else {
            self.input.discardReadBytes()
        }
    }

    private mutating func frame(_ header: Frame.Header, _ payload: ByteBuffer) throws(HTTP2Error) -> Event? {
        let kind = Frame.Kind(rawValue: header.type)
        if !self.hasSettings {
            guard kind == .settings, !header.flags.contains(.ack) else {
                throw HTTP2Error(.protocolError, "the first frame is not SETTINGS")
            }
            self.hasSettings = true
        }
        if let block = self.block, kind != .continuation || block.stream != header.stream {
            throw HTTP2Error(.protocolError, "a frame in the midst of a header block")
        }
        switch kind {
        case .data: return try self.data(header, payload)
        case .headers: return try self.headers(header, payload)
        case .continuation: return try self.continuation(header, payload)
        case .priority: try self.priority(header)
        case .rstStream: return try self.rstStream(header, payload)
        case .settings: try self.settings(header, payload)
        case .pushPromise: throw HTTP2Error(.protocolError, "PUSH_PROMISE from a client")
        case .ping: try self.ping(header, payload)
        case .goAway: try self.goAway(header)
        case .windowUpdate: return try self.windowUpdate(header, payload)
        case nil: try self.spendControl("unknown frames")
        }
        return nil
    }

    /// Counts a frame that costs work and carries nothing.
    mutating func spendControl(_ what: String) throws(HTTP2Error) {
        guard self.control.take(at: self.now) else { throw HTTP2Error(.enhanceYourCalm, "too many \(what)") }
        guard self.output.readableBytes <= self.limits.outputMark + self.limits.maxControlBacklog else {
            throw HTTP2Error(.enhanceYourCalm, "\(what) whose answers are not read")
        }
    }

    /// Ends a stream that the peer broke the protocol on, and tells whoever serves it.
    mutating func streamError(_ slot: Int, _ code: HTTP2ErrorCode) throws(HTTP2Error) -> Event {
        guard self.resets.take(at: self.now) else { throw HTTP2Error(.enhanceYourCalm, "too many broken streams") }
        let key = self.streams.key(slot)
        self.output.writeReset(self.streams[slot].id, code)
        self.close(slot, byUs: true)
        return .reset(key, code)
    }

    /// Forgets a stream, and what was still to be sent on it.
    /// - Parameter byUs: Whether the peer may not know yet that it is closed.
    mutating func close(_ slot: Int, byUs: Bool) {
        self.recent.insert(self.streams[slot].id, byUs: byUs)
        self.queued -= self.streams[slot].queued
        self.streams.close(slot)
    }

    /// Refuses a stream that is not open.
    mutating func refuse(_ stream: UInt32, _ code: HTTP2ErrorCode) throws(HTTP2Error) {
        guard self.resets.take(at: self.now) else { throw HTTP2Error(.enhanceYourCalm, "too many refused streams") }
        self.output.writeReset(stream, code)
        self.recent.insert(stream, byUs: true)
    }

    /// The payload without its padding (RFC 9113, 6.1).
    static func unpadded(_ header: Frame.Header, _ payload: ByteBuffer) throws(HTTP2Error) -> ByteBuffer {
        guard header.flags.contains(.padded) else { return payload }
        var payload = payload
        guard let padding = payload.readInteger(as: UInt8.self) else {
            throw HTTP2Error(.frameSizeError, "padded frame with no room for the padding's length")
        }
        guard Int(padding) <= payload.readableBytes else {
            throw HTTP2Error(.protocolError, "padding longer than the frame")
        }
        return payload.getSlice(at: payload.readerIndex, length: payload.readableBytes - Int(padding)) ?? ByteBuffer()
    }
}
