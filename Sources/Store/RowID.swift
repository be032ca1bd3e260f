/// Which change of the history a row is: the revision of its transaction, the change's place in it, and whether it deleted
/// its key. As bytes it is the key of a row in etcd's bucket `key`: main and sub as big-endian numbers with `_` between,
/// and `t` after those of a deletion.
struct RowID: Hashable, Sendable {
    let main: Int64
    /// The place, times two, and one more for a deletion.
    private let packed: Int64

    /// The largest place in a transaction, and the largest revision that is believed: room is left above.
    private static var maximum: Int64 { Int64.max >> 1 }
    private static var separator: UInt8 { UInt8(ascii: "_") }
    private static var tombstoneMark: UInt8 { UInt8(ascii: "t") }

    init(main: Int64, sub: Int64, isTombstone: Bool = false) {
        precondition(sub >= 0 && sub <= Self.maximum, "a transaction has \(sub) changes")
        self.main = main
        self.packed = sub << 1 | (isTombstone ? 1 : 0)
    }

    var sub: Int64 { self.packed >> 1 }
    var isTombstone: Bool { self.packed & 1 == 1 }

    /// Whether the row was made before another, in the order of etcd's revisions.
    func precedes(_ other: RowID) -> Bool {
        self.main != other.main ? self.main < other.main : self.sub < other.sub
    }

    /// As etcd writes it.
    var bytes: [UInt8] {
        let count = self.isTombstone ? 18 : 17
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { target, filled in
            unsafe UnsafeMutableRawBufferPointer(target).storeBytes(of: self.main.bigEndian, as: Int64.self)
            unsafe target[8] = Self.separator
            unsafe UnsafeMutableRawBufferPointer(target).storeBytes(of: self.sub.bigEndian, toByteOffset: 9, as: Int64.self)
            if count == 18 { unsafe target[17] = Self.tombstoneMark }
            filled = count
        }
    }

    /// Nil where the bytes are not a row's key.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount == 17 || bytes.byteCount == 18, bytes.byte(at: 8) == Self.separator,
            bytes.byteCount == 17 || bytes.byte(at: 17) == Self.tombstoneMark
        else { return nil }
        let (main, sub) = (bytes.bigEndian(at: 0), bytes.bigEndian(at: 9))
        guard main >= 0, main <= Self.maximum, sub >= 0, sub <= Self.maximum else { return nil }
        self.init(main: main, sub: sub, isTombstone: bytes.byteCount == 18)
    }

    /// The key of the first row that a revision can have.
    static func start(of main: Int64) -> [UInt8] {
        RowID(main: main, sub: 0).bytes
    }
}

extension RawSpan {
    func byte(at offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < self.byteCount, "a byte within the span")
        return unsafe self.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    func bigEndian(at offset: Int) -> Int64 {
        precondition(offset >= 0 && offset + 8 <= self.byteCount, "eight bytes within the span")
        return Int64(bigEndian: unsafe self.unsafeLoadUnaligned(fromByteOffset: offset, as: Int64.self))
    }
}
