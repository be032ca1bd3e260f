internal import EtcdWire
internal import Glibc
internal import Platform

/// A record as it lies in a segment: `u64` little-endian length field, the record, zeros up to a multiple of 8.
/// The low 56 bits of the length field are the record's length; where there is padding its top byte is `0x80 | padding`.
enum Frame {
    static let headerBytes = 8
    /// What a disk writes whole or not at all.
    static let sectorBytes = 512

    /// A record among bytes, read in place.
    struct Record {
        /// Any number, for it may be damaged; see ``WALRecord/Kind``.
        var kind: Int64
        var crc: UInt32
        /// Where its data is.
        var data: Range<Int>
        /// Where the next record begins.
        var end: Int
    }

    /// Appends a record to `bytes` and moves the running checksum past it.
    static func append(_ kind: WALRecord.Kind, _ data: [UInt8], crc: inout UInt32, to bytes: inout [UInt8]) {
        if kind != .crc { crc = CRC32C.checksum(data, continuing: crc) }
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: self.headerBytes))
        WALRecord(kind, crc: crc, data: data).encode(into: &bytes)
        let length = bytes.count - start - self.headerBytes
        let padding = -length & 7
        bytes.append(contentsOf: repeatElement(0, count: padding))
        let field = UInt64(length) | (padding == 0 ? 0 : UInt64(0x80 | padding) << 56)
        for byte in 0..<8 { bytes[start + byte] = UInt8(truncatingIfNeeded: field >> (8 * UInt64(byte))) }
    }

    /// The length field at an offset, which must have eight bytes from there.
    static func lengthField(_ bytes: [UInt8], at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset + self.headerBytes <= bytes.count, "a length field has eight bytes")
        return unsafe bytes.withUnsafeBytes {
            unsafe UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
    }

    /// Where a frame with this length field has its record and its end; nil where the field makes no sense.
    static func extent(_ field: UInt64, at offset: Int, within size: Int) -> (record: Range<Int>, end: Int)? {
        let top = Int(field >> 56)
        let length = field & 0x00FF_FFFF_FFFF_FFFF
        guard top == 0 || top & 0xF8 == 0x80, length > 0, length <= UInt64(size - offset - self.headerBytes) else { return nil }
        let padding = top & 7
        let start = offset + self.headerBytes
        let end = start + Int(length) + padding
        guard end & 7 == 0, end <= size, (top == 0) == (padding == 0) else { return nil }
        return (start..<start + Int(length), end)
    }

    /// Bytes of a frame with this length field, itself included; nil where no writer writes such a field.
    static func frameLength(_ field: UInt64) -> Int? {
        let (top, length) = (Int(field >> 56), Int(field & 0x00FF_FFFF_FFFF_FFFF))
        let padding = top & 7
        guard top == 0 || top & 0xF8 == 0x80 && padding > 0, length > 0, (length + padding) & 7 == 0 else { return nil }
        return self.headerBytes + length + padding
    }

    /// The length field that the record at an offset should have, by what it says itself of its data; nil where it is none.
    static func lengthField(ofRecordAt offset: Int, in bytes: [UInt8]) -> UInt64? {
        var reader = VarintReader(bytes, offset..<bytes.count)
        guard let kind = reader.field(0x08), reader.field(0x10) != nil else { return nil }
        var end = reader.place
        if kind != UInt64(WALRecord.Kind.crc.rawValue) {
            guard let count = reader.field(0x1A), count <= UInt64(bytes.count - reader.place) else { return nil }
            end = reader.place + Int(count)
        }
        let (length, padding) = (end - offset, -(end - offset) & 7)
        return UInt64(length) | (padding == 0 ? 0 : UInt64(0x80 | padding) << 56)
    }

    /// The record of a frame, or nil where the bytes are not one in the form every writer of logs gives it: kind, checksum,
    /// data, each in its shortest encoding. No checksum covers the first two, so that strictness stands in for one.
    static func record(_ range: Range<Int>, _ bytes: [UInt8], end: Int) -> Record? {
        var reader = VarintReader(bytes, range)
        guard let kind = reader.field(0x08), let crc = reader.field(0x10), crc <= UInt64(UInt32.max) else { return nil }
        if !reader.isAtEnd {
            guard let count = reader.field(0x1A), count > 0, count == UInt64(reader.end - reader.place) else { return nil }
        }
        return Record(kind: Int64(bitPattern: kind), crc: UInt32(crc), data: reader.place..<reader.end, end: end)
    }

    /// The record of the frame with this length field at an offset.
    static func record(_ field: UInt64, _ bytes: [UInt8], at offset: Int) -> Record? {
        guard let (range, end) = self.extent(field, at: offset, within: bytes.count) else { return nil }
        return self.record(range, bytes, end: end)
    }

    /// The record's kind if its checksum continues `crc`.
    /// - Parameter crc: The running checksum before it; nil where that is not known, as at the first segment's begin, which
    ///   then says itself what came before.
    static func kind(_ record: Record, _ bytes: [UInt8], continuing crc: UInt32?) -> WALRecord.Kind? {
        guard let kind = WALRecord.Kind(rawValue: record.kind), (kind == .crc) == record.data.isEmpty else { return nil }
        if kind == .crc { return crc ?? record.crc == record.crc ? kind : nil }
        guard let crc, CRC32C.checksum(bytes[record.data], continuing: crc) == record.crc else { return nil }
        return kind
    }

    /// The record at an offset if it is whole and its checksum continues `crc`.
    static func validRecord(
        _ bytes: [UInt8], at offset: Int, continuing crc: UInt32?
    ) -> (record: Record, kind: WALRecord.Kind)? {
        guard offset + self.headerBytes <= bytes.count else { return nil }
        return self.validRecord(self.lengthField(bytes, at: offset), bytes, at: offset, continuing: crc)
    }

    static func validRecord(
        _ field: UInt64, _ bytes: [UInt8], at offset: Int, continuing crc: UInt32?
    ) -> (record: Record, kind: WALRecord.Kind)? {
        guard let record = self.record(field, bytes, at: offset), let kind = self.kind(record, bytes, continuing: crc) else {
            return nil
        }
        return (record, kind)
    }
}

extension [UInt8] {
    /// Whether all bytes in a range of the array are zero: the first is, and each is as the one before it.
    func isZero(_ range: Range<Int>) -> Bool {
        precondition(range.lowerBound >= 0 && range.upperBound <= self.count, "the range is the array's own")
        guard !range.isEmpty else { return true }
        return unsafe self.withUnsafeBufferPointer { buffer in
            // Within the buffer, by the precondition; an array with a byte has a base address.
            let first = unsafe buffer.baseAddress! + range.lowerBound
            return unsafe first.pointee == 0 && memcmp(first, first + 1, range.count - 1) == 0
        }
    }
}
