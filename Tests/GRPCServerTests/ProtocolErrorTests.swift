import NIOCore
import Testing

@testable import GRPCServer

/// A case of RFC 9113: what a client sends after its greeting, and what it gets for it.
struct ProtocolCase: Sendable, CustomStringConvertible {
    enum Outcome: Sendable, Hashable {
        case connection(HTTP2ErrorCode)
        case stream(UInt32, HTTP2ErrorCode)
        /// The connection goes on: a ping after it is answered.
        case fine
    }

    var name: String
    var frames: [WireFrame]
    var outcome: Outcome
    var description: String { self.name }

    init(_ name: String, _ frames: [WireFrame], _ outcome: Outcome) {
        (self.name, self.frames, self.outcome) = (name, frames, outcome)
    }

    private static let open = WireFrame.headers(1, Client.request())
    private static let ended = WireFrame.headers(1, Client.request(), end: true)
    private static let large = [UInt8](repeating: 0, count: 16_385)

    static let frames: [ProtocolCase] = [
        Self("4.1 unknown frame", [WireFrame(type: 0x16, flags: 0xFF, stream: 5, payload: [1, 2])], .fine),
        Self("4.2 frame too large", [.data(1, Self.large)], .connection(.frameSizeError)),
        Self("4.3 undecodable block", [.headers(1, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])], .connection(.compressionError)),
        Self("4.3 block cut off", [.headers(1, [0x00, 0x05, 0x61])], .connection(.compressionError)),
        Self(
            "4.3 frame within a header block", [.headers(1, Client.request(), flags: 0), .data(1, [])],
            .connection(.protocolError)),
        Self(
            "4.3 unknown frame within a header block", [.headers(1, Client.request(), flags: 0), WireFrame(type: 99)],
            .connection(.protocolError)),
        Self("5.1 DATA on an idle stream", [.data(1, [1])], .connection(.protocolError)),
        Self("5.1 RST_STREAM on an idle stream", [.reset(1)], .connection(.protocolError)),
        Self("5.1 WINDOW_UPDATE on an idle stream", [.window(1, 1)], .connection(.protocolError)),
        Self("5.1 CONTINUATION of nothing", [.continuation(1, [])], .connection(.protocolError)),
        Self("5.1 DATA after END_STREAM", [Self.ended, .data(1, [1])], .stream(1, .streamClosed)),
        Self("5.1 HEADERS after END_STREAM", [Self.ended, .headers(1, [], end: true)], .stream(1, .streamClosed)),
        Self("5.1 HEADERS after RST_STREAM", [Self.open, .reset(1), .headers(1, [])], .connection(.streamClosed)),
        Self("5.1 DATA after RST_STREAM", [Self.open, .reset(1), .data(1, [1])], .stream(1, .streamClosed)),
        Self("5.1 RST_STREAM twice", [Self.open, .reset(1), .reset(1)], .fine),
        Self("5.1 WINDOW_UPDATE on a closed stream", [Self.open, .reset(1), .window(1, 5)], .fine),
        Self("5.1 PRIORITY on an idle stream", [.priority(9)], .fine),
        Self("5.1.1 even stream", [.headers(2, Client.request())], .connection(.protocolError)),
        Self(
            "5.1.1 lower stream", [.headers(5, Client.request()), .headers(3, Client.request())], .connection(.protocolError)),
        Self("6.1 DATA on stream 0", [.data(0, [1])], .connection(.protocolError)),
        Self(
            "6.1 padding as long as the frame",
            [Self.open, WireFrame(type: 0, flags: 8, stream: 1, payload: [4, 1, 2, 3])], .connection(.protocolError)),
        Self("6.1 padded and empty", [Self.open, WireFrame(type: 0, flags: 8, stream: 1)], .connection(.frameSizeError)),
        Self("6.1 padding alone", [Self.open, WireFrame(type: 0, flags: 8, stream: 1, payload: [3, 0, 0, 0])], .fine),
        Self("6.2 HEADERS on stream 0", [.headers(0, Client.request())], .connection(.protocolError)),
        Self(
            "6.2 padding longer than the block", [.headers(1, [40] + Client.block([("a", "b")]), flags: 12)],
            .connection(.protocolError)),
        Self("6.2 no room for the priority", [.headers(1, [0, 0], flags: 0x24)], .connection(.frameSizeError)),
        Self("6.2 with priority", [.headers(1, [0, 0, 0, 0, 9] + Client.request(), flags: 0x24)], .fine),
        Self("6.3 PRIORITY on stream 0", [.priority(0)], .connection(.protocolError)),
        Self("6.3 PRIORITY of four bytes", [Self.open, .priority(1, size: 4)], .connection(.frameSizeError)),
        Self("6.4 RST_STREAM on stream 0", [.reset(0)], .connection(.protocolError)),
        Self(
            "6.4 RST_STREAM of three", [Self.open, WireFrame(type: 3, stream: 1, payload: [0, 0, 0])],
            .connection(.frameSizeError)),
        Self("6.5 SETTINGS on a stream", [.settings(stream: 1)], .connection(.protocolError)),
        Self("6.5 SETTINGS of five bytes", [WireFrame(type: 4, payload: [0, 0, 0, 0, 0])], .connection(.frameSizeError)),
        Self("6.5 acknowledged with a payload", [.settings([(3, 1)], ack: true)], .connection(.frameSizeError)),
        Self("6.5.2 ENABLE_PUSH of 2", [.settings([(2, 2)])], .connection(.protocolError)),
        Self("6.5.2 window too large", [.settings([(4, 0x8000_0000)])], .connection(.flowControlError)),
        Self("6.5.2 frames too small", [.settings([(5, 16_383)])], .connection(.protocolError)),
        Self("6.5.2 frames too large", [.settings([(5, 0x100_0000)])], .connection(.protocolError)),
        Self("6.5.2 unknown setting", [.settings([(0x7777, 1)])], .fine),
        Self(
            "6.6 PUSH_PROMISE", [WireFrame(type: 5, flags: 4, stream: 1, payload: [0, 0, 0, 2])], .connection(.protocolError)),
        Self(
            "6.7 PING on a stream", [WireFrame(type: 6, stream: 1, payload: [0, 0, 0, 0, 0, 0, 0, 0])],
            .connection(.protocolError)),
        Self("6.7 PING of six bytes", [WireFrame(type: 6, payload: [0, 0, 0, 0, 0, 0])], .connection(.frameSizeError)),
        Self(
            "6.8 GOAWAY on a stream", [WireFrame(type: 7, stream: 1, payload: [0, 0, 0, 0, 0, 0, 0, 0])],
            .connection(.protocolError)),
        Self("6.8 GOAWAY of four bytes", [WireFrame(type: 7, payload: [0, 0, 0, 0])], .connection(.frameSizeError)),
        Self("6.8 GOAWAY", [.goAway()], .fine),
        Self("6.9 WINDOW_UPDATE of 0", [.window(0, 0)], .connection(.protocolError)),
        Self("6.9 WINDOW_UPDATE of 0 on a stream", [Self.open, .window(1, 0)], .stream(1, .protocolError)),
        Self("6.9 WINDOW_UPDATE of three bytes", [WireFrame(type: 8, payload: [0, 0, 1])], .connection(.frameSizeError)),
        Self("6.9.1 window beyond 2^31-1", [.window(0, 0x7FFF_FFFF)], .connection(.flowControlError)),
        Self("6.9.1 a stream's beyond 2^31-1", [Self.open, .window(1, 0x7FFF_FFFF)], .stream(1, .flowControlError)),
        Self(
            "6.9.2 settings make a stream's too large", [Self.open, .window(1, 0x7FFF_0000), .settings([(4, 0x7FFF_FFFF)])],
            .connection(.flowControlError)),
        Self("6.10 CONTINUATION on stream 0", [.headers(1, [], flags: 0), .continuation(0, [])], .connection(.protocolError)),
        Self("6.10 CONTINUATION of another", [.headers(1, [], flags: 0), .continuation(3, [])], .connection(.protocolError)),
    ]

    private static func header(_ name: String, _ fields: [(String, String)], _ outcome: Outcome) -> ProtocolCase {
        ProtocolCase(name, [.headers(1, Client.block(fields), end: true)], outcome)
    }

    private static let good = Client.requestFields()

    static let headers: [ProtocolCase] = [
        Self.header("8.2.1 upper case", Self.good + [("X-Test", "1")], .stream(1, .protocolError)),
        Self.header("8.2.1 blank in a name", Self.good + [("x test", "1")], .stream(1, .protocolError)),
        Self.header("8.2.1 line feed in a value", Self.good + [("x", "a\nb")], .stream(1, .protocolError)),
        Self.header("8.2.1 value ends with a blank", Self.good + [("x", "a ")], .stream(1, .protocolError)),
        Self.header("8.2.2 connection", Self.good + [("connection", "close")], .stream(1, .protocolError)),
        Self.header("8.2.2 transfer-encoding", Self.good + [("transfer-encoding", "chunked")], .stream(1, .protocolError)),
        Self.header("8.2.2 te", Self.good.dropLast() + [("te", "gzip")], .stream(1, .protocolError)),
        Self.header("8.3 unknown pseudo-header", [(":test", "1")] + Self.good, .stream(1, .protocolError)),
        Self.header("8.3 a response's pseudo-header", [(":status", "200")] + Self.good, .stream(1, .protocolError)),
        Self.header("8.3 pseudo-header after a field", [("x", "1")] + Self.good, .stream(1, .protocolError)),
        Self.header("8.3.1 two paths", [(":path", "/a/b")] + Self.good, .stream(1, .protocolError)),
        Self.header("8.3.1 no method", Array(Self.good.dropFirst()), .stream(1, .protocolError)),
        Self.header("8.3.1 no scheme", Self.good.filter { $0.0 != ":scheme" }, .stream(1, .protocolError)),
        Self.header("8.3.1 no path", Self.good.filter { $0.0 != ":path" }, .stream(1, .protocolError)),
        Self.header("8.3.1 empty path", Client.requestFields(""), .stream(1, .protocolError)),
        Self.header(
            "8.1.1 length of a body that is not there", Self.good + [("content-length", "1")], .stream(1, .protocolError)),
        Self.header(
            "8.1.1 two lengths", Self.good + [("content-length", "0"), ("content-length", "1")], .stream(1, .protocolError)),
        Self.header("8.1.1 length that is no number", Self.good + [("content-length", "-1")], .stream(1, .protocolError)),
        Self(
            "8.1.1 body longer than its length",
            [.headers(1, Client.request("/a/b", [("content-length", "1")])), .data(1, [1, 2])], .stream(1, .protocolError)),
        Self(
            "8.1.1 body shorter than its length",
            [.headers(1, Client.request("/a/b", [("content-length", "3")])), .data(1, [1, 2], end: true)],
            .stream(1, .protocolError)),
        Self(
            "8.1.1 body of its length",
            [.headers(1, Client.request("/a/b", [("content-length", "3")])), .data(1, [1]), .data(1, [2, 3], end: true)],
            .fine),
        Self("8.1 trailers", [Self.open, .headers(1, Client.block([("x", "1")]), end: true)], .fine),
        Self("8.1 trailers that do not end", [Self.open, .headers(1, Client.block([("x", "1")]))], .stream(1, .protocolError)),
        Self(
            "8.1 pseudo-header in trailers", [Self.open, .headers(1, Client.block([(":path", "/")]), end: true)],
            .stream(1, .protocolError)),
    ]
}

