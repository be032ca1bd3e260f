/// The header blocks of answers, in HPACK (RFC 7541) without a table: the same bytes on every connection.
enum ResponseBlocks {
    /// `:status 200`, `content-type: application/grpc`.
    static let head = Self.status(200) + Self.contentType
    /// `grpc-status: 0`.
    static let ok = Self.trailers(.ok)

    /// The status after messages. grpc-go sends the message also when it is empty; to clients that is the same.
    static func trailers(_ status: GRPCStatus) -> [UInt8] {
        var block = Self.field("grpc-status", Array("\(status.code)".utf8))
        if !status.message.isEmpty { block += Self.field("grpc-message", Self.percentEncoded(status.message)) }
        return block
    }

    /// The status where there is nothing else.
    /// - Parameter http: Other than 200 for a request that is none of gRPC.
    static func only(_ status: GRPCStatus, http: Int = 200) -> [UInt8] {
        (http == 200 ? Self.head : Self.status(http) + Self.contentType) + Self.trailers(status)
    }

    /// Longer texts are cut: a client takes header lists of 8 KiB and more only if it says so.
    private static let maxMessage = 4096

    /// gRPC's encoding of the message: what is not printable ASCII, and `%` itself, as `%XX`.
    static func percentEncoded(_ message: String) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in message.utf8 {
            guard result.count < Self.maxMessage else { break }
            if (0x20...0x7E).contains(byte), byte != UInt8(ascii: "%") {
                result.append(byte)
            } else {
                result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return result
    }

    /// `:status`: 8 is 200 in the static table; any other is a literal with that entry's name.
    private static func status(_ code: Int) -> [UInt8] {
        code == 200 ? [0x88] : [0x08] + Self.string(Array("\(code)".utf8))
    }

    /// A literal whose name is entry 31 of the static table, and that is not added.
    private static let contentType: [UInt8] = [0x0F, 31 - 15] + Self.string(Array("application/grpc".utf8))

    /// A literal with a name of its own, that is not added.
    private static func field(_ name: String, _ value: [UInt8]) -> [UInt8] {
        [0x00] + Self.string(Array(name.utf8)) + Self.string(value)
    }

    private static func string(_ bytes: [UInt8]) -> [UInt8] {
        var length: [UInt8] = []
        var count = bytes.count
        if count < 127 {
            length = [UInt8(count)]
        } else {
            length = [127]
            count -= 127
            while count >= 128 {
                length.append(UInt8(count & 127) | 128)
                count >>= 7
            }
            length.append(UInt8(count))
        }
        return length + bytes
    }
}
