import NIOCore
import NIOHPACK
import Platform
import Testing

@testable import GRPCServer

/// Sessions from a seed: mostly what a client may send, with a share of what it may not.
private struct Session {
    var random: SeededRandom
    var bytes = Client.preface
    private var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
    private var open: [UInt32] = []
    private var nextStream: UInt32 = 1

    init(seed: UInt64, frames: Int) {
        self.random = SeededRandom(seed: seed)
        self.bytes += WireFrame.settings([(4, UInt32.random(in: 0...100_000, using: &self.random))]).bytes
        self.bytes += self.request()
        for _ in 0..<frames { self.bytes += self.frame() }
    }

    private mutating func frame() -> [UInt8] {
        switch Int.random(in: 0..<12, using: &self.random) {
        case 0, 1, 2: return self.request()
        case 3, 4, 5: return self.data()
        case 6: return WireFrame.ping(self.random.next(), ack: self.random.chance(0.2)).bytes
        case 7:
            return WireFrame.window(
                self.random.chance(0.5) ? 0 : self.stream(), UInt32.random(in: 1...70_000, using: &self.random)
            ).bytes
        case 8: return WireFrame.priority(self.stream() | 1).bytes
        case 9: return WireFrame.settings([(4, UInt32.random(in: 0...100_000, using: &self.random))]).bytes
        case 10:
            guard self.random.chance(0.3), let stream = self.open.popLast() else { return WireFrame.settings(ack: true).bytes }
            return WireFrame.reset(stream).bytes
        default: return WireFrame(type: UInt8.random(in: 10...255, using: &self.random), payload: [1, 2, 3]).bytes
        }
    }

    private mutating func stream() -> UInt32 {
        self.open.randomElement(using: &self.random) ?? 1
    }

    private mutating func request() -> [UInt8] {
        let stream = self.nextStream
        self.nextStream += 2
        var headers = HPACKHeaders(Client.requestFields())
        if self.random.chance(0.5) { headers.add(name: "grpc-timeout", value: "\(self.random.next() % 1000)m") }
        var block = ByteBuffer()
        guard (try? self.encoder.encode(headers: headers, to: &block)) != nil else { return [] }
        let bytes = Array(block.readableBytesView)
        let isEnd = self.random.chance(0.2)
        if !isEnd { self.open.append(stream) }
        guard self.random.chance(0.3) else { return WireFrame.headers(stream, bytes, end: isEnd).bytes }
        let cut = Int.random(in: 0...bytes.count, using: &self.random)
        return WireFrame.headers(stream, Array(bytes[..<cut]), end: isEnd, flags: 0).bytes
            + WireFrame.continuation(stream, Array(bytes[cut...])).bytes
    }

    private mutating func data() -> [UInt8] {
        guard let stream = self.open.randomElement(using: &self.random) else { return [] }
        let isEnd = self.random.chance(0.3)
        if isEnd { self.open.removeAll { $0 == stream } }
        let count = Int.random(in: 0...300, using: &self.random)
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        guard self.random.chance(0.2) else { return WireFrame.data(stream, payload, end: isEnd).bytes }
        let padding = UInt8.random(in: 0...40, using: &self.random)
        return WireFrame(
            type: 0, flags: 8 | (isEnd ? 1 : 0), stream: stream,
            payload: [padding] + payload + [UInt8](repeating: 0, count: Int(padding))
        ).bytes
    }

    /// Changes, takes out and puts in a few bytes anywhere.
    mutating func damage() {
        for _ in 0..<Int.random(in: 1...6, using: &self.random) {
            let at = Int.random(in: 0..<self.bytes.count, using: &self.random)
            switch Int.random(in: 0..<4, using: &self.random) {
            case 0: self.bytes[at] = UInt8.random(in: 0...255, using: &self.random)
            case 1: self.bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &self.random)
            case 2: self.bytes.insert(UInt8.random(in: 0...255, using: &self.random), at: at)
            default: self.bytes.remove(at: at)
            }
        }
    }
}

/// What comes of a stream of bytes: events, answers and the state at the end.
private struct Outcome: Equatable {
    var events: [String]
    var output: [UInt8]
    var failure: HTTP2Error?

    /// - Parameter parts: The stream as it was read. Every request is answered as soon as it ends.
    init(_ parts: [ArraySlice<UInt8>]) {
        var connection = HTTP2Connection()
        var events: [String] = []
        for part in parts {
            connection.received(ByteBuffer(bytes: part), at: start)
            while let event = connection.next() {
                events.append(event.words)
                switch event {
                case .request(let key, _, true), .data(let key, _, true):
                    connection.send(
                        key, head: ResponseBlocks.head, lead: (0, 3), body: ByteBuffer(bytes: [1, 2, 3]),
                        trailers: ResponseBlocks.ok)
                case .data(let key, let bytes, false): connection.consumed(key, bytes.readableBytes)
                default: break
                }
            }
        }
        (self.events, self.output, self.failure) = (events, Array(connection.output.readableBytesView), connection.failure)
    }
}

