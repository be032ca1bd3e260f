internal import Platform

extension CRC32C {
    /// The checksum of two runs of bytes, of which each is known with the second's length.
    ///
    /// Appending bytes multiplies the first's checksum by a power of x, modulo the polynomial; powers come by squaring.
    static func joined(_ first: UInt32, _ second: UInt32, secondCount: Int64) -> UInt32 {
        var power: UInt32 = 1 << 31
        // x^8, a byte.
        var square: UInt32 = 1 << 23
        var count = secondCount
        while count > 0 {
            if count & 1 == 1 { power = self.product(square, power) }
            square = self.product(square, square)
            count >>= 1
        }
        return self.product(power, first) ^ second
    }

    /// Product of two polynomials, each with the coefficient of x^0 in its highest bit.
    private static func product(_ left: UInt32, _ right: UInt32) -> UInt32 {
        var (sum, right) = (0 as UInt32, right)
        var bit: UInt32 = 1 << 31
        while bit != 0 {
            if left & bit != 0 { sum ^= right }
            right = right & 1 == 0 ? right >> 1 : right >> 1 ^ 0x82F6_3B78
            bit >>= 1
        }
        return sum
    }
}
