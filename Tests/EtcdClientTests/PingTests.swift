import EtcdWire
import NIOCore
import NIOEmbedded
import Platform
import TestSupport
import Testing

@testable import EtcdClient

/// A frame as the tests write it.
private struct Frame {
    var type: UInt8
    var flags: UInt8 = 0
    var stream: UInt32 = 0
    var payload: [UInt8] = []

    var bytes: [UInt8] {
        let length = [UInt8(self.payload.count >> 16), UInt8(self.payload.count >> 8 & 0xFF), UInt8(self.payload.count & 0xFF)]
        let stream = (0..<4).map { UInt8(truncatingIfNeeded: self.stream >> (24 - 8 * $0)) }
        return length + [self.type, self.flags] + stream + self.payload
    }

    /// Whether it is to be answered, said another way than the machine says it.
    var answer: UInt64? {
        guard self.type == 6, self.flags % 2 == 0, [0, 0x8000_0000].contains(self.stream), self.payload.count == 8 else {
            return nil
        }
        return self.payload.reduce(0) { $0 << 8 | UInt64($1) }
    }

    static func ping(_ payload: UInt64) -> Frame {
        Frame(type: 6, payload: (0..<8).map { UInt8(truncatingIfNeeded: payload >> (56 - 8 * $0)) })
    }

    /// Any frame, pings and what looks like one more often than others.
    static func random(_ random: inout SeededRandom) -> Frame {
        var frame = Frame.ping(random.next())
        if random.chance(0.4) { return frame }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: frame.flags = UInt8.random(in: 0...255, using: &random)
        case 1: frame.stream = [1, 0x8000_0000, 0x8000_0001].randomElement(using: &random) ?? 1
        case 2: frame.payload = Array(frame.payload.prefix(Int.random(in: 0...8, using: &random)))
        case 3: frame.payload.append(6)
        default:
            frame.type = UInt8.random(in: 0...9, using: &random)
            let count = random.chance(0.1) ? 70_000 : Int.random(in: 0...40, using: &random)
            frame.payload = (0..<count).map { _ in random.chance(0.3) ? 6 : UInt8.random(in: 0...255, using: &random) }
        }
        return frame
    }
}

/// What comes out, with neighbouring bytes put together.
private enum Piece: Equatable {
    case bytes([UInt8])
    case answer(UInt64)
    case closed

    static func append(_ piece: Piece, to pieces: inout [Piece]) {
        if case .bytes(let new) = piece, case .bytes(let old)? = pieces.last {
            pieces[pieces.count - 1] = .bytes(old + new)
        } else {
            pieces.append(piece)
        }
    }

    static func expected(_ frames: [Frame], tail: [UInt8] = []) -> [Piece] {
        var pieces: [Piece] = []
        for frame in frames { Self.append(frame.answer.map { .answer($0) } ?? .bytes(frame.bytes), to: &pieces) }
        if !tail.isEmpty { Self.append(.bytes(tail), to: &pieces) }
        return pieces
    }

    /// What the machine makes of a stream that comes in these parts. It never holds more back than a ping.
    static func produced(_ parts: [ArraySlice<UInt8>]) -> [Piece] {
        var machine = PingStateMachine()
        var pieces: [Piece] = []
        var (came, went) = (0, 0)
        for part in parts {
            came += part.count
            for action in machine.received(ByteBuffer(bytes: part), at: .uptimeNanoseconds(0)) {
                switch action {
                case .pass(let bytes):
                    went += bytes.readableBytes
                    Self.append(.bytes(Array(bytes.readableBytesView)), to: &pieces)
                case .answer(let payload):
                    went += PingStateMachine.pingSize
                    Self.append(.answer(payload), to: &pieces)
                case .close: Self.append(.closed, to: &pieces)
                }
            }
            #expect(came - went < PingStateMachine.pingSize)
        }
        if case .pass(let bytes) = machine.ended() { Self.append(.bytes(Array(bytes.readableBytesView)), to: &pieces) }
        return pieces
    }
}

@Suite("Pings below HTTP/2")
struct PingTests {
    private static let frames = [
        Frame(type: 4), .ping(1), Frame(type: 0, flags: 1, stream: 1, payload: [0, 0, 8, 6, 0, 0, 0, 0, 0]), .ping(.max),
        .ping(0x0102_0304_0506_0708), Frame(type: 6, flags: 1, payload: [0, 0, 0, 0, 0, 0, 0, 1]),
        Frame(type: 6, stream: 3, payload: [0, 0, 0, 0, 0, 0, 0, 1]), Frame(type: 6, payload: [1, 2, 3]), .ping(7),
    ]

