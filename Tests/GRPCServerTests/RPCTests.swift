import NIOCore
import Platform
import Synchronization
import Testing

@testable import GRPCServer

/// What handlers were told, in order.
final class Journal: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { self.lines.withLock { $0 } }

    func note(_ line: String) { self.lines.withLock { $0.append(line) } }
}

extension RawSpan {
    var array: [UInt8] { unsafe self.withUnsafeBytes { unsafe Array($0) } }
}

/// Notes what happens on a stream.
final class NotingStream: StreamHandler {
    let call: StreamCall
    let journal: Journal
    let demand: StreamDemand

    init(_ call: StreamCall, _ journal: Journal, _ demand: StreamDemand = .more) {
        (self.call, self.journal, self.demand) = (call, journal, demand)
    }

    func received(_ message: RawSpan) -> StreamDemand {
        self.journal.note("message \(message.byteCount > 20 ? "of \(message.byteCount)" : "\(message.array)")")
        return self.demand
    }

    func receivedEnd() { self.journal.note("end") }
    func becameWritable() { self.journal.note("writable") }
    func closed(_ end: StreamEnd) { self.journal.note("closed \(end)") }
}

/// The methods that the tests call, and what happened to their calls.
final class TestService: Sendable {
    let journal = Journal()
    private let callsMutex = Mutex<[CallID]>([])
    private let streamsMutex = Mutex<[StreamCall]>([])

    /// Unary calls that wait for an answer.
    var calls: [CallID] { self.callsMutex.withLock { $0 } }
    var streams: [StreamCall] { self.streamsMutex.withLock { $0 } }

    var methods: MethodTable {
        var table = MethodTable()
        table.unary("/test.Echo/Unary") { request, _ in .message(request.array) }
        table.unary("/test.Echo/Fail") { request, call in
            .failure(GRPCStatus(.notFound, "no \(call.metadata["x-name"] ?? "name") ü"))
        }
        table.unary("/test.Echo/Later") { request, call in
            self.journal.note("call of \(request.byteCount)")
            self.callsMutex.withLock { $0.append(call.id) }
            return .deferred
        }
        table.unary("/test.Echo/Context") { _, call in
            let left = call.deadline.map { "\(($0 - start).nanoseconds)" } ?? "none"
            let binary = call.metadata.binary("x-bin").map { "\($0)" } ?? "none"
            return .message(Array("\(left) \(binary) \(call.metadata.all("x")) \(call.peer)".utf8))
        }
        table.bidirectional("/test.Echo/Stream") { self.open($0, .more) }
        table.bidirectional("/test.Echo/Hold") { self.open($0, .hold) }
        table.serverStream("/test.Echo/Flood") { self.open($0, .more) }
        table.unaryCancelled = { _ in self.journal.note("cancelled") }
        table.roundEnded = { self.journal.note("round") }
        return table
    }

    private func open(_ call: StreamCall, _ demand: StreamDemand) -> any StreamHandler {
        self.streamsMutex.withLock { $0.append(call) }
        return NotingStream(call, self.journal, demand)
    }

    func connection(_ limits: GRPCServerConfiguration.Limits = .init()) -> RPCConnection {
        var configuration = GRPCServerConfiguration(addresses: [])
        configuration.limits = limits
        var connection = RPCConnection(
            configuration: configuration, methods: self.methods,
            place: RPCConnection.Place(loop: 0, connection: 0, generation: 0), peer: "1.2.3.4:5", now: start)
        connection.received(ByteBuffer(bytes: Client.hello), at: start)
        _ = connection.http2.takeFrames()
        return connection
    }
}

extension RPCConnection {
    mutating func receive(_ frames: WireFrame...) -> [WireFrame] {
        self.receive(frames)
    }

    mutating func receive(_ frames: [WireFrame]) -> [WireFrame] {
        var bytes: [UInt8] = []
        for frame in frames { bytes += frame.bytes }
        self.received(ByteBuffer(bytes: bytes), at: start)
        return self.http2.takeFrames()
    }

