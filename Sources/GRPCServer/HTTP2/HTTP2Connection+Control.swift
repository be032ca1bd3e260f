internal import NIOCore

extension HTTP2Connection {
    private static let drainPing: UInt64 = 0x7175_6F72_6472_616E
    private static let maxSettings = 32
    private static let keepalivePing: UInt64 = 0x7175_6F72_6C69_7665

    mutating func priority(_ header: Frame.Header) throws(HTTP2Error) {
        guard header.stream != 0 else { throw HTTP2Error(.protocolError, "PRIORITY on stream 0") }
        guard header.length == 5 else { throw HTTP2Error(.frameSizeError, "PRIORITY of \(header.length) bytes") }
        try self.spendControl("PRIORITY frames")
    }

    mutating func rstStream(_ header: Frame.Header, _ payload: ByteBuffer) throws(HTTP2Error) -> Event? {
        guard header.stream != 0 else { throw HTTP2Error(.protocolError, "RST_STREAM on stream 0") }
        guard header.length == 4, let word = payload.getInteger(at: payload.readerIndex, as: UInt32.self) else {
            throw HTTP2Error(.frameSizeError, "RST_STREAM of \(header.length) bytes")
        }
        guard header.stream <= self.lastStream, header.stream % 2 == 1 else {
            throw HTTP2Error(.protocolError, "RST_STREAM on stream \(header.stream), which is idle")
        }
        guard let slot = self.streams.find(header.stream) else {
            try self.spendControl("frames on closed streams")
            return nil
        }
        guard self.resets.take(at: self.now) else { throw HTTP2Error(.enhanceYourCalm, "too many streams are reset") }
        let key = self.streams.key(slot)
        self.close(slot, byUs: false)
        return .reset(key, HTTP2ErrorCode(rawValue: word) ?? .cancel)
    }

    mutating func settings(_ header: Frame.Header, _ payload: ByteBuffer) throws(HTTP2Error) {
        guard header.stream == 0 else { throw HTTP2Error(.protocolError, "SETTINGS on stream \(header.stream)") }
        if header.flags.contains(.ack) {
            guard header.length == 0 else { throw HTTP2Error(.frameSizeError, "SETTINGS acknowledged with a payload") }
            return try self.spendControl("acknowledgements")
        }
        guard header.length % 6 == 0 else { throw HTTP2Error(.frameSizeError, "SETTINGS of \(header.length) bytes") }
        // Each may touch every stream; there are six to set.
        guard header.length <= 6 * Self.maxSettings else { throw HTTP2Error(.enhanceYourCalm, "too many settings") }
        try self.spendControl("SETTINGS frames")
        var payload = payload
        while let (id, value) = payload.readMultipleIntegers(as: (UInt16, UInt32).self) {
            try self.setting(id, Int(value))
        }
        self.output.writeFrameHeader(.settings, .ack, stream: 0, length: 0)
        self.pump()
    }

    private mutating func setting(_ id: UInt16, _ value: Int) throws(HTTP2Error) {
        switch Frame.Setting(rawValue: id) {
        case .enablePush, .noPriorities:
            guard value <= 1 else { throw HTTP2Error(.protocolError, "setting \(id) is \(value)") }
        case .initialWindowSize:
            guard value <= Frame.maxWindow else { throw HTTP2Error(.flowControlError, "initial window of \(value)") }
            let change = value - self.peerInitialWindow
            self.peerInitialWindow = value
            for slot in self.streams.slots.indices where self.streams[slot].id != 0 {
                self.streams[slot].sendWindow += change
                guard self.streams[slot].sendWindow <= Frame.maxWindow else {
                    throw HTTP2Error(.flowControlError, "initial window makes a stream's too large")
                }
                self.makeReady(slot)
            }
        case .maxFrameSize:
            guard (Frame.defaultMaxSize...0xFF_FFFF).contains(value) else {
                throw HTTP2Error(.protocolError, "largest frame of \(value)")
            }
            // Larger frames gain nothing, and would let one stream hold up the others.
            self.peerMaxFrame = min(value, 65_536)
        // Our header blocks need no table, none is near any limit, and we push nothing.
        case .headerTableSize, .maxConcurrentStreams, .maxHeaderListSize, nil: break
        }
    }

