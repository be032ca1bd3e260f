import NIOCore
import Platform
import Synchronization
import Testing

@testable import GRPCServer

/// Counts beginnings and ends of streams, and holds now and then.
private final class CountingStream: StreamHandler {
    let call: StreamCall
    private let counts: Counts

    init(_ call: StreamCall, _ counts: Counts) {
        (self.call, self.counts) = (call, counts)
        counts.add { $0.opened += 1 }
    }

    func received(_ message: RawSpan) -> StreamDemand {
        self.counts.add { $0.messages += 1 }
        return message.byteCount % 5 == 4 ? .hold : .more
    }

    func receivedEnd() {}
    func becameWritable() {}
    func closed(_ end: StreamEnd) { self.counts.add { $0.closed += 1 } }
}

private final class Counts: Sendable {
    struct Values {
        var (opened, closed, dispatched, cancelled, messages) = (0, 0, 0, 0, 0)
    }

    let values = Mutex(Values())
    let waiting = Mutex<[CallID]>([])
    let streams = Mutex<[StreamCall]>([])

    func add(_ count: (inout Values) -> Void) {
        self.values.withLock { count(&$0) }
    }

    var methods: MethodTable {
        var table = MethodTable()
        table.unary("/a.B/Unary") { _, call in
            self.add { $0.dispatched += 1 }
            self.waiting.withLock { $0.append(call.id) }
            return .deferred
        }
        table.bidirectional("/a.B/Stream") { call in
            self.streams.withLock { $0.append(call) }
            return CountingStream(call, self)
        }
        table.unaryCancelled = { _ in self.add { $0.cancelled += 1 } }
        return table
    }
}

@Suite("Calls from a seed")
struct CallFuzzTests {
    @Test(
        "Each call ends once, whatever its client and its handler do, and nothing is kept",
        arguments: 1...80 as ClosedRange<UInt64>)
    func calls(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let counts = Counts()
        var configuration = GRPCServerConfiguration(addresses: [])
        (configuration.limits.streamWindow, configuration.limits.requestBudget) = (2_000, 20_000)
        (configuration.limits.maxMessageSize, configuration.limits.maxConcurrentStreams) = (15_000, 20)
        (configuration.limits.streamLimit, configuration.limits.outputMark) = (100_000, 10_000)
        var connection = RPCConnection(
            configuration: configuration, methods: counts.methods, place: .init(loop: 0, connection: 0, generation: 0),
            peer: "", now: start)
        connection.received(ByteBuffer(bytes: Client.hello), at: start)
        var (answered, nextStream) = (0, 1 as UInt32)
        var open: [UInt32] = []
        for _ in 0..<400 {
            let frames = Self.frames(&random, &open, &nextStream)
            connection.received(ByteBuffer(bytes: frames), at: start)
            var batch = ReplyBatch()
            answered += Self.answers(&random, counts, &batch, connection)
            for part in batch.parts { for entry in part.entries { connection.answer(entry, part.arena) } }
            if random.chance(0.5) {
                connection.http2.output.clear()
                connection.pump()
            }
        }
        #expect(connection.http2.failure == nil, "seed \(seed)")
        connection.endAll()
        let values = counts.values.withLock { $0 }
        #expect(values.opened == values.closed && values.dispatched == answered + values.cancelled, "seed \(seed): \(values)")
        #expect(values.dispatched > 10 && values.messages > 10, "seed \(seed): \(values)")
        #expect(connection.budget.left == 20_000 && connection.calls.allSatisfy { $0.phase == .none }, "seed \(seed)")
        #expect(counts.streams.withLock { $0.allSatisfy { $0.inTransitIsZero } }, "seed \(seed)")
    }

    /// What a client might send next; it heeds no window but sends little.
    private static func frames(_ random: inout SeededRandom, _ open: inout [UInt32], _ next: inout UInt32) -> [UInt8] {
        guard let stream = open.randomElement(using: &random), random.chance(0.8) else {
            defer { next += 2 }
            open.append(next)
            let path = random.chance(0.5) ? "/a.B/Unary" : "/a.B/Stream"
            return WireFrame.headers(next, Client.request(path)).bytes
        }
        switch Int.random(in: 0..<10, using: &random) {
        case 0:
            open.removeAll { $0 == stream }
            return WireFrame.reset(stream).bytes
        case 1: return WireFrame.window(random.chance(0.5) ? 0 : stream, UInt32.random(in: 1...50_000, using: &random)).bytes
        case 2:
            // The beginning of a message that is larger than the window.
            let message = Client.message([UInt8](repeating: 1, count: Int.random(in: 2_000...16_000, using: &random)))
            return WireFrame.data(stream, Array(message.prefix(200))).bytes
        default:
            let isEnd = random.chance(0.2)
            if isEnd { open.removeAll { $0 == stream } }
            let message = Client.message([UInt8](repeating: 1, count: Int.random(in: 0...200, using: &random)))
            let cut = random.chance(0.3) ? Int.random(in: 0...message.count, using: &random) : message.count
            return WireFrame.data(stream, Array(message[..<cut])).bytes
                + WireFrame.data(stream, Array(message[cut...]), end: isEnd).bytes
        }
    }

    /// What the handlers' threads might answer; also to calls that are long over.
    /// - Returns: Unary calls that were still waiting and are now answered.
    private static func answers(
        _ random: inout SeededRandom, _ counts: Counts, _ batch: inout ReplyBatch, _ connection: RPCConnection
    ) -> Int {
        var answered = 0
        let waiting = counts.waiting.withLock { $0 }
        if random.chance(0.5), let call = waiting.randomElement(using: &random) {
            let isWaiting = connection.slot(StreamKey(slot: call.slot, generation: call.generation)) != nil
            counts.waiting.withLock { $0.removeAll { $0 == call } }
            if isWaiting { answered += 1 }
            if random.chance(0.7) {
                batch.reply(call, [UInt8](repeating: 2, count: Int.random(in: 0...20_000, using: &random)))
            } else {
                batch.finish(call, GRPCStatus(.aborted, "no"))
            }
        }
        guard let stream = counts.streams.withLock({ $0 }).randomElement(using: &random) else { return answered }
        switch Int.random(in: 0..<12, using: &random) {
        case 0: batch.finish(stream.id, .ok)
        case 1, 2, 3: batch.resume(stream.id)
        default: batch.message(stream, [UInt8](repeating: 3, count: Int.random(in: 0...20_000, using: &random)))
        }
        return answered
    }
}
