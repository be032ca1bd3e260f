internal import CPlatform

/// CRC-32C (Castagnoli polynomial, reflected, as in iSCSI and etcd's write-ahead log): by the processor's instruction
/// where there is one, by table elsewhere. The check value of "123456789" is `0xE3069283`.
public enum CRC32C {
    /// - Parameter crc: The checksum of what came before; 0 at the start.
    /// - Returns: The checksum of all before and `bytes`.
    public static func checksum(_ bytes: [UInt8], continuing crc: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe self.checksum($0.bytes, continuing: crc) }
    }

    public static func checksum(_ bytes: ArraySlice<UInt8>, continuing crc: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe self.checksum($0.bytes, continuing: crc) }
    }

    public static func checksum(_ bytes: RawSpan, continuing crc: UInt32 = 0) -> UInt32 {
        guard self.hasInstruction else { return self.byTable(bytes, continuing: crc) }
        return unsafe bytes.withUnsafeBytes { unsafe quorate_crc32c(crc, $0.baseAddress, $0.count) }
    }

    /// The same by table, a byte a step.
    static func byTable(_ bytes: RawSpan, continuing crc: UInt32 = 0) -> UInt32 {
        var value = ~crc
        for index in bytes.byteOffsets {
            let byte = unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            value = self.table[Int((value ^ UInt32(byte)) & 0xFF)] ^ (value >> 8)
        }
        return ~value
    }

    private static let hasInstruction = quorate_crc32c_available() != 0

    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in
            value & 1 == 0 ? value >> 1 : (value >> 1) ^ 0x82F6_3B78
        }
    }
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo), the checksum of bbolt's meta pages.
public enum FNV1a {
    public static func checksum(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}
