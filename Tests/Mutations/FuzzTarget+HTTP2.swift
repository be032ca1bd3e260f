internal import Bolt
internal import GRPCServer
internal import Synchronization

/// A client's connection to a member, from its first byte on: cut in any way, the same calls and the same answers as in one
/// piece; and whatever it sends, no more is kept for it than the limits say.
extension FuzzTarget {
    static func http2(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let rest = bytes[1...]
        let size = Int(first) + 1
        let parts = stride(from: rest.startIndex, to: rest.endIndex, by: size).map { rest[$0..<min($0 + size, rest.endIndex)] }
        let (whole, inParts) = (Served([rest]), Served(parts))
        precondition(whole == inParts, "a connection says the same in any parts")
        // A server that answers meanwhile, and a client that takes it late.
        _ = Served(parts, isBusy: true)
    }

    static func http2Seeds() -> [[UInt8]] {
        let sessions = Self.recorded.map { text in
            let digits = Array(text.utf8)
            return stride(from: 0, to: digits.count, by: 2).map { at -> UInt8 in
                UInt8(String(decoding: digits[at..<at + 2], as: UTF8.self), radix: 16) ?? 0
            }
        }
        return sessions.flatMap { session in [[0] + session, [8] + session, [255] + session] } + [[60] + self.manyCalls]
    }

    /// What etcdctl says from its first byte to its last: 3.5 puts, 3.5 watches, 3.4 gets.
    private static let recorded = [
        """
        505249202a20485454502f322e300d0a0d0a534d0d0a0d0a0000000400000000000000000401000000000000690104000000018386458f60a924\
        882d9dcb6571af9b8b1aed4f418b089d5c0b8170dc6dd03adf5f8b1d75d0620d263d4c4d65647a8a9acac8b4c7602bb2f2e040027465864d8335\
        05b11f40899acac8b24d494f6a7f8669f7c026dcb7408d25062d495875996ee5b1063d5f03332e35000011000100000001000000000c0a036b65\
        79120576616c756500000806010000000002041010090e07070000040800000000000000002100000806000000000002041010090e0707
        """,
        """
        505249202a20485454502f322e300d0a0d0a534d0d0a0d0a0000000400000000000000000401000000000000670104000000018386459260a924\
        882d9dcb6571afc86924ec721a493f418b089d5c0b8170dc699642df5f8b1d75d0620d263d4c4d65647a8a9acac8b4c7602bb2f2e04002746586\
        4d833505b11f40879c68a0a390b67f834d9697408d25062d495875996ee5b1063d5f03332e3500000d00000000000100000000080a060a016b12\
        016c00000806010000000002041010090e07070000040800000000000000002300000806000000000002041010090e0707
        """,
        """
        505249202a20485454502f322e300d0a0d0a534d0d0a0d0a00000004000000000000000004010000000000006b0104000000018386459060a924\
        882d9dcb6571af9b8b1b4754c5418b089d5c0b8170dc65b75a6f5f8b1d75d0620d263d4c4d65647a8b9acac8b4c7602bb2caecff40027465864d\
        833505b11f40899acac8b24d494f6a7f8669f7de0bcddb408d25062d495875996ee5b1063d5f03332e3400000b00010000000100000000060a01\
        6112017a00000806010000000002041010090e07070000040800000000000000003700000806000000000002041010090e0707
        """,
    ]

    /// Calls of every method, with a message that waits for its window, resets, pings, and streams that end.
    private static let manyCalls: [UInt8] = {
        func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt8, _ payload: [UInt8]) -> [UInt8] {
            [0, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF), type, flags, 0, 0, 0, stream] + payload
        }
        func field(_ name: String, _ value: String) -> [UInt8] {
            [0, UInt8(name.utf8.count)] + name.utf8 + [UInt8(value.utf8.count)] + value.utf8
        }
        func message(_ count: Int) -> [UInt8] {
            [0, 0, 0, UInt8(count >> 8), UInt8(count & 0xFF)] + Array(repeating: 7, count: count)
        }
        var bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0, 0, [0, 4, 0, 0, 0, 20])
        let paths = ["KV/Range", "KV/Put", "Watch/Watch", "Maintenance/Snapshot", "KV/None"]
        for (index, path) in paths.enumerated() {
            let block =
                field(":method", "POST") + field(":scheme", "http") + field(":path", "/etcdserverpb.\(path)")
                + field("content-type", "application/grpc") + field("te", "trailers")
            let stream = UInt8(index * 2 + 1)
            bytes += frame(1, 0, stream, Array(block.prefix(40))) + frame(9, 4, stream, Array(block.dropFirst(40)))
            bytes += frame(0, 0, stream, Array(message(2_500).prefix(400))) + frame(0, 9, stream, [1] + message(9) + [0])
        }
        bytes += frame(8, 0, 5, [0, 0, 0, 90]) + frame(6, 0, 0, Array(repeating: 1, count: 8)) + frame(3, 0, 3, [0, 0, 0, 8])
        bytes += frame(2, 0, 5, [0, 0, 0, 0, 1]) + frame(7, 0, 0, Array(repeating: 0, count: 8))
        return bytes
    }()
}

