internal import NIOHPACK

/// A request's header fields, parsed only where they are asked for. Names are lower case, as HTTP/2 has them.
public struct Metadata: Sendable {
    private let headers: HPACKHeaders

    init(_ headers: HPACKHeaders) {
        self.headers = headers
    }

    /// The first value of a field. Of one whose name ends in `-bin` it is the base64 text; see ``binary(_:)``.
    public subscript(_ name: String) -> String? {
        self.headers.first(name: name)
    }

    /// Every value of a field, in order.
    public func all(_ name: String) -> [String] {
        self.headers[name]
    }

    /// The bytes of a field whose name ends in `-bin`; nil when there is none or it is not base64.
    public func binary(_ name: String) -> [UInt8]? {
        self.headers.first(name: name).flatMap { Base64.decode($0) }
    }
}

/// Base64 as gRPC sends it: padded or not (RFC 4648, 4).
enum Base64 {
    static func decode(_ text: String) -> [UInt8]? {
        var characters = text.utf8[...]
        for _ in 0..<2 where characters.last == UInt8(ascii: "=") { characters = characters.dropLast() }
        guard characters.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(characters.count * 3 / 4)
        var (bits, count): (UInt32, Int) = (0, 0)
        for character in characters {
            guard let value = Self.value(character) else { return nil }
            bits = bits << 6 | value
            count += 6
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
        }
        return bytes
    }

    private static func value(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character) - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character) + 4
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
