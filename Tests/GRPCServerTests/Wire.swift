import Glibc
import NIOCore
import NIOHPACK
import TestSupport

@testable import GRPCServer

/// A frame, as the tests write and read it.
struct WireFrame: Hashable, CustomStringConvertible {
    var type: UInt8
    var flags: UInt8 = 0
    var stream: UInt32 = 0
    var payload: [UInt8] = []

    var bytes: [UInt8] {
        let length = [UInt8(self.payload.count >> 16), UInt8(self.payload.count >> 8 & 0xFF), UInt8(self.payload.count & 0xFF)]
        return length + [self.type, self.flags] + UInt64(self.stream).bigEndian(4) + self.payload
    }

    var description: String { "(\(self.type) \(self.flags) \(self.stream) \(self.payload.count) bytes)" }

    /// The number at an offset of the payload.
    func number(_ offset: Int, _ size: Int = 4) -> UInt64 {
        self.payload[offset..<(offset + size)].reduce(0) { $0 << 8 | UInt64($1) }
    }

    static func data(_ stream: UInt32, _ payload: [UInt8], end: Bool = false) -> WireFrame {
        WireFrame(type: 0, flags: end ? 1 : 0, stream: stream, payload: payload)
    }

    static func headers(_ stream: UInt32, _ block: [UInt8], end: Bool = false, flags: UInt8 = 4) -> WireFrame {
        WireFrame(type: 1, flags: flags | (end ? 1 : 0), stream: stream, payload: block)
    }

    static func priority(_ stream: UInt32, size: Int = 5) -> WireFrame {
        WireFrame(type: 2, stream: stream, payload: [UInt8](repeating: 0, count: size))
    }

    static func reset(_ stream: UInt32, _ code: UInt32 = 8) -> WireFrame {
        WireFrame(type: 3, stream: stream, payload: UInt64(code).bigEndian(4))
    }

    static func settings(_ values: [(UInt16, UInt32)] = [], ack: Bool = false, stream: UInt32 = 0) -> WireFrame {
        WireFrame(
            type: 4, flags: ack ? 1 : 0, stream: stream,
            payload: values.flatMap { UInt64($0.0).bigEndian(2) + UInt64($0.1).bigEndian(4) })
    }

    static func ping(_ value: UInt64 = 7, ack: Bool = false) -> WireFrame {
        WireFrame(type: 6, flags: ack ? 1 : 0, payload: value.bigEndian(8))
    }

    static func goAway(_ code: UInt32 = 0, last: UInt32 = 0) -> WireFrame {
        WireFrame(type: 7, payload: UInt64(last).bigEndian(4) + UInt64(code).bigEndian(4))
    }

    static func window(_ stream: UInt32, _ increment: UInt32) -> WireFrame {
        WireFrame(type: 8, stream: stream, payload: UInt64(increment).bigEndian(4))
    }

    static func continuation(_ stream: UInt32, _ block: [UInt8], end: Bool = true) -> WireFrame {
        WireFrame(type: 9, flags: end ? 4 : 0, stream: stream, payload: block)
    }
}

extension UInt64 {
    func bigEndian(_ size: Int) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: self >> UInt64(8 * (size - 1 - $0))) }
    }
}

/// What clients send.
enum Client {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    static let hello = Self.preface + WireFrame.settings().bytes

    static func requestFields(_ path: String = "/test.Echo/Unary", _ more: [(String, String)] = []) -> [(String, String)] {
        [
            (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
            ("content-type", "application/grpc"), ("te", "trailers"),
        ] + more
    }

    /// A block that leaves the table alone.
    static func block(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { [0] + Self.string($0.0) + Self.string($0.1) }
    }

    static func request(_ path: String = "/test.Echo/Unary", _ more: [(String, String)] = []) -> [UInt8] {
        Self.block(Self.requestFields(path, more))
    }

    static func string(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        var count = bytes.count
        guard count >= 127 else { return [UInt8(count)] + bytes }
        count -= 127
        var length: [UInt8] = [127]
        while count >= 128 {
            length.append(UInt8(count & 127 | 128))
            count >>= 7
        }
        return length + [UInt8(count)] + bytes
    }

    /// A message with gRPC's prefix.
    static func message(_ bytes: [UInt8], flag: UInt8 = 0) -> [UInt8] {
        [flag] + UInt64(bytes.count).bigEndian(4) + bytes
    }
}

/// Takes a server's bytes apart.
struct FrameReader {
    private var bytes: [UInt8] = []
    private var start = 0

