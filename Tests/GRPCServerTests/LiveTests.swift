import GRPCServer
import NIOCore
import NIOHTTP1
import NIOPosix
import Platform
import Synchronization
import TestSupport
import Testing

@Suite("A server on sockets", .serialized)
struct LiveTests {
    @Test("Calls, one after another and many at once")
    func unary() async throws {
        try await LiveServer.run { live, port in
            let client = try RawClient(port: port)
            for number in 0..<50 as Range<UInt32> {
                let frames = client.call("/test.Live/Echo", [UInt8(number)], stream: number * 2 + 1)
                #expect(frames.messages == [[UInt8(number)]] && frames.status == "0")
            }
            #expect(live.lastContext?.peer.hasPrefix("127.0.0.1:") == true)
            let large = [UInt8](repeating: 3, count: 60_000)
            #expect(client.call("/test.Live/Echo", large, stream: 1001).messages == [large])
            #expect(live.server.connectionCount == 1)
        }
    }

    @Test("100 connections with 10 calls each, answered in batches by another thread")
    func batches() async throws {
        try await LiveServer.run { _, port in
            let clients = try (0..<100).map { _ in try RawClient(port: port) }
            for (number, client) in clients.enumerated() {
                for call in 0..<10 {
                    client.send(
                        .headers(UInt32(call * 2 + 1), Client.request("/test.Live/Deferred")),
                        .data(UInt32(call * 2 + 1), Client.message([UInt8(number), UInt8(call)]), end: true))
                }
            }
            for (number, client) in clients.enumerated() {
                var answers: [UInt32: [WireFrame]] = [:]
                var ended = 0
                while ended < 10, let frame = client.frame() {
                    answers[frame.stream, default: []].append(frame)
                    if frame.type == 1, frame.flags & 1 != 0 { ended += 1 }
                }
                for call in 0..<10 {
                    #expect(answers[UInt32(call * 2 + 1)]?.messages == [[UInt8(number), UInt8(call)]])
                }
            }
        }
    }

    @Test("A stream both ways")
    func bidirectional() async throws {
        try await LiveServer.run { live, port in
            let client = try RawClient(port: port)
            client.send(.headers(1, Client.request("/test.Live/Stream")))
            for number in 0..<20 as Range<UInt8> {
                client.send(.data(1, Client.message([number])))
                #expect(client.frames { $0.type == 0 }.messages == [[number]])
            }
            client.send(.data(1, [], end: true))
            #expect(client.answer(1).status == "0")
            #expect(live.journal.all == ["closed finished"])
        }
    }

    @Test("A reader that does not read: what is kept for it is bounded, and when it reads it gets all of it")
    func slowReader() async throws {
        var limits = GRPCServerConfiguration.Limits()
        (limits.streamHighMark, limits.streamLowMark) = (256 << 10, 64 << 10)
        try await LiveServer.run(limits) { live, port in
            let client = try RawClient(port: port, receiveBuffer: 8192)
            client.send(.settings([(4, 1 << 30)]), .window(0, 1 << 30))
            client.send(.headers(1, Client.request("/test.Live/Flood")), .data(1, Client.message([]), end: true))
            let call = try await poll(within: .seconds(10), "the stream opens") { live.openStreams.first }
            // Until nothing has moved for as long as many looks take: all buffers on the way are full.
            var (written, most, looks) = (0, 0, 0)
            while looks < 50 {
                guard call.canWrite else {
                    let pending = call.pendingBytes
                    try await Task.sleep(for: .milliseconds(5))
                    looks = call.pendingBytes == pending ? looks + 1 : 0
                    continue
                }
                looks = 0
                let number = written
                live.send { batch in
                    batch.message(call) { message in
                        message.writeInteger(number)
                        message.writeRepeatingByte(1, count: 4_000)
                    }
                }
                written += 1
                most = max(most, call.pendingBytes)
            }
            // A mark, not a wall: bytes that are just being handed over are counted late, and a message more may pass.
            #expect(most < 2 * (256 << 10), "\(most) bytes")
            #expect(written > 50 && written < 5_000, "\(written) messages")
            live.send { $0.finish(call.id, .ok) }
            let frames = client.answer(1)
            #expect(frames.status == "0")
            #expect(frames.messages.map { $0.prefix(8).reduce(0) { $0 << 8 | Int($1) } } == Array(0..<written))
            #expect(live.journal.all.contains("writable"))
        }
    }

