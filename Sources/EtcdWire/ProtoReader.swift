/// Reads protobuf fields one after another. Every step is checked: a reader over hostile bytes throws, and neither traps,
/// nor recurses without limit, nor allocates more than the input is long.
///
/// Format: https://protobuf.dev/programming-guides/encoding/
public struct ProtoReader {
    /// Protobuf's own limit: 2 GiB less one byte.
    public static let maximumSize = Int(Int32.max)
    /// Levels of messages within messages.
    public static let maximumDepth = 64

    private let source: ArraySlice<UInt8>
    private var offset: Int
    private var end: Int
    private var depth = 0
    private var field = 0
    private var wireType = WireType.varint
    private var fieldStart: Int

    /// How a field's value is laid out.
    public enum WireType: UInt8, Sendable, Hashable {
        case varint = 0
        case fixed64, lengthDelimited, startGroup, endGroup, fixed32
    }

    public init(_ bytes: [UInt8]) throws(WireError) {
        try self.init(bytes[...])
    }

    public init(_ bytes: ArraySlice<UInt8>) throws(WireError) {
        guard bytes.count <= Self.maximumSize else { throw WireError(.tooLarge, offset: 0) }
        self.source = bytes
        self.offset = bytes.startIndex
        self.end = bytes.endIndex
        self.fieldStart = bytes.startIndex
    }

    /// Moves to the next field and returns its number, or nil at the end of the message.
    public mutating func nextField() throws(WireError) -> Int? {
        guard self.offset < self.end else { return nil }
        self.fieldStart = self.offset
        let tag = try self.varint()
        guard let wireType = WireType(rawValue: UInt8(tag & 7)) else { throw self.error(.invalidWireType) }
        let number = tag >> 3
        guard number > 0, number <= 536_870_911 else { throw self.error(.invalidTag) }
        self.wireType = wireType
        self.field = Int(number)
        return self.field
    }

    public mutating func uint64() throws(WireError) -> UInt64 {
        try self.expect(.varint)
        return try self.varint()
    }

    public mutating func int64() throws(WireError) -> Int64 {
        Int64(bitPattern: try self.uint64())
    }

    /// The low 32 bits, as protobuf's own parsers do.
    public mutating func uint32() throws(WireError) -> UInt32 {
        UInt32(truncatingIfNeeded: try self.uint64())
    }

    public mutating func bool() throws(WireError) -> Bool {
        try self.uint64() != 0
    }

    public mutating func enumeration<Value: RawRepresentable>() throws(WireError) -> Value where Value.RawValue == Int32 {
        let raw = Int32(truncatingIfNeeded: try self.uint64())
        guard let value = Value(rawValue: raw) else { throw self.error(.unknownEnumValue) }
        return value
    }

    /// Appends one value, or all of them when they are packed.
    public mutating func enumerations<Value: RawRepresentable>(into values: inout [Value]) throws(WireError)
    where Value.RawValue == Int32 {
        guard self.wireType == .lengthDelimited else {
            values.append(try self.enumeration())
            return
        }
        let end = try self.lengthDelimitedEnd()
        while self.offset < end {
            let raw = Int32(truncatingIfNeeded: try self.varint())
            guard let value = Value(rawValue: raw) else { throw self.error(.unknownEnumValue) }
            values.append(value)
        }
        guard self.offset == end else { throw self.error(.truncated) }
    }

    /// Appends one value, or all of them when they are packed.
    public mutating func uint64s(into values: inout [UInt64]) throws(WireError) {
        guard self.wireType == .lengthDelimited else {
            values.append(try self.uint64())
            return
        }
        let end = try self.lengthDelimitedEnd()
        while self.offset < end {
            values.append(try self.varint())
        }
        guard self.offset == end else { throw self.error(.truncated) }
    }

    public mutating func bytes() throws(WireError) -> [UInt8] {
        let end = try self.lengthDelimitedEnd()
        defer { self.offset = end }
        return Array(self.source[self.offset..<end])
    }

    public mutating func string() throws(WireError) -> String {
        let end = try self.lengthDelimitedEnd()
        guard let string = String(validating: self.source[self.offset..<end], as: UTF8.self) else {
            throw self.error(.invalidUTF8)
        }
        self.offset = end
        return string
    }

    public mutating func message<Message: WireMessage>(_ type: Message.Type = Message.self) throws(WireError) -> Message {
        var message = Message()
        try self.merge(into: &message)
        return message
    }

    /// Reads a message's fields over those `message` has: what protobuf asks for when a message field comes twice.
    public mutating func merge<Message: WireMessage>(into message: inout Message) throws(WireError) {
        let inner = try self.lengthDelimitedEnd()
        let outer = self.end
        guard self.depth < Self.maximumDepth else { throw self.error(.tooDeep) }
        self.depth += 1
        self.end = inner
        while let field = try self.nextField() {
            try message.decode(field: field, from: &self)
        }
        self.end = outer
        self.depth -= 1
    }

    /// Passes over the field's value.
    public mutating func skip() throws(WireError) {
        switch self.wireType {
        case .varint: _ = try self.varint()
        case .fixed64: try self.advance(by: 8)
        case .fixed32: try self.advance(by: 4)
        case .lengthDelimited: self.offset = try self.lengthDelimitedEnd()
        case .startGroup: try self.skipGroup()
        case .endGroup: throw self.error(.unbalancedGroup)
        }
    }

    /// Passes over the field's value and returns the whole field, tag included, to be kept as it is.
    public mutating func skipped() throws(WireError) -> [UInt8] {
        let start = self.fieldStart
        try self.skip()
        return Array(self.source[start..<self.offset])
    }

    mutating func rest<Message: WireMessage>() throws(WireError) -> Message {
        var message = Message()
        while let field = try self.nextField() {
            try message.decode(field: field, from: &self)
        }
        return message
    }

    private mutating func skipGroup() throws(WireError) {
        let group = self.field
        guard self.depth < Self.maximumDepth else { throw self.error(.tooDeep) }
        self.depth += 1
        while let field = try self.nextField() {
            if self.wireType == .endGroup {
                guard field == group else { throw self.error(.unbalancedGroup) }
                self.depth -= 1
                return
            }
            try self.skip()
        }
        throw self.error(.unbalancedGroup)
    }

    private func expect(_ wireType: WireType) throws(WireError) {
        guard self.wireType == wireType else { throw self.error(.wrongWireType) }
    }

    private mutating func advance(by count: Int) throws(WireError) {
        guard self.end - self.offset >= count else { throw self.error(.truncated) }
        self.offset += count
    }

    private mutating func lengthDelimitedEnd() throws(WireError) -> Int {
        try self.expect(.lengthDelimited)
        let length = try self.varint()
        guard length <= UInt64(self.end - self.offset) else { throw self.error(.truncated) }
        return self.offset + Int(length)
    }

    private mutating func varint() throws(WireError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while self.offset < self.end {
            let byte = self.source[self.offset]
            self.offset += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift >= 70 { throw self.error(.varintTooLong) }
        }
        throw self.error(.truncated)
    }

    private func error(_ problem: WireError.Problem) -> WireError {
        WireError(problem, offset: self.offset - self.source.startIndex)
    }
}