@Suite("HTTP/2 in any parts, and of any bytes")
struct FuzzTests {
    @Test("Wherever a stream is cut in two, and byte by byte, the same happens")
    func everyCut() {
        let stream = Session(seed: 5, frames: 25).bytes[...]
        let whole = Outcome([stream])
        #expect(whole.failure == nil && whole.events.count > 5)
        for cut in stream.indices { #expect(Outcome([stream[..<cut], stream[cut...]]) == whole, "cut at \(cut)") }
        #expect(Outcome(stream.indices.map { stream[$0...$0] }) == whole)
    }

    @Test("Any stream in any parts", arguments: 1...40 as ClosedRange<UInt64>)
    func parts(seed: UInt64) {
        var session = Session(seed: seed, frames: 80)
        let whole = Outcome([session.bytes[...]])
        #expect(whole.failure == nil, "seed \(seed)")
        #expect(Outcome(Self.cut(session.bytes, &session.random)) == whole, "seed \(seed)")
    }

    /// Larger with `QUORATE_HTTP2_FUZZ`, the number of seeds.
    @Test("A damaged stream ends in an error or goes on, the same in any parts, and never traps")
    func damaged() {
        let count = environment("QUORATE_HTTP2_FUZZ").flatMap { UInt64($0) } ?? 200
        var failures: [HTTP2ErrorCode: Int] = [:]
        for seed in 1...count {
            var session = Session(seed: seed, frames: 12)
            session.damage()
            let whole = Outcome([session.bytes[...]])
            if let failure = whole.failure { failures[failure.code, default: 0] += 1 }
            #expect(Outcome(Self.cut(session.bytes, &session.random)) == whole, "seed \(seed)")
        }
        // The damage reaches deep: errors of many kinds.
        #expect(failures.count >= 3 && failures.values.reduce(0, +) > Int(count) / 4, "\(failures)")
    }

    @Test("Bytes at random after the greeting", arguments: 1...100 as ClosedRange<UInt64>)
    func noise(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var connection = HTTP2Connection.open()
        for _ in 0..<50 where connection.failure == nil {
            let type = UInt8.random(in: 0...10, using: &random)
            let size = Int.random(in: 0...40, using: &random)
            let frame = WireFrame(
                type: type, flags: UInt8.random(in: 0...255, using: &random), stream: UInt32.random(in: 0...9, using: &random),
                payload: (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) })
            _ = connection.events(frame.bytes)
        }
        #expect(connection.output.readableBytes > 0 || connection.failure == nil)
    }

    private static func cut(_ bytes: [UInt8], _ random: inout SeededRandom) -> [ArraySlice<UInt8>] {
        let largest = [1, 2, 9, 20, 500].randomElement(using: &random) ?? 9
        var parts: [ArraySlice<UInt8>] = []
        var at = 0
        while at < bytes.count {
            let end = min(bytes.count, at + Int.random(in: 1...largest, using: &random))
            parts.append(bytes[at..<end])
            at = end
        }
        return parts
    }
}

@Suite("HTTP/2's small parts")
struct PartTests {
    @Test("The table of streams against a dictionary", arguments: 1...20 as ClosedRange<UInt64>)
    func table(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var table = StreamTable()
        var model: [UInt32: StreamKey] = [:]
        var dead: [StreamKey] = []
        for step in 0..<2000 {
            let id = UInt32.random(in: 0..<200, using: &random) * 2 + 1
            if let key = model[id] {
                #expect(table.find(id) == Int(key.slot) && table.slot(key) == Int(key.slot), "seed \(seed), step \(step)")
                if random.chance(0.6) {
                    table.close(Int(key.slot))
                    model[id] = nil
                    dead.append(key)
                }
            } else {
                #expect(table.find(id) == nil, "seed \(seed), step \(step)")
                let slot = table.open(id, sendWindow: 1, receiveWindow: 1)
                model[id] = table.key(slot)
            }
            #expect(table.count == model.count)
        }
        #expect(dead.allSatisfy { table.slot($0) == nil })
    }

