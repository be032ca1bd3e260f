/// Appends protobuf fields to bytes. A default value is left out, as proto3 does, unless `always` is set, as the messages
/// of etcd's WAL want it (gogo's "non-nullable").
public struct ProtoWriter: Sendable {
    public private(set) var bytes: [UInt8]

    /// - Parameter bytes: What the fields are appended to.
    public init(_ bytes: [UInt8] = []) {
        self.bytes = bytes
    }

    public mutating func uint64(_ field: Int, _ value: UInt64, always: Bool = false) {
        guard always || value != 0 else { return }
        self.tag(field, .varint)
        self.varint(value)
    }

    /// A negative value takes ten bytes.
    public mutating func int64(_ field: Int, _ value: Int64, always: Bool = false) {
        self.uint64(field, UInt64(bitPattern: value), always: always)
    }

    public mutating func uint32(_ field: Int, _ value: UInt32, always: Bool = false) {
        self.uint64(field, UInt64(value), always: always)
    }

    public mutating func bool(_ field: Int, _ value: Bool, always: Bool = false) {
        self.uint64(field, value ? 1 : 0, always: always)
    }

    public mutating func enumeration<Value: RawRepresentable>(_ field: Int, _ value: Value, always: Bool = false)
    where Value.RawValue == Int32 {
        self.int64(field, Int64(value.rawValue), always: always)
    }

    /// Packed, as proto3 writes repeated numbers.
    public mutating func enumerations<Value: RawRepresentable>(_ field: Int, _ values: [Value]) where Value.RawValue == Int32 {
        guard !values.isEmpty else { return }
        self.lengthDelimited(field) { writer in
            for value in values {
                writer.varint(UInt64(bitPattern: Int64(value.rawValue)))
            }
        }
    }

    /// One field for each, as proto2 writes repeated numbers.
    public mutating func uint64s(_ field: Int, _ values: [UInt64]) {
        for value in values {
            self.uint64(field, value, always: true)
        }
    }

    public mutating func bytes(_ field: Int, _ value: [UInt8], always: Bool = false) {
        guard always || !value.isEmpty else { return }
        self.tag(field, .lengthDelimited)
        self.varint(UInt64(value.count))
        self.bytes.append(contentsOf: value)
    }

    public mutating func bytes(_ field: Int, _ values: [[UInt8]]) {
        for value in values {
            self.bytes(field, value, always: true)
        }
    }

    public mutating func string(_ field: Int, _ value: String, always: Bool = false) {
        guard always || !value.isEmpty else { return }
        self.tag(field, .lengthDelimited)
        self.varint(UInt64(value.utf8.count))
        self.bytes.append(contentsOf: value.utf8)
    }

    public mutating func string(_ field: Int, _ values: [String]) {
        for value in values {
            self.string(field, value, always: true)
        }
    }

    /// Writes the message even when all its fields are defaults: a message field has presence.
    public mutating func message<Message: WireMessage>(_ field: Int, _ value: Message) {
        self.lengthDelimited(field) { writer in
            value.encode(into: &writer)
        }
    }

    public mutating func message<Message: WireMessage>(_ field: Int, _ value: Message?) {
        guard let value else { return }
        self.message(field, value)
    }

    public mutating func message<Message: WireMessage>(_ field: Int, _ values: [Message]) {
        for value in values {
            self.message(field, value)
        }
    }

    /// Fields that were kept as they came.
    public mutating func raw(_ fields: [UInt8]) {
        self.bytes.append(contentsOf: fields)
    }

    private mutating func tag(_ field: Int, _ wireType: ProtoReader.WireType) {
        self.varint(UInt64(field) << 3 | UInt64(wireType.rawValue))
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Leaves one byte for the length, which is enough for most messages, and makes room when it was not.
    private mutating func lengthDelimited(_ field: Int, _ body: (inout ProtoWriter) -> Void) {
        self.tag(field, .lengthDelimited)
        let start = self.bytes.count
        self.bytes.append(0)
        body(&self)
        var length = self.bytes.count - start - 1
        guard length >= 0x80 else {
            self.bytes[start] = UInt8(length)
            return
        }
        var prefix: [UInt8] = []
        while length >= 0x80 {
            prefix.append(UInt8(truncatingIfNeeded: length) | 0x80)
            length >>= 7
        }
        prefix.append(UInt8(length))
        self.bytes.replaceSubrange(start...start, with: prefix)
    }
}
