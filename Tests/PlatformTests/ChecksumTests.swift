import Testing

@testable import Platform

@Suite struct ChecksumTests {
    @Test func checkValues() {
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.checksum([]) == 0)
        #expect(FNV1a.checksum([]) == 0xCBF2_9CE4_8422_2325)
        #expect(FNV1a.checksum(Array("foobar".utf8)) == 0x8594_4171_F739_67E8)
    }

    @Test func theTableAndTheInstructionAgree() {
        var random = SeededRandom(seed: 11)
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let start = UInt32(truncatingIfNeeded: random.next())
            let byTable = unsafe bytes.withUnsafeBytes { unsafe CRC32C.byTable($0.bytes, continuing: start) }
            #expect(CRC32C.checksum(bytes, continuing: start) == byTable)
        }
    }

    @Test func aChecksumCanBeContinued() {
        let bytes = Array("the quick brown fox".utf8)
        for cut in 0...bytes.count {
            let first = CRC32C.checksum(bytes[..<cut])
            #expect(CRC32C.checksum(bytes[cut...], continuing: first) == CRC32C.checksum(bytes))
        }
    }
}
