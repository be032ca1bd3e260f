import NIOCore
import Platform
import Testing

@testable import GRPCServer

@Suite("Sending within windows")
struct SendTests {
    /// A client that keeps books: it opens windows at random, and checks that each byte was allowed and is the right one.
    private struct Reader {
        var connectionWindow = 65_535
        var windows: [UInt32: Int] = [:]
        var received: [UInt32: [UInt8]] = [:]
        var ended: Set<UInt32> = []
        var maxFrame = 16_384

        mutating func take(_ frames: [WireFrame], _ seed: UInt64) {
            for frame in frames where frame.type <= 1 {
                #expect(!self.ended.contains(frame.stream), "seed \(seed)")
                if frame.type == 0 {
                    #expect(frame.payload.count <= self.maxFrame, "seed \(seed)")
                    self.connectionWindow -= frame.payload.count
                    self.windows[frame.stream, default: 0] -= frame.payload.count
                    self.received[frame.stream, default: []] += frame.payload
                    #expect(self.connectionWindow >= 0 && self.windows[frame.stream, default: 0] >= 0, "seed \(seed)")
                }
                if frame.flags & 1 != 0 { self.ended.insert(frame.stream) }
            }
        }
    }

    @Test("Every byte arrives, in order, never beyond a window", arguments: 1...60 as ClosedRange<UInt64>)
    func windows(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var limits = GRPCServerConfiguration.Limits()
        limits.outputMark = [1_000, 50_000, 1 << 20].randomElement(using: &random) ?? 1_000
        limits.controlBurst = 1_000_000
        var connection = HTTP2Connection.open(limits)
        var reader = Reader()
        let streams = (0..<UInt32.random(in: 1...8, using: &random)).map { $0 * 2 + 1 }
        var keys: [UInt32: StreamKey] = [:]
        var sent: [UInt32: [UInt8]] = [:]
        var initial = 65_535
        for stream in streams {
            _ = connection.events(WireFrame.headers(stream, Client.request(), end: true).bytes)
            keys[stream] = connection.streams.find(stream).map { connection.streams.key($0) }
            reader.windows[stream] = initial
        }
        var unfinished = streams
        for step in 0... {
            #expect(step < 20_000, "seed \(seed) does not end")
            guard step < 20_000, reader.ended.count < streams.count else { break }
            if step < 60, let stream = unfinished.randomElement(using: &random), let key = keys[stream] {
                let size = Int.random(in: 0...[10, 3_000, 40_000].randomElement(using: &random)!, using: &random)
                let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &+ step) }
                let isEnd = random.chance(0.1)
                sent[stream, default: []] += Client.message(body)
                connection.send(
                    key, lead: (0, UInt32(size)), body: ByteBuffer(bytes: body), trailers: isEnd ? ResponseBlocks.ok : nil)
                if isEnd { unfinished.removeAll { $0 == stream } }
            } else if step >= 60, !unfinished.isEmpty {
                for stream in unfinished { connection.send(keys[stream]!, trailers: ResponseBlocks.ok) }
                unfinished = []
            }
            if random.chance(0.5) {
                reader.take(connection.takeFrames(), seed)
                connection.pump()
            }
            if random.chance(0.1) {
                let value = Int.random(in: 0...80_000, using: &random)
                // What was sent before the client said so is judged by what it had said before.
                reader.take(connection.takeFrames(), seed)
                for stream in streams { reader.windows[stream, default: 0] += value - initial }
                initial = value
                _ = connection.events(WireFrame.settings([(4, UInt32(value))]).bytes)
            }
            for stream in [0] + streams where random.chance(0.4) && !reader.ended.contains(stream) {
                let increment = Int.random(in: 1...30_000, using: &random)
                if stream == 0 { reader.connectionWindow += increment } else { reader.windows[stream]! += increment }
                _ = connection.events(WireFrame.window(stream, UInt32(increment)).bytes)
            }
        }
        #expect(connection.failure == nil && connection.streams.count == 0)
        #expect(reader.received.filter { !$0.value.isEmpty } == sent.filter { !$0.value.isEmpty }, "seed \(seed)")
    }

    @Test("Streams that wait for the same window take turns")
    func turns() {
        var connection = HTTP2Connection.open()
        for stream in [1, 3, 5] as [UInt32] {
            _ = connection.events(
                WireFrame.headers(stream, Client.request(), end: true).bytes + WireFrame.window(stream, 1 << 20).bytes)
        }
        for slot in 0..<3 as Range<UInt32> {
            connection.send(StreamKey(slot: slot, generation: 0), body: ByteBuffer(repeating: 1, count: 200_000))
        }
        _ = connection.takeFrames()
        _ = connection.events(WireFrame.window(0, 16_384 * 6).bytes)
        #expect(connection.takeFrames().filter { $0.type == 0 }.map(\.stream) == [1, 3, 5, 1, 3, 5])
    }

    @Test("A stream that has ended for us is reset, without blame, when the client has not ended it")
    func early() {
        var connection = HTTP2Connection.open()
        _ = connection.events(WireFrame.headers(1, Client.request()).bytes)
        let key = StreamKey(slot: 0, generation: 0)
        connection.sendOnlyTrailers(key, ResponseBlocks.only(GRPCStatus(.unavailable, "later")))
        let frames = connection.takeFrames()
        #expect(frames.map(\.type) == [1, 3] && frames[0].flags == 5 && frames[1] == .reset(1, 0))
        #expect(fields(frames[0].payload)["grpc-message"] == "later")
        // What the client had sent by then.
        #expect(connection.events(WireFrame.data(1, [1, 2, 3], end: true).bytes) == [])
        connection.send(key, body: ByteBuffer(bytes: [1]))
        #expect(connection.takeFrames().isEmpty && connection.failure == nil)
    }

    @Test("Going away: first without a limit, then with one; what is under way ends well")
    func draining() {
        var connection = HTTP2Connection.open()
        _ = connection.events(WireFrame.headers(1, Client.request(), end: true).bytes)
        connection.drain(at: start)
        let first = connection.takeFrames()
        #expect(first.map(\.type) == [7, 6] && first[0].number(0) == 0x7FFF_FFFF && first[0].number(4) == 0)
        #expect(connection.events(WireFrame.headers(3, Client.request(), end: true).bytes).count == 1)
        var answer = first[1]
        answer.flags = 1
        _ = connection.events(answer.bytes)
        #expect(connection.takeFrames().map { $0.number(0) } == [3])
        #expect(connection.events(WireFrame.headers(5, Client.request(), end: true).bytes) == [])
        #expect(connection.takeFrames() == [.reset(5, HTTP2ErrorCode.refusedStream.rawValue)])
        for slot in 0..<2 as Range<UInt32> {
            #expect(!connection.isFinished)
            connection.send(StreamKey(slot: slot, generation: 0), trailers: ResponseBlocks.only(.ok))
        }
        #expect(connection.isFinished && connection.failure == nil)

        var silent = HTTP2Connection.open()
        silent.drain(at: start)
        silent.tick(start + .milliseconds(900))
        #expect(!silent.isFinished)
        silent.tick(start + .seconds(1))
        #expect(silent.isFinished)
    }

    @Test("A silent connection is pinged, and given up when it stays silent; one that never greets is not waited for")
    func keepalive() {
        var keepalive = GRPCServerConfiguration.Keepalive()
        (keepalive.interval, keepalive.timeout) = (.seconds(30), .seconds(5))
        var connection = HTTP2Connection.open(.init(), keepalive)
        connection.tick(start + .seconds(29))
        #expect(connection.takeFrames().isEmpty)
        connection.tick(start + .seconds(30))
        let ping = connection.takeFrames()
        #expect(ping.map(\.type) == [6])
        _ = connection.events(WireFrame.ping(ping[0].number(0, 8), ack: true).bytes, at: start + .seconds(34))
        connection.tick(start + .seconds(36))
        #expect(connection.failure == nil)
        connection.tick(start + .seconds(64))
        connection.tick(start + .seconds(69))
        #expect(connection.failure?.code == .noError)

        var mute = HTTP2Connection()
        _ = mute.events(Client.preface)
        mute.tick(start + .seconds(9))
        #expect(mute.failure == nil)
        mute.tick(start + .seconds(10))
        #expect(mute.failure?.code == .settingsTimeout)
    }
}
