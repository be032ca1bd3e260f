internal import NIOCore

/// Reads what a server sends as HTTP/2 frames (RFC 9113, 4.1) and takes its pings out, to be answered before HTTP/2 sees them.
///
/// Why: etcd's server measures the connection with a ping for nearly every request that comes quickly after another, and
/// swift-nio-http2 takes more than 200 control frames in 30 s for an attack and closes the connection.
///
/// Where it stands in the stream is one of:
/// - in a frame's header, of which the first bytes are held back until all nine are there;
/// - in what looks like a ping, held back whole: 17 bytes;
/// - in the payload of another frame, which passes as it comes.
///
/// Answers to our own pings, pings that are malformed, and every other frame pass unchanged.
struct PingStateMachine {
    enum Action: Hashable {
        /// Hand these bytes on.
        case pass(ByteBuffer)
        /// Send back a ping's answer with this payload.
        case answer(UInt64)
        /// Close the connection: the server does nothing but ping.
        case close(PingFlood)
    }

    /// How many pings are answered, and within which time.
    struct Limit: Hashable {
        var pings = 200_000
        var window = TimeAmount.seconds(10)
    }

    static let headerSize = 9
    static let pingSize = Self.headerSize + 8

    private let limit: Limit
    /// The first bytes of a frame that is not known yet: fewer than ``pingSize``.
    private var held = ByteBuffer()
    /// Bytes still to come of a frame that passes.
    private var passing = 0
    private var windowStart: NIODeadline?
    private var pings = 0

    init(limit: Limit = Limit()) {
        self.limit = limit
    }

    /// More of the stream came.
    mutating func received(_ buffer: ByteBuffer, at now: NIODeadline) -> [Action] {
        var actions: [Action] = []
        var rest = buffer
        self.completeHeld(&rest, now, &actions)
        // Known to pass: the first bytes of `rest`, up to here.
        var known = 0
        while self.held.readableBytes == 0, known < rest.readableBytes {
            let left = rest.readableBytes - known
            if self.passing > 0 {
                let count = min(self.passing, left)
                self.passing -= count
                known += count
                continue
            }
            guard let frame = FrameHeader(rest, at: known), !frame.isPing || left >= Self.pingSize else {
                Self.pass(&rest, known, &actions)
                self.held = ByteBuffer(buffer: rest)
                return actions
            }
            guard frame.isPing else {
                self.passing = Self.headerSize + frame.length
                continue
            }
            Self.pass(&rest, known, &actions)
            known = 0
            rest.moveReaderIndex(forwardBy: Self.headerSize)
            actions.append(self.answer(rest.readInteger() ?? 0, now))
        }
        Self.pass(&rest, known, &actions)
        return actions
    }

    /// The stream ended: what was held back, if anything, is handed on.
    mutating func ended() -> Action? {
        guard self.held.readableBytes > 0 else { return nil }
        defer { self.held = ByteBuffer() }
        return .pass(self.held)
    }

    /// Fills up what was held back until it is known what it is.
    private mutating func completeHeld(_ rest: inout ByteBuffer, _ now: NIODeadline, _ actions: inout [Action]) {
        while self.held.readableBytes > 0, rest.readableBytes > 0 {
            let frame = FrameHeader(self.held, at: 0)
            let goal = frame == nil ? Self.headerSize : Self.pingSize
            if var bytes = rest.readSlice(length: min(goal - self.held.readableBytes, rest.readableBytes)) {
                self.held.writeBuffer(&bytes)
            }
            guard self.held.readableBytes == goal, let frame = FrameHeader(self.held, at: 0) else { return }
            if !frame.isPing {
                actions.append(.pass(self.held))
                self.held = ByteBuffer()
                self.passing = frame.length
            } else if goal == Self.pingSize {
                actions.append(self.answer(self.held.getInteger(at: self.held.readerIndex + Self.headerSize) ?? 0, now))
                self.held = ByteBuffer()
            }
        }
    }

    private mutating func answer(_ payload: UInt64, _ now: NIODeadline) -> Action {
        if let start = self.windowStart, now - start < self.limit.window {
            self.pings += 1
        } else {
            (self.windowStart, self.pings) = (now, 1)
        }
        guard self.pings <= self.limit.pings else { return .close(PingFlood(limit: self.limit)) }
        return .answer(payload)
    }

    private static func pass(_ rest: inout ByteBuffer, _ count: Int, _ actions: inout [Action]) {
        guard count > 0, let bytes = rest.readSlice(length: count) else { return }
        actions.append(.pass(bytes))
    }

    /// A ping's answer as it is sent.
    static func writeAnswer(_ payload: UInt64, to buffer: inout ByteBuffer) {
        // Length 8 in 24 bits, type PING, flag ACK, stream 0.
        buffer.writeMultipleIntegers(UInt8(0), UInt16(8), UInt8(6), UInt8(1), UInt32(0), payload)
    }
}

/// The nine bytes before every frame.
private struct FrameHeader {
    /// Of the payload.
    var length: Int
    /// A ping that is to be answered, and well formed.
    var isPing: Bool

    /// Nil when fewer than nine bytes are there.
    init?(_ buffer: ByteBuffer, at offset: Int) {
        let start = buffer.readerIndex + offset
        guard offset + PingStateMachine.headerSize <= buffer.readableBytes,
            let high = buffer.getInteger(at: start, as: UInt8.self),
            let low = buffer.getInteger(at: start + 1, as: UInt16.self),
            let type = buffer.getInteger(at: start + 3, as: UInt8.self),
            let flags = buffer.getInteger(at: start + 4, as: UInt8.self),
            let stream = buffer.getInteger(at: start + 5, as: UInt32.self)
        else { return nil }
        self.length = Int(high) << 16 | Int(low)
        // The highest bit of the stream's number is reserved.
        self.isPing = type == 6 && self.length == 8 && stream & 0x7FFF_FFFF == 0 && flags & 1 == 0
    }
}

/// A server pinged more often than any that measures a connection would.
struct PingFlood: Error, Hashable, CustomStringConvertible {
    var limit: PingStateMachine.Limit

    var description: String {
        "the server sent more than \(self.limit.pings) pings in \(self.limit.window.nanoseconds / 1_000_000_000) s"
    }
}
