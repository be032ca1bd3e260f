import EtcdWire
import Platform
import Testing

@Suite struct RoundTripTests {
    @Test(arguments: Messages.types.indices)
    func whatIsWrittenIsRead(type: Int) throws {
        func check<Message: WireMessage>(_ type: Message.Type, seed: UInt64) throws {
            var random = SeededRandom(seed: seed)
            let message = Messages.sample(type, &random)
            let bytes = message.encoded()
            let again = try Message(decoding: bytes)
            #expect(again == message, "\(type), seed \(seed)")
            #expect(again.encoded() == bytes, "\(type), seed \(seed)")
            // From the middle of something longer, and after something else.
            #expect(try Message(decoding: ([1, 2, 3] + bytes + [4])[3..<3 + bytes.count]) == message)
            var after: [UInt8] = [9, 9]
            message.encode(into: &after)
            #expect(after == [9, 9] + bytes)
        }
        for seed in 0..<25 {
            try check(Messages.types[type], seed: UInt64(type * 1000 + seed))
        }
    }

    /// The sampling above is only worth something when it does reach the fields.
    @Test func samplesHaveContent() {
        var random = SeededRandom(seed: 7)
        let samples = (0..<500).map { _ in Messages.sample(TxnRequest.self, &random) }
        #expect(samples.contains { !$0.compare.isEmpty && !$0.success.isEmpty && !$0.failure.isEmpty })
        let puts = (0..<2000).compactMap { _ in
            if case .put(let request) = Messages.sample(RequestOp.self, &random) { request } else { nil }
        }
        #expect(puts.contains { !$0.key.isEmpty } && puts.contains { !$0.value.isEmpty })
        let ranges = (0..<500).map { _ in Messages.sample(RangeRequest.self, &random) }
        #expect(ranges.contains { $0.maxCreateRevision != 0 } && ranges.contains { $0.sortTarget == .value })
    }

    @Test func mutatedInputNeverTraps() {
        var random = SeededRandom(seed: 20_260_101)
        var refused = 0
        var read = 0
        func attempt<Message: WireMessage>(_ type: Message.Type) {
            var bytes = Messages.sample(type, &random).encoded()
            if bytes.count > 400 { bytes.removeLast(bytes.count - 400) }
            for _ in 0..<20 {
                var mutant = bytes
                for _ in 0..<Int.random(in: 1...4, using: &random) { Self.mutate(&mutant, &random) }
                do {
                    let message = try Message(decoding: mutant)
                    read += 1
                    // What was read can be written and read again.
                    if random.chance(0.05) { #expect((try? Message(decoding: message.encoded())) == message) }
                } catch {
                    refused += 1
                    #expect(error.offset >= 0 && error.offset <= mutant.count)
                }
            }
        }
        while refused + read < 100_000 {
            for type in Messages.types { attempt(type) }
        }
        #expect(refused > 10_000 && read > 10_000, "\(refused) refused, \(read) read")
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1 where place < bytes.count: bytes[place] = [0, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
        case 2: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
        case 3: bytes.removeSubrange(place...)
        default: bytes.insert(contentsOf: bytes.prefix(place), at: place)
        }
    }
}