@Suite("HTTP/2 by the letter")
struct ProtocolErrorTests {
    @Test("Each violation has its code", arguments: ProtocolCase.frames + ProtocolCase.headers)
    func violation(_ test: ProtocolCase) {
        var connection = HTTP2Connection.open()
        _ = connection.events(test.frames.flatMap(\.bytes) + WireFrame.ping(99).bytes)
        let frames = connection.takeFrames()
        let goAways = frames.filter { $0.type == 7 }
        let resets = frames.filter { $0.type == 3 }
        let isAlive = frames.contains(WireFrame(type: 6, flags: 1, payload: UInt64(99).bigEndian(8)))
        switch test.outcome {
        case .connection(let code):
            #expect(goAways.map { $0.number(4) } == [UInt64(code.rawValue)])
            #expect(!isAlive && connection.isFinished)
        case .stream(let stream, let code):
            #expect(resets.map(\.stream) == [stream])
            #expect(resets.map { $0.number(0) } == [UInt64(code.rawValue)])
            #expect(goAways.isEmpty && isAlive)
        case .fine:
            #expect(goAways.isEmpty && resets.isEmpty && isAlive)
        }
    }

    @Test("What is no preface, and what comes before SETTINGS, ends the connection")
    func greeting() {
        var wrong = HTTP2Connection()
        #expect(wrong.events(Array("PRI * HTTP/2.1".utf8)).isEmpty)
        #expect(wrong.failure?.code == .protocolError)
        for frame in [WireFrame.ping(), .settings(ack: true), .headers(1, Client.request()), WireFrame(type: 77)] {
            var connection = HTTP2Connection()
            _ = connection.events(Client.preface + frame.bytes)
            #expect(connection.failure?.code == .protocolError, "\(frame)")
        }
    }