    mutating func send(_ fill: (inout ReplyBatch) -> Void) -> [WireFrame] {
        var batch = ReplyBatch()
        fill(&batch)
        for part in batch.parts { for entry in part.entries { self.answer(entry, part.arena) } }
        return self.http2.takeFrames()
    }

    /// A unary call, whole.
    mutating func call(
        _ path: String, _ message: [UInt8], _ more: [(String, String)] = [], stream: UInt32 = 1
    ) -> [WireFrame] {
        self.receive(.headers(stream, Client.request(path, more)), .data(stream, Client.message(message), end: true))
    }
}

extension [WireFrame] {
    /// The messages in these frames' DATA.
    var messages: [[UInt8]] {
        var bytes: ArraySlice<UInt8> = []
        for frame in self where frame.type == 0 { bytes += frame.payload }
        var messages: [[UInt8]] = []
        while bytes.count >= 5 {
            let length = bytes.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
            messages.append([UInt8](bytes.dropFirst(5).prefix(length)))
            bytes = bytes.dropFirst(5 + length)
        }
        return messages
    }

    /// Code and text of the status that ends these frames, in words.
    var status: String {
        guard let last = self.last(where: { $0.type == 1 }), last.flags & 1 != 0 else { return "none" }
        let found = fields(last.payload)
        let http = found[":status"].map { $0 == "200" ? "" : "\($0) " } ?? ""
        return http + (found["grpc-status"] ?? "?") + (found["grpc-message"].map { " \($0)" } ?? "")
    }
}

@Suite("gRPC on a connection")
struct RPCTests {
    @Test("A call and its answer: header, message, trailers")
    func unary() {
        var connection = TestService().connection()
        for number in 0..<10 as Range<UInt32> {
            let frames = connection.call("/test.Echo/Unary", [1, 2, 3], stream: number * 2 + 1)
            #expect(frames.map(\.type) == [1, 0, 1] && frames.map(\.flags) == [4, 0, 5])
            #expect(fields(frames[0].payload) == [":status": "200", "content-type": "application/grpc"])
            #expect(frames.messages == [[1, 2, 3]] && frames.status == "0")
        }
    }