    @Test("A client's deadline and its cancellation reach the handler; the end of its connection too")
    func cancellation() async throws {
        try await LiveServer.run { live, port in
            let client = try RawClient(port: port)
            client.send(
                .headers(1, Client.request("/test.Live/Never", [("grpc-timeout", "20S")])),
                .data(1, Client.message([]), end: true))
            let context = try await poll(within: .seconds(10), "the call comes") { live.lastContext }
            let left = try #require(context.deadline) - .now()
            #expect(left > .seconds(10) && left <= .seconds(20))
            client.send(.reset(1))
            try await poll(within: .seconds(10), "the cancellation comes") { live.journal.all == ["cancelled"] ? () : nil }
            live.send { $0.reply(context.id, [1]) }
            do {
                let other = try RawClient(port: port)
                other.send(.headers(1, Client.request("/test.Live/Never")), .data(1, Client.message([]), end: true))
                other.send(.headers(3, Client.request("/test.Live/Stream")))
                _ = try await poll(within: .seconds(10), "the stream comes") { live.openStreams.first }
            }
            try await poll(within: .seconds(10), "the end of the connection is noticed") {
                live.journal.all.count == 3 ? () : nil
            }
            #expect(Set(live.journal.all) == ["cancelled", "closed disconnected"])
            // The answer to the cancelled call went nowhere.
            #expect(client.call("/test.Live/Echo", [9], stream: 3).messages == [[9]])
        }
    }

    @Test("HTTP/1 on the same port: at once, later, in a row, and too large")
    func http1() async throws {
        let http1: HTTP1Handler = { request, respond in
            switch request.path {
            case "/health": respond(HTTP1Response(.ok, "application/json", #"{"health":"true"}"#))
            case "/later": startThread(named: "later") { respond(HTTP1Response(.ok, "text/plain", "\(request.target)")) }
            case "/echo": respond(HTTP1Response(.ok, body: request.body))
            default: respond(HTTP1Response(.notFound))
            }
        }
        var limits = GRPCServerConfiguration.Limits()
        limits.maxHTTP1Body = 1000
        try await LiveServer.run(limits, http1: http1) { _, port in
            #expect(Loopback.get("/health", port: port) == 200 && Loopback.get("/none", port: port) == 404)
            let client = try RawClient(port: port, greets: false)
            func ask(_ text: String, until end: String) -> String {
                client.send(Array(text.utf8))
                var answer: [UInt8] = []
                while !String(decoding: answer, as: UTF8.self).hasSuffix(end), !client.isClosed { answer += client.receive() }
                return String(decoding: answer, as: UTF8.self)
            }
            let first = ask("GET /later?x=1 HTTP/1.1\r\nHost: a\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n", until: "}")
            #expect(first.hasPrefix("HTTP/1.1 200 OK\r\n") && first.contains("\r\n\r\n/later?x=1HTTP/1.1 200 OK\r\n"))
            #expect(
                ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", until: "hello").contains(
                    "content-length: 5"))
            let body = String(repeating: "x", count: 1001)
            let refused = ask("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n\(body)", until: "none")
            #expect(refused.hasPrefix("HTTP/1.1 413") && client.isClosed)
        }
    }

