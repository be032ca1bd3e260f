/// A key, in the order of its bytes.
struct Key: Comparable, Hashable, Sendable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    static func < (left: Key, right: Key) -> Bool {
        compareBytes(left.bytes, right.bytes) < 0
    }

    /// All bytes at once: one at a time, as an array does it, is slow.
    func hash(into hasher: inout Hasher) {
        unsafe self.bytes.withUnsafeBytes { bytes in unsafe hasher.combine(bytes: bytes) }
    }
}

/// Negative, zero or positive, as `memcmp` would have it, and the shorter first where one begins the other. Eight bytes at a
/// time, since keys tend to share long prefixes.
func compareBytes(_ left: [UInt8], _ right: [UInt8]) -> Int {
    unsafe left.withUnsafeBytes { left in
        unsafe right.withUnsafeBytes { right in
            let shared = min(left.count, right.count)
            var offset = 0
            // Both loads end at or before `shared`, which neither buffer is shorter than.
            while offset + 8 <= shared {
                let one = unsafe UInt64(bigEndian: left.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                let other = unsafe UInt64(bigEndian: right.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                if one != other { return one < other ? -1 : 1 }
                offset += 8
            }
            while offset < shared {
                let (one, other) = unsafe (left[offset], right[offset])
                if one != other { return one < other ? -1 : 1 }
                offset += 1
            }
            return left.count - right.count
        }
    }
}

/// The keys from `start` up to, and not including, `end`; without an end, every key from `start` on.
struct KeyRange: Hashable, Sendable {
    let start: Key
    let end: Key?
    /// Whether it can hold `start` alone.
    let isSingle: Bool

    /// The range that etcd's requests mean: an empty `rangeEnd` is the one key, `[0]` every key from `key` on.
    init(key: [UInt8], rangeEnd: [UInt8]) {
        self.start = Key(key)
        self.isSingle = rangeEnd.isEmpty
        self.end = rangeEnd.isEmpty ? Key(key + [0]) : rangeEnd == [0] ? nil : Key(rangeEnd)
    }

    func contains(_ key: Key) -> Bool {
        if self.isSingle { return key == self.start }
        guard key >= self.start else { return false }
        guard let end = self.end else { return true }
        return key < end
    }
}