    @Test("Errors without a message are one header block, in grpc-go's words")
    func refusals() {
        let service = TestService()
        var connection = service.connection()
        var stream: UInt32 = 1
        func status(_ path: String, _ more: [(String, String)] = [], _ payload: [UInt8] = Client.message([])) -> String {
            defer { stream += 2 }
            let frames = connection.receive(
                .headers(stream, Client.request(path, more)), .data(stream, payload, end: true))
            let status = frames.status
            #expect(frames.filter { $0.type == 1 }.count == (status == "0" ? 2 : 1), "\(path)")
            return status
        }
        #expect(status("/no.Service/Get") == "12 unknown service no.Service")
        #expect(status("/test.Echo/Get") == "12 unknown method Get for service test.Echo")
        #expect(status("nothing") == "12 malformed method name: \"nothing\"")
        #expect(status("/test.Echo/Fail", [("x-name", "100%")]) == "5 no 100%25 %C3%BC")
        #expect(
            status("/test.Echo/Unary", [("grpc-encoding", "gzip")])
                == "12 grpc: Decompressor is not installed for grpc-encoding \"gzip\"")
        #expect(status("/test.Echo/Unary", [("grpc-encoding", "identity")]) == "0")
        #expect(status("/test.Echo/Unary", [("grpc-timeout", "1x")]) == "400 13 malformed grpc-timeout: \"1x\"")
        #expect(
            status("/test.Echo/Unary", [], Client.message([1], flag: 1))
                == "13 grpc: compressed flag set with identity or empty encoding")
        #expect(
            status("/test.Echo/Unary", [], Client.message([1], flag: 7))
                == "13 grpc: received unexpected payload format 7")
        #expect(
            status("/test.Echo/Unary", [], [0, 0x00, 0x20, 0x00, 0x01])
                == "8 grpc: received message larger than max (2097153 vs. 2097152)")
        #expect(
            status("/test.Echo/Unary", [], [0, 0xFF, 0xFF, 0xFF, 0xFF])
                == "8 grpc: received message larger than max (4294967295 vs. 2097152)")
        #expect(status("/test.Echo/Unary", [], [0, 0, 0, 0, 4, 1, 2]) == "2 unexpected EOF")
        #expect(status("/test.Echo/Unary", [], []) == "2 EOF")
        let get = Client.requestFields().map { $0.0 == ":method" ? (":method", "GET") : $0 }
        #expect(
            connection.receive(.headers(101, Client.block(get), end: true)).status
                == "405 13 http2Server.operateHeaders parsed a :method field: GET which should be POST")
        let html = Client.requestFields().map { $0.0 == "content-type" ? ("content-type", "application/grpcx") : $0 }
        #expect(
            connection.receive(.headers(103, Client.block(html), end: true)).status
                == "415 3 invalid gRPC request content-type \"application/grpcx\"")
        let subtype = Client.requestFields().map { $0.0 == "content-type" ? ("content-type", "application/grpc+proto") : $0 }
        #expect(
            connection.receive(.headers(105, Client.block(subtype)), .data(105, Client.message([]), end: true)).status == "0")
    }

    @Test("What a handler is told of a call")
    func context() {
        var connection = TestService().connection()
        let more = [("grpc-timeout", "2S"), ("x-bin", "AQI"), ("x", "1"), ("x", "2")]
        let text = "2000000000 [1, 2] [\"1\", \"2\"] 1.2.3.4:5"
        #expect(connection.call("/test.Echo/Context", [], more).messages == [Array(text.utf8)])
        let bare = "none none [] 1.2.3.4:5"
        #expect(connection.call("/test.Echo/Context", [], stream: 3).messages == [Array(bare.utf8)])
    }

    @Test("Answers that come later, in another order; those to calls that have ended are dropped")
    func later() {
        let service = TestService()
        var connection = service.connection()
        for number in 0..<3 as Range<UInt32> {
            #expect(connection.call("/test.Echo/Later", [1], stream: number * 2 + 1).isEmpty)
        }
        connection.roundEnded()
        connection.roundEnded()
        #expect(service.journal.all == ["call of 1", "call of 1", "call of 1", "round"])
        #expect(connection.receive(.reset(3)).isEmpty)
        #expect(service.journal.all.last == "cancelled")
        let frames = connection.send { batch in
            batch.reply(service.calls[2], [7])
            batch.reply(service.calls[1], [8])
            batch.finish(service.calls[0], GRPCStatus(.unavailable, "no"))
            batch.reply(service.calls[0], [9])
        }
        #expect(frames.messages == [[7]] && frames.filter { $0.type == 1 }.map(\.stream) == [5, 5, 1])
        #expect(frames.filter { $0.stream == 1 }.status == "14 no")
        // The slots are used again: an old answer does not go to a new call.
        #expect(connection.call("/test.Echo/Later", [1], stream: 7).isEmpty)
        #expect(connection.send { batch in for call in service.calls.prefix(3) { batch.reply(call, [1]) } }.isEmpty)
        connection.endAll()
        #expect(service.journal.all.filter { $0 == "cancelled" }.count == 2)
    }

    @Test("A message in any number of frames, cut anywhere")
    func frames() {
        let message = (0..<40).map { UInt8($0) }
        let bytes = Client.message(message)
        for size in 1...bytes.count {
            var connection = TestService().connection()
            var frames = connection.receive(.headers(1, Client.request()))
            for at in stride(from: 0, to: bytes.count, by: size) {
                frames += connection.receive(.data(1, Array(bytes[at..<min(bytes.count, at + size)])))
            }
            #expect(frames.messages == [message], "\(size)")
            // The client had not ended its side.
            #expect(frames.last == .reset(1, 0))
        }
    }

    @Test("Streams both ways: several messages in a frame, one in several frames, and the end")
    func bidirectional() {
        let service = TestService()
        var connection = service.connection()
        let two = Client.message([1]) + Client.message([2, 3]) + [0, 0]
        _ = connection.receive(.headers(1, Client.request("/test.Echo/Stream")), .data(1, two), .data(1, [0, 0, 1, 9]))
        #expect(service.journal.all == ["message [1]", "message [2, 3]", "message [9]"])
        let call = service.streams[0]
        let first = connection.send { $0.message(call, [5]) }
        #expect(first.map(\.type) == [1, 0] && first.messages == [[5]] && call.pendingBytes == 0)
        let more = connection.send { batch in for byte in 0..<3 as Range<UInt8> { batch.message(call, [byte]) } }
        #expect(more.map(\.type) == [0, 0, 0] && more.messages == [[0], [1], [2]])
        _ = connection.receive(.data(1, [], end: true))
        #expect(service.journal.all.last == "end")
        let last = connection.send { $0.finish(call.id, GRPCStatus(.cancelled, "bye")) }
        #expect(last.map(\.type) == [1] && last.status == "1 bye" && service.journal.all.last == "closed finished")
        #expect(connection.send { $0.message(call, [5]) }.isEmpty && call.pendingBytes == 0)
    }

    @Test("A stream that ends with a status before any message; one that is cancelled; one whose connection goes")
    func ends() {
        let service = TestService()
        var connection = service.connection()
        let open = (0..<3 as Range<UInt32>).map { WireFrame.headers($0 * 2 + 1, Client.request("/test.Echo/Stream")) }
        _ = connection.receive(open[0], open[1], open[2])
        #expect(connection.send { $0.finish(service.streams[0].id, GRPCStatus(.outOfRange)) }.status == "11")
        _ = connection.receive(.reset(3))
        _ = connection.receive(.data(0, []))
        #expect(service.journal.all == ["closed finished", "closed cancelled", "closed disconnected"])
        _ = connection.receive(.data(1, []))
        var cut = service.connection()
        #expect(cut.receive(open[0], .data(1, [0, 0, 0, 0, 5, 1], end: true)).status == "13 unexpected EOF")
        #expect(service.journal.all.last == "closed cancelled")
    }

    @Test("A handler that holds gets no message, and its client no window, until it resumes")
    func hold() {
        let service = TestService()
        var connection = service.connection()
        let message = Client.message([UInt8](repeating: 1, count: 9_995))
        _ = connection.receive(.headers(1, Client.request("/test.Echo/Hold")))
        var frames: [WireFrame] = []
        for _ in 0..<6 { frames += connection.receive(.data(1, message)) }
        #expect(service.journal.all == ["message of 9995"] && !frames.contains { $0.type == 8 && $0.stream == 1 })
        for taken in 2...6 {
            frames += connection.send { $0.resume(service.streams[0].id) }
            #expect(service.journal.all.count == taken)
        }
        #expect(frames.filter { $0.type == 8 && $0.stream == 1 }.reduce(0) { $0 + $1.number(0) } >= 40_000)
        _ = connection.receive(.data(1, [], end: true))
        #expect(service.journal.all.last != "end")
        _ = connection.send { $0.resume(service.streams[0].id) }
        #expect(service.journal.all.last == "end")
    }

    @Test("A message that fits into the window only with what was consumed before gets its room")
    func room() {
        let service = TestService()
        var connection = service.connection()
        var window = 65_535
        var frames = connection.receive(.headers(1, Client.request("/test.Echo/Stream")))
        for size in [30_000, 60_000] {
            var bytes = Client.message([UInt8](repeating: 1, count: size))[...]
            while !bytes.isEmpty, window > 0 {
                let part = Array(bytes.prefix(min(window, 16_384)))
                bytes = bytes.dropFirst(part.count)
                frames = connection.receive(.data(1, part))
                window -= part.count
                for frame in frames where frame.type == 8 && frame.stream == 1 { window += Int(frame.number(0)) }
            }
            #expect(bytes.isEmpty)
        }
        #expect(service.journal.all == ["message of 30000", "message of 60000"])
    }

    @Test("A writer is told when its reader is slow, and when it has caught up; one that goes on regardless is ended")
    func marks() {
        let service = TestService()
        var limits = GRPCServerConfiguration.Limits()
        (limits.streamHighMark, limits.streamLowMark, limits.streamLimit) = (100_000, 40_000, 300_000)
        var connection = service.connection(limits)
        _ = connection.receive(.headers(1, Client.request("/test.Echo/Flood")), .data(1, Client.message([]), end: true))
        let call = service.streams[0]
        var written = 0
        while call.canWrite {
            _ = connection.send { $0.message(call, [UInt8](repeating: 2, count: 9_000)) }
            written += 1
        }
        #expect((written * 9_005 - 65_535) >= 100_000 && call.pendingBytes >= 100_000)
        #expect(!service.journal.all.contains("writable"))
        _ = connection.receive(.window(0, 1 << 20), .window(1, 50_000))
        #expect(!service.journal.all.contains("writable"))
        _ = connection.receive(.window(1, 50_000))
        #expect(service.journal.all.filter { $0 == "writable" }.count == 1 && call.canWrite)
        var frames: [WireFrame] = []
        for _ in 0..<40 { frames += connection.send { $0.message(call, [UInt8](repeating: 2, count: 9_000)) } }
        #expect(frames.filter { $0.type == 3 } == [.reset(1, HTTP2ErrorCode.enhanceYourCalm.rawValue)])
        #expect(service.journal.all.last == "closed overrun" && call.pendingBytes == 0 || !call.canWrite)
    }

    @Test(
        "Requests larger than a stream's window share a budget, and all of them end", arguments: 1...4 as ClosedRange<UInt64>)
    func budget(seed: UInt64) {
        let service = TestService()
        var random = SeededRandom(seed: seed)
        var limits = GRPCServerConfiguration.Limits()
        (limits.streamWindow, limits.requestBudget, limits.connectionWindow) = (65_535, 400_000, 1 << 20)
        var connection = service.connection(limits)
        // What each stream has yet to send, and may.
        var left: [UInt32: ArraySlice<UInt8>] = [:]
        var windows: [UInt32: Int] = [0: 1 << 20]
        var done = 0
        for stream in stride(from: 1, to: 41, by: 2) as StrideTo<UInt32> {
            let size = Int.random(in: 0...390_000, using: &random)
            left[stream] = Client.message([UInt8](repeating: UInt8(stream), count: size))[...]
            windows[stream] = 65_535
            _ = connection.receive(.headers(stream, Client.request("/test.Echo/Later")))
        }
        for step in 0... where !left.isEmpty {
            guard step < 50_000 else {
                Issue.record("seed \(seed) does not end: \(left.mapValues(\.count)) \(windows)")
                return
            }
            let stream = left.keys.sorted().randomElement(using: &random)!
            let count = min(
                16_384, left[stream]!.count, windows[stream]!, windows[0]!, Int.random(in: 1...16_384, using: &random))
            guard count > 0 else { continue }
            let part = Array(left[stream]!.prefix(count))
            left[stream]!.removeFirst(count)
            windows[stream]! -= count
            windows[0]! -= count
            let isEnd = left[stream]!.isEmpty
            if isEnd { left[stream] = nil }
            for frame in connection.receive(.data(stream, part, end: isEnd)) where frame.type == 8 {
                windows[frame.stream, default: 0] += Int(frame.number(0))
            }
            let kept = connection.calls.reduce(0) { $0 + $1.partial.readableBytes }
            #expect(kept <= 400_000 + 20 * 65_535, "seed \(seed)")
            if isEnd { done += 1 }
            if left.isEmpty { break }
        }
        #expect(done == 20 && service.calls.count == 20 && connection.budget.left == 400_000, "seed \(seed)")
    }
}
