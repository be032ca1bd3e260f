import NIOCore
import Testing

@testable import GRPCServer

/// What an attacker repeats, and what is let through of it at most.
struct Flood: Sendable, CustomStringConvertible {
    var name: String
    var prepare: [WireFrame] = []
    /// The n-th time, from 0.
    var frames: @Sendable (UInt32) -> [WireFrame]
    /// So many are let through at once.
    var limit: Int
    var description: String { self.name }

    /// Smaller than usual, so that the tests are quick.
    static let limits = {
        var limits = GRPCServerConfiguration.Limits()
        (limits.controlBurst, limits.resetBurst, limits.maxConcurrentStreams) = (500, 200, 100)
        return limits
    }()
    private static let request = Client.request()
    private static func stream(_ number: UInt32) -> UInt32 { number * 2 + 1 }

    static let all: [Flood] = [
        Flood(name: "PING", frames: { [.ping(UInt64($0))] }, limit: Self.limits.controlBurst),
        Flood(name: "PING answers", frames: { [.ping(UInt64($0), ack: true)] }, limit: Self.limits.controlBurst),
        Flood(name: "SETTINGS", frames: { _ in [.settings([(4, 70_000)])] }, limit: Self.limits.controlBurst),
        Flood(name: "WINDOW_UPDATE", frames: { _ in [.window(0, 1)] }, limit: Self.limits.controlBurst),
        Flood(name: "PRIORITY", frames: { [.priority(Self.stream($0))] }, limit: Self.limits.controlBurst),
        Flood(name: "unknown frames", frames: { _ in [WireFrame(type: 200)] }, limit: Self.limits.controlBurst),
        Flood(
            name: "empty DATA", prepare: [.headers(1, Self.request)], frames: { _ in [.data(1, [])] },
            limit: Self.limits.controlBurst),
        Flood(
            name: "padding", prepare: [.headers(1, Self.request)],
            frames: { _ in [WireFrame(type: 0, flags: 8, stream: 1, payload: [0])] }, limit: Self.limits.controlBurst),
        Flood(
            name: "RST_STREAM of one stream", prepare: [.headers(1, Self.request)], frames: { _ in [.reset(1)] },
            limit: Self.limits.controlBurst + 1),
        Flood(
            name: "rapid reset", frames: { [.headers(Self.stream($0), Self.request), .reset(Self.stream($0))] },
            limit: Self.limits.resetBurst),
        Flood(
            name: "streams made to be reset",
            frames: { [.headers(Self.stream($0), Self.request), .window(Self.stream($0), 0)] }, limit: Self.limits.resetBurst),
        Flood(
            name: "malformed requests", frames: { [.headers(Self.stream($0), Client.block([("x", "y")]), end: true)] },
            limit: Self.limits.resetBurst),
        Flood(
            name: "refused requests", frames: { [.headers(Self.stream($0), Self.request)] },
            limit: Self.limits.maxConcurrentStreams + Self.limits.resetBurst),
        Flood(
            name: "DATA on a closed stream", prepare: [.headers(1, Self.request), .reset(1)], frames: { _ in [.data(1, [1])] },
            limit: Self.limits.controlBurst),
        Flood(
            name: "settings in one frame", frames: { _ in [.settings((0..<40).map { (4, $0) })] }, limit: 0),
        Flood(
            name: "CONTINUATION", prepare: [.headers(1, [], flags: 0)], frames: { _ in [.continuation(1, [0x82], end: false)] },
            limit: 16),
        Flood(
            name: "empty CONTINUATION", prepare: [.headers(1, [], flags: 0)],
            frames: { _ in [.continuation(1, [], end: false)] },
            limit: 0),
    ]
}

@Suite("Floods")
struct FloodTests {
    @Test("Ends with ENHANCE_YOUR_CALM, after what is let through and soon after", arguments: Flood.all)
    func flood(_ flood: Flood) {
        var connection = HTTP2Connection.open(Flood.limits)
        _ = connection.events(flood.prepare.flatMap(\.bytes))
        var passed = 0
        while connection.failure == nil, passed <= flood.limit + 10 {
            _ = connection.events(flood.frames(UInt32(passed)).flatMap(\.bytes))
            connection.output.clear()
            if connection.failure == nil { passed += 1 }
        }
        #expect(connection.failure?.code == .enhanceYourCalm)
        #expect((flood.limit - 2...flood.limit).contains(passed))
    }

    @Test("The same, slowly, is no flood", arguments: Flood.all.filter { $0.limit >= 200 && $0.name != "refused requests" })
    func slowly(_ flood: Flood) {
        var connection = HTTP2Connection.open(Flood.limits)
        _ = connection.events(flood.prepare.flatMap(\.bytes))
        for number in 0..<(flood.limit * 2) {
            _ = connection.events(flood.frames(UInt32(number)).flatMap(\.bytes), at: start + .milliseconds(Int64(number) * 6))
            connection.output.clear()
        }
        #expect(connection.failure == nil)
    }