    @Test("DATA beyond a window: the stream's, and the connection's, padding counted, also for streams that are gone")
    func windows() {
        var limits = GRPCServerConfiguration.Limits()
        limits.streamWindow = 20_000
        let part = [UInt8](repeating: 1, count: 10_001)
        var one = HTTP2Connection.open(limits)
        _ = one.events(WireFrame.headers(1, Client.request()).bytes + WireFrame.data(1, part).bytes)
        #expect(one.events(WireFrame.data(1, part).bytes) == ["reset 0.0 flowControlError"])

        limits.connectionWindow = Frame.defaultWindow
        limits.streamWindow = Frame.defaultWindow
        var padded = HTTP2Connection.open(limits)
        _ = padded.events(WireFrame.headers(1, Client.request()).bytes)
        let padding = WireFrame(type: 0, flags: 8, stream: 1, payload: [255] + [UInt8](repeating: 0, count: 255))
        for _ in 1...1000 { _ = padded.events(padding.bytes) }
        #expect(padded.failure == nil)
        let updates = padded.takeFrames().filter { $0.type == 8 }
        for stream in 0...1 as ClosedRange<UInt32> {
            let credited = updates.filter { $0.stream == stream }.reduce(0) { $0 + $1.number(0) }
            #expect((256_000 - 65_535 / 2 - 256)...256_000 ~= Int(credited), "stream \(stream)")
        }

        // The connection's, by many streams that each keep to their own.
        var many = HTTP2Connection.open(limits)
        many.receiveWindow = 30_000
        let rest = [UInt8](repeating: 1, count: 10_000)
        for stream in [1, 3, 5] as [UInt32] {
            _ = many.events(WireFrame.headers(stream, Client.request()).bytes + WireFrame.data(stream, rest).bytes)
            #expect(many.failure == nil)
        }
        _ = many.events(WireFrame.data(5, [1]).bytes)
        #expect(many.failure?.code == .flowControlError)
    }

    @Test("Streams beyond the limit are refused, and may be sent again")
    func refused() {
        var limits = GRPCServerConfiguration.Limits()
        limits.maxConcurrentStreams = 2
        var connection = HTTP2Connection.open(limits)
        let open = [1, 3, 5].flatMap { WireFrame.headers($0, Client.request()).bytes }
        #expect(connection.events(open).count == 2)
        #expect(connection.takeFrames() == [.reset(5, HTTP2ErrorCode.refusedStream.rawValue)])
        // What the client sent before it knew is ignored.
        #expect(connection.events(WireFrame.data(5, [1]).bytes + WireFrame.reset(1).bytes) == ["reset 0.0 cancel"])
        #expect(connection.events(WireFrame.headers(7, Client.request()).bytes) == ["request 0.1 /test.Echo/Unary"])
        #expect(connection.takeFrames().isEmpty)
    }
}
