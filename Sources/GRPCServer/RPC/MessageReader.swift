internal import NIOCore

/// gRPC's framing of messages: a byte that says whether it is compressed, four for its length, and the message
/// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
enum MessageReader {
    static let prefixSize = 5

    /// The length of the message that begins here; nil while its prefix is not whole.
    /// - Throws: What the call ends with, in grpc-go's words.
    static func length(_ bytes: ByteBuffer, limit: Int) throws(GRPCStatus) -> Int? {
        guard let flag = bytes.getInteger(at: bytes.readerIndex, as: UInt8.self) else { return nil }
        switch flag {
        case 0: break
        // A call that names an encoding was refused before.
        case 1: throw GRPCStatus(.internal, "grpc: compressed flag set with identity or empty encoding")
        default: throw GRPCStatus(.internal, "grpc: received unexpected payload format \(flag)")
        }
        guard bytes.readableBytes >= Self.prefixSize,
            let length = bytes.getInteger(at: bytes.readerIndex + 1, as: UInt32.self)
        else { return nil }
        guard Int(length) <= limit else {
            throw GRPCStatus(.resourceExhausted, "grpc: received message larger than max (\(length) vs. \(limit))")
        }
        return Int(length)
    }

    /// Takes the message that begins here; nil while it is not whole.
    static func next(_ bytes: inout ByteBuffer, limit: Int) throws(GRPCStatus) -> ByteBuffer? {
        guard let length = try Self.length(bytes, limit: limit), bytes.readableBytes >= Self.prefixSize + length else {
            return nil
        }
        bytes.moveReaderIndex(forwardBy: Self.prefixSize)
        return bytes.readSlice(length: length)
    }
}
