internal import Platform

/// A file being read from front to back, of which one part is in memory.
struct FileWindow: Sendable {
    /// What is read at a time, unless one record is longer.
    static let chunk = 1 << 20

    let path: String
    /// Bytes, when it was opened.
    let size: Int
    private let file: any DiskFile
    /// The part in memory, and where in the file it begins.
    private(set) var bytes: [UInt8] = []
    private(set) var start = 0

    init(_ path: String, disk: any Disk) throws(WALError) {
        self.path = path
        (self.file, self.size) = try onDisk { () throws(DiskError) in
            let file = try disk.open(path, .read)
            return (file, Int(try file.size()))
        }
    }

    /// Brings a part of the file into memory. False where the file has become too short for it.
    mutating func hold(_ offset: Int, count: Int) throws(WALError) -> Bool {
        if offset >= self.start && offset + count <= self.start + self.bytes.count { return true }
        self.bytes = []
        self.bytes = try self.read(offset, count: max(count, min(Self.chunk, self.size - offset)))
        self.start = offset
        return self.bytes.count >= count
    }

    /// Where the file's last byte that is not zero ends; `offset` where there is none from there on.
    func endOfContent(from offset: Int) throws(WALError) -> Int {
        var (place, end) = (offset, offset)
        while place < self.size {
            let part = try self.read(place, count: min(Self.chunk, self.size - place))
            guard !part.isEmpty else { break }
            if !part.isZero(part.indices), let last = part.lastIndex(where: { $0 != 0 }) { end = place + last + 1 }
            place += part.count
        }
        return end
    }

    func read(_ offset: Int, count: Int) throws(WALError) -> [UInt8] {
        try onDisk { () throws(DiskError) in try self.file.read(at: Int64(offset), count: count) }
    }

    func close() throws(WALError) {
        try onDisk { () throws(DiskError) in try self.file.close() }
    }
}