    @Test("Permits come back with time, and no more than there were")
    func rateLimit() {
        var limit = RateLimit(burst: 3, perSecond: 2, now: start)
        func take(_ time: NIODeadline) -> Bool { limit.take(at: time) }
        for _ in 1...3 { #expect(take(start)) }
        #expect(!take(start + .milliseconds(499)))
        #expect(take(start + .milliseconds(500)))
        #expect(!take(start + .milliseconds(500)))
        for _ in 1...3 { #expect(take(start + .hours(1))) }
        #expect(!take(start + .hours(1)))
        limit.give(9)
        for _ in 1...3 { #expect(take(start + .hours(1))) }
        #expect(!take(start + .hours(1)))
    }

    @Test("grpc-timeout")
    func timeouts() {
        #expect(RequestHead.timeout("5S") == .after(.seconds(5)))
        #expect(RequestHead.timeout("00000100m") == .after(.milliseconds(100)))
        #expect(RequestHead.timeout("7u") == .after(.microseconds(7)))
        #expect(RequestHead.timeout("99999999H") == .after(.hours(100 * 365 * 24)))
        for text in ["", "S", "5", "5s", "-5S", "+5S", "123456789S", "5 S", "5.5S", "\u{665}S"] {
            #expect(RequestHead.timeout(text) == .malformed(text))
        }
    }

    @Test("Messages of errors are percent-encoded, and binary metadata is base64")
    func encodings() {
        #expect(ResponseBlocks.percentEncoded("a %\u{e9}\n") == Array("a %25%C3%A9%0A".utf8))
        #expect(ResponseBlocks.percentEncoded(String(repeating: "%", count: 100_000)).count < 4100)
        #expect(Base64.decode("aGVsbG8=") == Array("hello".utf8) && Base64.decode("aGVsbG8") == Array("hello".utf8))
        #expect(Base64.decode("") == [] && Base64.decode("a") == nil && Base64.decode("ab!c") == nil)
        #expect(
            fields(ResponseBlocks.only(GRPCStatus(.notFound, "nö"), http: 415)) == [
                ":status": "415", "content-type": "application/grpc", "grpc-status": "5", "grpc-message": "n%C3%B6",
            ])
        #expect(fields(ResponseBlocks.head) == [":status": "200", "content-type": "application/grpc"])
        #expect(
            fields(ResponseBlocks.trailers(GRPCStatus(.aborted, String(repeating: "x", count: 300))))["grpc-message"]?.count
                == 300)
    }

    @Test("Blocks that add to the table are told from those that do not")
    func blocks() {
        func isPure(_ bytes: [UInt8]) -> Bool { HeaderDecoder.leavesTableAlone(ByteBuffer(bytes: bytes)) }
        #expect(
            isPure([0x82, 0x86, 0xC1]) && isPure(Client.request()) && isPure([0x04, 0x01, 0x2F]) && isPure([0x1F, 0x10, 0x00]))
        #expect(!isPure([0x40, 0x01, 0x61, 0x01, 0x62]) && !isPure([0x41, 0x01, 0x62]) && !isPure([0x3F, 0xE1, 0x1F]))
        #expect(!isPure([0x00, 0x05, 0x61]) && !isPure([0xFF]) && !isPure([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]))
    }

    @Test("A block means another thing once the table has changed")
    func knownBlocks() throws {
        var decoder = HeaderDecoder(routes: [:], maxListSize: 10_000, maxFields: 100)
        var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
        func path(_ path: String) throws -> (ByteBuffer, String?) {
            var block = ByteBuffer()
            try encoder.encode(headers: HPACKHeaders(Client.requestFields(path)), to: &block)
            guard case .success(let head) = try decoder.request(block) else { return (block, nil) }
            return (block, head.path)
        }
        #expect(try path("/a/a").1 == "/a/a")
        let (block, again) = try path("/a/a")
        #expect(again == "/a/a" && HeaderDecoder.leavesTableAlone(block))
        #expect(try path("/b/b").1 == "/b/b")
        #expect(try path("/a/a").1 == "/a/a")
        #expect(try path("/b/b").1 == "/b/b")
    }

    @Test("The same bytes mean another thing once the table has changed")
    func sameBytes() throws {
        var decoder = HeaderDecoder(routes: [:], maxListSize: 10_000, maxFields: 100)
        /// POST and http from the static table, and a path.
        func path(_ bytes: [UInt8]) throws -> String? {
            guard case .success(let head) = try decoder.request(ByteBuffer(bytes: [0x83, 0x86] + bytes)) else { return nil }
            return head.path
        }
        for name in ["/a/a", "/b/b", "/c/c"] {
            #expect(try path([0x44] + Client.string(name)) == name)
            for _ in 0..<3 { #expect(try path([0xBE]) == name) }
        }
        #expect(try path([0xBF]) == "/b/b")
    }
}