    mutating func ping(_ header: Frame.Header, _ payload: ByteBuffer) throws(HTTP2Error) {
        guard header.stream == 0 else { throw HTTP2Error(.protocolError, "PING on stream \(header.stream)") }
        guard header.length == 8, let word = payload.getInteger(at: payload.readerIndex, as: UInt64.self) else {
            throw HTTP2Error(.frameSizeError, "PING of \(header.length) bytes")
        }
        try self.spendControl("PING frames")
        if header.flags.contains(.ack) {
            if word == Self.drainPing { self.finishAnnouncing() }
            return
        }
        self.output.writePing(word, isAck: true)
        guard self.pingPolicy.allows(at: self.now, hasCalls: self.streams.count > 0) else {
            throw HTTP2Error(.enhanceYourCalm, "too_many_pings")
        }
    }

    mutating func goAway(_ header: Frame.Header) throws(HTTP2Error) {
        guard header.stream == 0 else { throw HTTP2Error(.protocolError, "GOAWAY on stream \(header.stream)") }
        guard header.length >= 8 else { throw HTTP2Error(.frameSizeError, "GOAWAY of \(header.length) bytes") }
        try self.spendControl("GOAWAY frames")
    }

    /// Tells the client to open no more streams. Those on their way are served: the client answers a ping only after it has
    /// seen the first GOAWAY, and only then a second one sets the limit.
    mutating func drain(at now: NIODeadline) {
        guard case .no = self.draining, self.failure == nil else { return }
        self.draining = .announced(at: now)
        self.output.writeGoAway(lastStream: UInt32(Frame.maxWindow), .noError, "")
        self.output.writePing(Self.drainPing, isAck: false)
    }

    private mutating func finishAnnouncing() {
        guard case .announced = self.draining else { return }
        self.draining = .final(lastStream: self.lastStream)
        self.output.writeGoAway(lastStream: self.lastStream, .noError, "")
    }

    /// Time passes.
    mutating func tick(_ now: NIODeadline) {
        self.now = now
        guard self.failure == nil else { return }
        if case .announced(let at) = self.draining, now - at >= .seconds(1) { self.finishAnnouncing() }
        if !self.hasSettings, now - self.startedAt >= self.limits.handshakeTimeout {
            return self.fail(HTTP2Error(.settingsTimeout, "no SETTINGS came"))
        }
        if let sent = self.pingSentAt {
            if now - sent >= self.keepalive.timeout { self.fail(HTTP2Error(.noError, "keepalive ping was not answered")) }
        } else if now - self.lastReceivedAt >= self.keepalive.interval {
            self.pingSentAt = now
            self.output.writePing(Self.keepalivePing, isAck: false)
        }
    }
}

/// grpc-go's policy on the pings of clients, where it is asked for: the third that comes too early, with nothing sent to the
/// client in between, ends the connection.
struct PingPolicy {
    private static let maxStrikes = 2
    /// Without a call under way a client has nothing to keep alive.
    private static let idleInterval = TimeAmount.hours(2)

    private let minimum: TimeAmount?
    private let permitsWithoutCalls: Bool
    private var strikes = 0
    private var lastPing: NIODeadline?
    private var hasSent = false

    init(_ keepalive: GRPCServerConfiguration.Keepalive) {
        self.minimum = keepalive.minimumPingInterval
        self.permitsWithoutCalls = keepalive.permitWithoutCalls
    }

    /// HEADERS or DATA went to the client: it may measure the connection with a ping.
    mutating func sent() {
        self.hasSent = true
    }

    mutating func allows(at now: NIODeadline, hasCalls: Bool) -> Bool {
        guard let minimum = self.minimum else { return true }
        defer { self.lastPing = now }
        if self.hasSent {
            self.hasSent = false
            self.strikes = 0
            return true
        }
        let interval = hasCalls || self.permitsWithoutCalls ? minimum : Self.idleInterval
        if let last = self.lastPing, now - last < interval { self.strikes += 1 }
        return self.strikes <= Self.maxStrikes
    }
}
