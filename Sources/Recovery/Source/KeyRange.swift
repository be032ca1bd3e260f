internal import EtcdWire

/// Keys: one, or all from `start` up to but without `end`.
public struct KeyRange: Sendable, Hashable {
    public var start: [UInt8]
    /// Nil for the end of all keys.
    public var end: [UInt8]?

    /// One key.
    public init(key: [UInt8]) {
        (self.start, self.end) = (key, key + [0])
    }

    /// All keys that begin with this; with nothing, all keys.
    public init(prefix: [UInt8]) {
        self.start = prefix
        var end = prefix
        while end.last == .max { end.removeLast() }
        if let last = end.popLast() { self.end = end + [last + 1] } else { self.end = nil }
    }

    /// As requests give a range: with no end one key, with a zero byte all from the key on.
    init(_ key: [UInt8], _ rangeEnd: [UInt8]) {
        self.start = key
        self.end = rangeEnd.isEmpty ? key + [0] : rangeEnd == [0] ? nil : rangeEnd
    }

    public func contains(_ key: some Sequence<UInt8>) -> Bool {
        if key.lexicographicallyPrecedes(self.start) { return false }
        return self.end.map { key.lexicographicallyPrecedes($0) } ?? true
    }

    func overlaps(_ other: KeyRange) -> Bool {
        let ends = self.end.map { other.start.lexicographicallyPrecedes($0) } ?? true
        return ends && (other.end.map { self.start.lexicographicallyPrecedes($0) } ?? true)
    }
}

extension EntryContent {
    /// Whether this reads, writes or compares a key of a range. What a lease takes with it when it ends does not show.
    func touches(_ range: KeyRange) -> Bool {
        guard case .request(let request) = self else { return false }
        switch request.operation {
        case .put(let put): return range.contains(put.key)
        case .range(let read): return KeyRange(read.key, read.rangeEnd).overlaps(range)
        case .deleteRange(let delete): return KeyRange(delete.key, delete.rangeEnd).overlaps(range)
        case .txn(let txn): return txn.touches(range)
        default: return false
        }
    }
}

extension TxnRequest {
    fileprivate func touches(_ range: KeyRange) -> Bool {
        self.compare.contains { KeyRange($0.key, $0.rangeEnd).overlaps(range) }
            || (self.success + self.failure).contains { operation in
                switch operation {
                case .put(let put): range.contains(put.key)
                case .range(let read): KeyRange(read.key, read.rangeEnd).overlaps(range)
                case .deleteRange(let delete): KeyRange(delete.key, delete.rangeEnd).overlaps(range)
                case .txn(let txn): txn.touches(range)
                }
            }
    }
}

/// Keys for people and for JSON: as they are where all bytes are printable ASCII, others as `\xNN`.
public enum KeyText {
    public static func printable(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            if byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\\") {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16)
                text += byte < 16 ? "\\x0\(digits)" : "\\x\(digits)"
            }
        }
        return text
    }

    /// The bytes of such a text.
    public static func bytes(_ text: String) -> [UInt8] {
        let utf8 = Array(text.utf8)
        var bytes: [UInt8] = []
        var index = 0
        while index < utf8.count {
            if utf8[index] == UInt8(ascii: "\\"), index + 3 < utf8.count, utf8[index + 1] == UInt8(ascii: "x"),
                let byte = UInt8(String(decoding: utf8[index + 2...index + 3], as: UTF8.self), radix: 16)
            {
                bytes.append(byte)
                index += 4
            } else {
                bytes.append(utf8[index])
                index += 1
            }
        }
        return bytes
    }
}