    mutating func append(_ more: some Sequence<UInt8>) {
        self.bytes += more
    }

    mutating func next() -> WireFrame? {
        guard self.bytes.count - self.start >= 9 else { return nil }
        let header = self.bytes[self.start..<(self.start + 9)]
        let length = header.prefix(3).reduce(0) { $0 << 8 | Int($1) }
        guard self.bytes.count - self.start >= 9 + length else { return nil }
        let stream = header.suffix(4).reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
        let frame = WireFrame(
            type: header[self.start + 3], flags: header[self.start + 4], stream: stream,
            payload: Array(self.bytes[(self.start + 9)..<(self.start + 9 + length)]))
        self.start += 9 + length
        if self.start == self.bytes.count { (self.bytes, self.start) = ([], 0) }
        return frame
    }

    static func all(_ bytes: some Sequence<UInt8>) -> [WireFrame] {
        var reader = FrameReader()
        reader.append(bytes)
        var frames: [WireFrame] = []
        while let frame = reader.next() { frames.append(frame) }
        return frames
    }
}

/// The fields of a header block that a server sent.
func fields(_ block: [UInt8]) -> [String: String] {
    var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
    var buffer = ByteBuffer(bytes: block)
    guard let headers = try? decoder.decodeHeaders(from: &buffer) else { return ["undecodable": "\(block)"] }
    return Dictionary(headers.map { ($0.name, $0.value) }) { first, _ in first }
}

let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

extension HTTP2Connection {
    init(_ limits: GRPCServerConfiguration.Limits = .init(), _ keepalive: GRPCServerConfiguration.Keepalive = .init()) {
        var configuration = GRPCServerConfiguration(addresses: [])
        (configuration.limits, configuration.keepalive) = (limits, keepalive)
        self.init(configuration: configuration, routes: ["/test.Echo/Unary": 0], now: start)
    }

    /// What happens on these bytes, in words.
    mutating func events(_ bytes: [UInt8], at now: NIODeadline = start) -> [String] {
        self.received(ByteBuffer(bytes: bytes), at: now)
        var events: [String] = []
        while let event = self.next() { events.append(event.words) }
        return events
    }

    mutating func takeFrames() -> [WireFrame] {
        defer { self.output.clear() }
        return FrameReader.all(self.output.readableBytesView)
    }

    /// A connection whose greetings are over.
    static func open(
        _ limits: GRPCServerConfiguration.Limits = .init(), _ keepalive: GRPCServerConfiguration.Keepalive = .init()
    ) -> HTTP2Connection {
        var connection = HTTP2Connection(limits, keepalive)
        _ = connection.events(Client.hello)
        _ = connection.takeFrames()
        return connection
    }
}

extension HTTP2Connection.Event {
    var key: StreamKey {
        switch self {
        case .request(let key, _, _), .data(let key, _, _), .reset(let key, _), .drained(let key): key
        }
    }

    var words: String {
        switch self {
        case .request(let key, let head, let isEnd): "request \(key.slot).\(key.generation) \(head.path)\(isEnd ? " end" : "")"
        case .data(let key, let bytes, let isEnd):
            "data \(key.slot).\(key.generation) \(Array(bytes.readableBytesView))\(isEnd ? " end" : "")"
        case .reset(let key, let code): "reset \(key.slot).\(key.generation) \(code)"
        case .drained(let key): "drained \(key.slot).\(key.generation)"
        }
    }
}

/// A variable of the environment.
func environment(_ name: String) -> String? {
    unsafe getenv(name).map { unsafe String(cString: $0) }
}

func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

func write(_ bytes: [UInt8], to path: String) throws {
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    defer { close(file) }
    guard unsafe Glibc.write(file, bytes, bytes.count) == bytes.count else { throw TestSupportError("\(path): errno \(errno)") }
}