    @Test("Shutdown: clients are told, calls under way end, no new ones come, and what does not end is closed")
    func shutdown() async throws {
        try await LiveServer.run { live, port in
            let client = try RawClient(port: port)
            client.send(.headers(1, Client.request("/test.Live/Never")), .data(1, Client.message([]), end: true))
            let context = try await poll(within: .seconds(10), "the call comes") { live.lastContext }
            async let down: Void = live.server.shutdown(grace: .seconds(30))
            let goAway = client.frames { $0.type == 7 }.last
            #expect(goAway?.number(0) == 0x7FFF_FFFF)
            let ping = client.frames { $0.type == 6 }.last
            client.send(WireFrame(type: 6, flags: 1, payload: ping?.payload ?? []))
            #expect(client.frames { $0.type == 7 }.last?.number(0) == 1)
            live.send { $0.reply(context.id, [4]) }
            #expect(client.answer(1).messages == [[4]])
            #expect(client.frame() == nil && client.isClosed)
            await down
            #expect(live.server.connectionCount == 0)
            #expect(throws: TestSupportError.self) { try RawClient(port: port) }
        }
        try await LiveServer.run { live, port in
            let client = try RawClient(port: port)
            client.send(.headers(1, Client.request("/test.Live/Never")), .data(1, Client.message([]), end: true))
            _ = try await poll(within: .seconds(10), "the call comes") { live.lastContext }
            await live.server.shutdown(grace: .milliseconds(100))
            #expect(live.server.connectionCount == 0 && live.journal.all == ["cancelled"])
        }
    }

    @Test("An address that is taken: nothing is served, not even on the others")
    func takenAddress() async throws {
        let taken = try DeadPort()
        let free = try Loopback.freePorts(1)[0]
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let addresses = [free, taken.port].map { GRPCServerConfiguration.Address.tcp(host: "127.0.0.1", port: $0) }
        let server = GRPCServer(configuration: .init(addresses: addresses), methods: MethodTable(), group: group)
        await #expect(throws: (any Error).self) { try await server.start() }
        #expect(throws: TestSupportError.self) { try RawClient(port: free) }
        await server.shutdown(grace: .zero)
        try await group.shutdownGracefully()
    }

    @Test("A unix socket")
    func unixSocket() async throws {
        let directory = try TemporaryDirectory()
        try await LiveServer.run(unix: "\(directory.path)/socket") { live, _ in
            let client = try RawClient(unix: "\(directory.path)/socket")
            #expect(client.call("/test.Live/Echo", [1]).messages == [[1]])
            #expect(live.lastContext?.peer == "@")
        }
    }

    @Test("Whoever says nothing, or not enough, is not waited for; more than so many are not let in")
    func silence() async throws {
        var limits = GRPCServerConfiguration.Limits()
        (limits.handshakeTimeout, limits.maxConnections) = (.seconds(1), 4)
        try await LiveServer.run(limits) { live, port in
            let mute = try RawClient(port: port, greets: false)
            let slow = try RawClient(port: port, greets: false)
            slow.send(Array(Client.preface.prefix(10)))
            let greeted = try RawClient(port: port, greets: false)
            greeted.send(Client.preface)
            let http = try RawClient(port: port, greets: false)
            http.send(Array("GET /health HT".utf8))
            try await poll(within: .seconds(10), "all four are there") { live.server.connectionCount == 4 ? () : nil }
            let fifth = try RawClient(port: port)
            #expect(fifth.frame() == nil)
            #expect(mute.frame() == nil && slow.frame() == nil && http.frame() == nil)
            #expect(greeted.frames { $0.type == 7 }.last?.number(4) == UInt64(4))
            try await poll(within: .seconds(10), "they are gone") { live.server.connectionCount == 0 ? () : nil }
        }
    }

    @Test("An attacker is turned away, with the reason, and others are served meanwhile")
    func attacker() async throws {
        var limits = GRPCServerConfiguration.Limits()
        limits.resetBurst = 300
        try await LiveServer.run(limits) { _, port in
            let attacker = try RawClient(port: port)
            let client = try RawClient(port: port)
            for number in 0..<2_000 as Range<UInt32> {
                attacker.send(.headers(number * 2 + 1, Client.request("/test.Live/Never")), .reset(number * 2 + 1))
                guard number % 100 == 0 else { continue }
                #expect(client.call("/test.Live/Echo", [1], stream: number * 2 + 1).messages == [[1]])
            }
            let last = attacker.frames { $0.type == 7 }.last
            #expect(
                last.map { ($0.number(4), String(decoding: $0.payload.dropFirst(8), as: UTF8.self)) }! == (
                    11, "too many streams are reset"
                ))
            #expect(client.call("/test.Live/Echo", [2], stream: 9_001).messages == [[2]])
        }
    }
}