    @Test("Answers that are not read do not pile up")
    func backlog() {
        var limits = GRPCServerConfiguration.Limits()
        (limits.controlBurst, limits.outputMark, limits.maxControlBacklog) = (1_000_000, 10_000, 20_000)
        var connection = HTTP2Connection.open(limits)
        while connection.failure == nil { _ = connection.events(WireFrame.ping().bytes) }
        #expect(connection.failure?.code == .enhanceYourCalm)
        #expect((30_000...31_000).contains(connection.output.readableBytes))
    }

    @Test("Answers that wait for a client's windows do not pile up: it gets no more calls")
    func unread() {
        var limits = GRPCServerConfiguration.Limits()
        limits.maxQueuedBytes = 100_000
        var connection = HTTP2Connection.open(limits)
        _ = connection.events(WireFrame.settings([(4, 0)]).bytes)
        var served: UInt32 = 0
        while connection.events(WireFrame.headers(served * 2 + 1, Client.request(), end: true).bytes).count == 1 {
            connection.send(
                StreamKey(slot: served, generation: 0), body: ByteBuffer(repeating: 1, count: 30_000),
                trailers: ResponseBlocks.ok)
            served += 1
        }
        #expect(served == 4 && connection.takeFrames().last == .reset(9, HTTP2ErrorCode.refusedStream.rawValue))
        _ = connection.events(WireFrame.window(1, 30_000).bytes + WireFrame.reset(3).bytes)
        #expect(connection.queued == 60_000)
        #expect(connection.events(WireFrame.headers(11, Client.request(), end: true).bytes).count == 1)
    }

    @Test("A header of 16 MiB, and a bomb of references to a large entry, are not unpacked")
    func headers() {
        var large = HTTP2Connection.open()
        _ = large.events(WireFrame.headers(1, [0, 1, 0x78, 0x7F, 0x81, 0xFF, 0xFF, 0x07], flags: 0).bytes)
        let part = WireFrame.continuation(1, [UInt8](repeating: 0x78, count: 16_384), end: false).bytes
        for _ in 0..<1024 where large.failure == nil { _ = large.events(part) }
        #expect(large.failure?.code == .enhanceYourCalm)

        var bomb = HTTP2Connection.open()
        let entry = [0x40] + Client.string("x") + Client.string(String(repeating: "y", count: 3_000))
        _ = bomb.events(WireFrame.headers(1, entry + [UInt8](repeating: 0xBE, count: 10_000), end: true).bytes)
        #expect(bomb.failure?.code == .enhanceYourCalm)

        var many = HTTP2Connection.open()
        let fields = (0..<200).map { ("x\($0)", "") }
        #expect(many.events(WireFrame.headers(1, Client.request("/a/b", fields), end: true).bytes) == [])
        #expect(many.takeFrames() == [.reset(1, HTTP2ErrorCode.protocolError.rawValue)])
    }

    @Test("A ping for every answer, as Go's estimate of bandwidth sends them, goes on forever")
    func measuring() {
        var keepalive = GRPCServerConfiguration.Keepalive()
        keepalive.minimumPingInterval = .seconds(5)
        var connection = HTTP2Connection.open(Flood.limits, keepalive)
        for number in 0..<2_000 as Range<UInt32> {
            let stream = number * 2 + 1
            let events = connection.events(
                WireFrame.headers(stream, Client.request()).bytes + WireFrame.data(stream, [1], end: true).bytes)
            #expect(events.count == 2)
            let key = StreamKey(slot: 0, generation: number)
            connection.send(key, head: ResponseBlocks.head, lead: (0, 0), body: ByteBuffer(), trailers: ResponseBlocks.ok)
            _ = connection.events(WireFrame.window(0, 9).bytes + WireFrame.ping(UInt64(number)).bytes)
            connection.output.clear()
        }
        #expect(connection.failure == nil)
    }

    @Test("Where it is asked for, the third ping that comes too early is too many")
    func pingPolicy() {
        var keepalive = GRPCServerConfiguration.Keepalive()
        keepalive.minimumPingInterval = .seconds(5)
        var connection = HTTP2Connection.open(.init(), keepalive)
        _ = connection.events(WireFrame.headers(1, Client.request()).bytes)
        for second in 0..<4 as Range<Int64> {
            #expect(connection.failure == nil)
            _ = connection.events(WireFrame.ping().bytes, at: start + .seconds(second))
        }
        #expect(connection.failure == HTTP2Error(.enhanceYourCalm, "too_many_pings"))
        var patient = HTTP2Connection.open(.init(), keepalive)
        _ = patient.events(WireFrame.headers(1, Client.request()).bytes)
        for number in 0..<50 as Range<Int64> { _ = patient.events(WireFrame.ping().bytes, at: start + .seconds(number * 5)) }
        #expect(patient.failure == nil)
        var idle = HTTP2Connection.open(.init(), keepalive)
        for number in 0..<4 as Range<Int64> { _ = idle.events(WireFrame.ping().bytes, at: start + .minutes(number * 10)) }
        #expect(idle.failure?.reason == "too_many_pings")
    }
}
