/// A protobuf message with a hand-written codec.
///
/// Encoding is deterministic: fields ascend by number, and a field with its default value is left out unless the message's
/// own format says otherwise.
public protocol WireMessage: Sendable, Hashable {
    /// The message with every field at its default.
    init()

    /// Takes the value of the field that `reader` stands at. A field that is not known is skipped (`reader.skip()`).
    mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError)

    /// Appends every field.
    func encode(into writer: inout ProtoWriter)
}

extension WireMessage {
    /// Reads a whole message. No input, however wrong, does worse than throw.
    public init(decoding bytes: [UInt8]) throws(WireError) {
        var reader = try ProtoReader(bytes)
        self = try reader.rest()
    }

    /// Reads a message from a slice, such as one frame of a stream, without a copy.
    public init(decoding bytes: ArraySlice<UInt8>) throws(WireError) {
        var reader = try ProtoReader(bytes)
        self = try reader.rest()
    }

    public func encoded() -> [UInt8] {
        var writer = ProtoWriter()
        self.encode(into: &writer)
        return writer.bytes
    }

    /// Appends the encoded message to `bytes`.
    public func encode(into bytes: inout [UInt8]) {
        var writer = ProtoWriter(bytes)
        bytes = []
        self.encode(into: &writer)
        bytes = writer.bytes
    }
}