    @Test("Wherever the stream is cut in two, the same comes out")
    func everySplit() {
        let stream = Self.frames.flatMap(\.bytes)
        for end in 0...stream.count {
            let (whole, tail) = Self.frames.prefix(ofBytes: end)
            let expected = Piece.expected(whole, tail: tail)
            for cut in 0...end {
                #expect(Piece.produced([stream[..<cut], stream[cut..<end]]) == expected, "cut at \(cut) of \(end)")
            }
            #expect(Piece.produced((0..<end).map { stream[$0...$0] }) == expected, "byte by byte")
        }
    }

    @Test("Any stream, in any parts, against a parse of the whole", arguments: 1...150 as ClosedRange<UInt64>)
    func seeded(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let frames = (0..<Int.random(in: 1...60, using: &random)).map { _ in Frame.random(&random) }
        let stream = frames.flatMap(\.bytes)
        var parts: [ArraySlice<UInt8>] = []
        var at = 0
        let largest = [1, 3, 9, 17, 40, 5_000].randomElement(using: &random) ?? 9
        while at < stream.count {
            let next = min(stream.count, at + Int.random(in: 1...largest, using: &random))
            parts.append(stream[at..<next])
            at = next
        }
        #expect(Piece.produced(parts) == Piece.expected(frames), "seed \(seed)")
    }

    @Test("More pings than any measurement needs end the connection; a slower row of them does not")
    func flood() {
        let limit = PingStateMachine.Limit(pings: 3, window: .seconds(1))
        let ping = ByteBuffer(bytes: Frame.ping(1).bytes)
        var machine = PingStateMachine(limit: limit)
        for _ in 1...3 { #expect(machine.received(ping, at: .uptimeNanoseconds(5)) == [.answer(1)]) }
        #expect(machine.received(ping, at: .uptimeNanoseconds(6)) == [.close(PingFlood(limit: limit))])
        var slow = PingStateMachine(limit: limit)
        for tick in 0..<100 {
            let now = NIODeadline.uptimeNanoseconds(UInt64(tick) * 400_000_000)
            #expect(slow.received(ping, at: now) == [.answer(1)])
        }
    }

    @Test("Answers are sent when a read is over, all together; what is held back comes before the end")
    func handler() throws {
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandler(PingResponder(), position: .first)
        try channel.connect(to: .init(unixDomainSocketPath: "/fake")).wait()
        channel.pipeline.fireChannelRead(ByteBuffer(bytes: Frame.ping(1).bytes + Frame(type: 4).bytes + Frame.ping(2).bytes))
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        #expect(try channel.readInbound(as: ByteBuffer.self) == ByteBuffer(bytes: Frame(type: 4).bytes))
        channel.pipeline.fireChannelReadComplete()
        var answer = Frame.ping(1)
        answer.flags = 1
        var second = Frame.ping(2)
        second.flags = 1
        #expect(try channel.readOutbound(as: ByteBuffer.self) == ByteBuffer(bytes: answer.bytes + second.bytes))
        channel.pipeline.fireChannelRead(ByteBuffer(bytes: [0, 0]))
        #expect(try channel.readInbound(as: ByteBuffer.self) == nil)
        _ = try channel.finish()
        #expect(try channel.readInbound(as: ByteBuffer.self) == ByteBuffer(bytes: [0, 0]))
    }

    @Test("Thousands of quick calls over one connection", arguments: EtcdVersion.enabled)
    func quickCalls(version: EtcdVersion) async throws {
        try await withEtcd(version) { etcd, connection in
            for number in 1...(version == .v35 ? 3_000 : 600) {
                let answer = try await connection.put(PutRequest(key: Array("k\(number % 100)"), value: [1]))
                #expect(answer.header.revision == Int64(number + 1))
            }
            #expect(try etcd.connectionsOfThisProcess() == 1)
        }
    }
}

extension [Frame] {
    /// The frames that are whole in the first bytes of all, and what follows them.
    fileprivate func prefix(ofBytes count: Int) -> ([Frame], [UInt8]) {
        var left = count
        var whole: [Frame] = []
        for frame in self {
            guard frame.bytes.count <= left else { return (whole, Array<UInt8>(frame.bytes.prefix(left))) }
            left -= frame.bytes.count
            whole.append(frame)
        }
        return (whole, [])
    }
}
