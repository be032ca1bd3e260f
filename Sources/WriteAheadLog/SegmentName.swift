/// The name of a segment: its sequence number, and the index its entries begin at.
/// `%016x-%016x.wal`, as etcd names them.
public struct SegmentName: Sendable, Hashable, Comparable, CustomStringConvertible {
    public var sequence: UInt64
    public var index: UInt64

    public init(sequence: UInt64, index: UInt64) {
        (self.sequence, self.index) = (sequence, index)
    }

    /// Nil for any other file name.
    public init?(_ name: String) {
        let bytes = Array(name.utf8)
        guard bytes.count == 37, bytes[16] == UInt8(ascii: "-"), bytes[33...].elementsEqual(".wal".utf8),
            let sequence = Self.value(bytes[..<16]), let index = Self.value(bytes[17..<33])
        else { return nil }
        self.init(sequence: sequence, index: index)
    }

    public var description: String {
        "\(hexadecimal(self.sequence))-\(hexadecimal(self.index)).wal"
    }

    /// Whether `next` is the segment written after this one.
    func isFollowed(by next: SegmentName) -> Bool {
        self.sequence < .max && next.sequence == self.sequence + 1
    }

    public static func < (left: SegmentName, right: SegmentName) -> Bool {
        (left.sequence, left.index) < (right.sequence, right.index)
    }

    private static func value(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: value = value << 4 | UInt64(digit - 0x30)
            case 0x61...0x66: value = value << 4 | UInt64(digit - 0x61 + 10)
            default: return nil
            }
        }
        return value
    }
}

/// Sixteen digits.
func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