/// What a server made of a connection.
private struct Served: Equatable {
    private(set) var output: [UInt8] = []
    private(set) var calls: [String] = []
    private(set) var failure: String?

    /// Small ones, so that inputs meet them.
    private static let limits = {
        var limits = GRPCServerConfiguration.Limits()
        (limits.maxMessageSize, limits.maxConcurrentStreams) = (4_000, 8)
        (limits.maxHeaderListSize, limits.maxHeaderFields) = (2_000, 20)
        (limits.streamWindow, limits.requestBudget) = (1_000, 6_000)
        (limits.maxQueuedBytes, limits.outputMark, limits.maxControlBacklog) = (20_000, 4_000, 2_000)
        (limits.streamHighMark, limits.streamLowMark, limits.streamLimit) = (4_000, 1_000, 8_000)
        (limits.controlBurst, limits.controlPerSecond) = (100, 1)
        (limits.resetBurst, limits.resetsPerSecond) = (40, 1)
        return limits
    }()

    /// What all of them allow together, a frame on its way in, and what may be said to so few bytes as come at a time.
    private static let bound: Int = {
        let limits = Self.limits
        let requests = limits.requestBudget + limits.maxConcurrentStreams * limits.streamWindow
        let answers = limits.maxConcurrentStreams * (limits.streamLimit + limits.maxMessageSize)
        return requests + answers + limits.outputMark + limits.maxControlBacklog + (16 << 10) + 256 * 30
    }()

    /// - Parameter isBusy: Whether calls are answered while bytes come, and not only when none do any more.
    init(_ parts: [ArraySlice<UInt8>], isBusy: Bool = false) {
        let handlers = Handlers()
        var connection = DetachedConnection(handlers.methods, Self.limits)
        for (index, part) in parts.enumerated() {
            connection.receive(part)
            precondition(connection.callCount <= Self.limits.maxConcurrentStreams, "\(connection.callCount) calls")
            guard isBusy else { continue }
            connection.send(handlers.takeAnswers())
            precondition(connection.heldBytes <= Self.bound, "\(connection.heldBytes) bytes are kept for one client")
            if index % 16 == 15 { connection.wait(seconds: 1) }
            // Who does not take what is said to it is not listened to.
            if connection.outputBytes > Self.limits.outputMark { self.output += connection.takeOutput() }
        }
        // An answer may let a call have its next message.
        for _ in 0..<8 { connection.send(handlers.takeAnswers()) }
        self.output += connection.takeOutput()
        self.failure = connection.failure
        connection.wait(seconds: 1)
        connection.end()
        self.calls = handlers.log
        precondition(connection.callCount == 0 && handlers.open == 0, "each call ends")
    }
}

/// Handlers of each kind, at etcd's own paths. They note what they are told.
private final class Handlers: Sendable {
    private struct State {
        var log: [String] = []
        var open = 0
        var answers = ReplyBatch()
    }

    private let state = Mutex(State())

    var log: [String] { self.state.withLock { $0.log } }
    var open: Int { self.state.withLock { $0.open } }

    func takeAnswers() -> ReplyBatch {
        self.state.withLock {
            let answers = $0.answers
            $0.answers = ReplyBatch()
            return answers
        }
    }

    func note(_ words: String, open: Int = 0, _ answer: (inout ReplyBatch) -> Void = { _ in }) {
        self.state.withLock {
            $0.log.append(words)
            $0.open += open
            answer(&$0.answers)
        }
    }

    var methods: MethodTable {
        var table = MethodTable()
        table.unary("/etcdserverpb.KV/Range") { request, _ in
            self.note("range \(request.byteCount)")
            return request.byteCount % 7 == 6 ? .failure(GRPCStatus(.aborted, "no")) : .message([UInt8](copying: request))
        }
        table.unary("/etcdserverpb.KV/Put") { request, call in
            let message = [UInt8](copying: request)
            self.note("put \(message.count)") { $0.reply(call.id, message) }
            return .deferred
        }
        table.unaryCancelled = { _ in self.note("cancelled") }
        table.bidirectional("/etcdserverpb.Watch/Watch") { Echo($0, self) }
        table.serverStream("/etcdserverpb.Maintenance/Snapshot") { Echo($0, self) }
        return table
    }
}

/// Answers each message with one of its size, and has some wait for that.
private final class Echo: StreamHandler {
    private let call: StreamCall
    private let handlers: Handlers

    init(_ call: StreamCall, _ handlers: Handlers) {
        (self.call, self.handlers) = (call, handlers)
        handlers.note("opened", open: 1)
    }

    func received(_ message: RawSpan) -> StreamDemand {
        let (call, bytes) = (self.call, [UInt8](copying: message))
        let isHeld = bytes.count % 5 == 4
        self.handlers.note("message \(bytes.count)") {
            $0.message(call, bytes)
            if isHeld { $0.resume(call.id) }
        }
        return isHeld ? .hold : .more
    }

    func receivedEnd() {
        let call = self.call
        self.handlers.note("ended") { $0.finish(call.id, .ok) }
    }

    func becameWritable() { self.handlers.note("writable") }
    func closed(_ end: StreamEnd) { self.handlers.note("closed \(end)", open: -1) }
}
