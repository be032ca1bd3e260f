internal import EtcdWire

/// What the index keeps of a row, read from its bytes (an encoded `KeyValue`) without a copy of its value.
struct RowFields {
    var key: [UInt8] = []
    var createRevision: Int64 = 0
    var version: Int64 = 0
    var lease: Int64 = 0

    /// Nil where the bytes are not a `KeyValue`.
    init?(_ bytes: RawSpan) {
        var offset = 0
        while offset < bytes.byteCount {
            guard let tag = Self.varint(bytes, &offset) else { return nil }
            switch tag {
            case 0x0A:
                guard let range = Self.length(bytes, &offset) else { return nil }
                self.key = [UInt8](bytesOf: bytes.extracting(range))
            case 0x10, 0x18, 0x20, 0x30:
                guard let number = Self.varint(bytes, &offset) else { return nil }
                switch tag {
                case 0x10: self.createRevision = Int64(bitPattern: number)
                case 0x20: self.version = Int64(bitPattern: number)
                case 0x30: self.lease = Int64(bitPattern: number)
                default: break
                }
            case 0x2A:
                guard Self.length(bytes, &offset) != nil else { return nil }
            default:
                // Nothing of etcd's; the general reader knows how to pass over it.
                guard let kv = try? KeyValue(decoding: [UInt8](bytesOf: bytes)) else { return nil }
                (self.key, self.createRevision, self.version, self.lease) = (kv.key, kv.createRevision, kv.version, kv.lease)
                return
            }
        }
    }

    private static func length(_ bytes: RawSpan, _ offset: inout Int) -> Range<Int>? {
        guard let length = self.varint(bytes, &offset), length <= UInt64(bytes.byteCount - offset) else { return nil }
        let range = offset..<(offset + Int(length))
        offset = range.upperBound
        return range
    }

    private static func varint(_ bytes: RawSpan, _ offset: inout Int) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.byteCount, shift < 70 {
            let byte = bytes.byte(at: offset)
            offset += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }
}

extension [UInt8] {
    /// A copy of bytes that are another's.
    init(bytesOf bytes: RawSpan) {
        self = unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
    }
}
