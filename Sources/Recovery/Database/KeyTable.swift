/// What the last row of each key said, in 24 bytes a key, for a bounded number of keys.
///
/// A key is known by a hash of 64 bits with a seed of its own for each process: that two of four million keys share one
/// happens once in two million files, and cannot be brought about by whoever writes the file. Where keys are too many, the
/// table keeps to a part of them, by bits of their hash; the rest is for further rounds.
struct KeyTable {
    /// The last row of a key.
    struct Latest: Equatable {
        var revision: Int64
        /// The low 32 bits of the create revision, for comparison alone.
        var create: UInt32
        /// The low 32 bits of the version; ``tombstone`` where the key was deleted.
        var version: UInt32

        static let tombstone = UInt32.max

        var isTombstone: Bool { self.version == Self.tombstone }
    }

    private struct Slot {
        /// 0 where empty.
        var hash: UInt64 = 0
        var latest = Latest(revision: 0, create: 0, version: 0)
    }

    /// About 100 MB.
    static let standardLimit = 2_500_000

    /// Tables by the hash's top bits, so that growing one copies little.
    private static let shards = 64

    /// Keys in scope have this in the low ``partBits`` bits of their hash.
    let part: UInt64
    private(set) var partBits: Int
    private let limit: Int
    private(set) var count = 0
    private var tables = [[Slot]](repeating: [], count: KeyTable.shards)
    private var counts = [Int](repeating: 0, count: KeyTable.shards)

    /// - Parameters:
    ///   - limit: Keys after which the table keeps to half of what it kept to.
    ///   - part: With `partBits`: which keys it begins with.
    init(limit: Int = KeyTable.standardLimit, part: UInt64 = 0, partBits: Int = 0) {
        (self.limit, self.part, self.partBits) = (limit, part, partBits)
    }

    func covers(_ hash: UInt64) -> Bool {
        hash & (1 << UInt64(self.partBits) - 1) == self.part
    }

    func latest(_ hash: UInt64) -> Latest? {
        let table = self.tables[Self.shard(hash)]
        guard !table.isEmpty, let index = Self.find(hash | 1 << 63, in: table), table[index].hash != 0 else { return nil }
        return table[index].latest
    }

    /// Keeps the newest row of a key in scope.
    /// - Returns: The row before it.
    mutating func update(_ hash: UInt64, _ latest: Latest) -> Latest? {
        let shard = Self.shard(hash)
        if self.counts[shard] * 4 >= self.tables[shard].count * 3 { self.grow(shard) }
        // The bit says that the slot is in use; the shard is known by others.
        let mark = hash | 1 << 63
        guard let index = Self.find(mark, in: self.tables[shard]) else { preconditionFailure("a table always has room") }
        if self.tables[shard][index].hash == mark {
            let previous = self.tables[shard][index].latest
            self.tables[shard][index].latest = latest
            return previous
        }
        self.tables[shard][index] = Slot(hash: mark, latest: latest)
        self.counts[shard] += 1
        self.count += 1
        if self.count > self.limit && self.partBits < 16 { self.halve() }
        return nil
    }

    /// The keys that live.
    var live: Int64 {
        self.tables.reduce(0) { sum, table in
            sum + Int64(table.count { $0.hash != 0 && !$0.latest.isTombstone })
        }
    }

    private static func shard(_ hash: UInt64) -> Int { Int(hash >> 56 & 63) }

    /// The slot with this hash, or the one where it goes.
    private static func find(_ mark: UInt64, in table: [Slot]) -> Int? {
        let mask = table.count - 1
        var index = Int(truncatingIfNeeded: mark >> 20) & mask
        for _ in 0..<table.count {
            if table[index].hash == mark || table[index].hash == 0 { return index }
            index = (index + 1) & mask
        }
        return nil
    }

    private mutating func grow(_ shard: Int) {
        self.rebuild(shard, size: max(16, self.tables[shard].count * 2)) { _ in true }
    }

    private mutating func halve() {
        self.partBits += 1
        let mask: UInt64 = 1 << UInt64(self.partBits) - 1
        let part = self.part
        self.count = 0
        for shard in self.tables.indices {
            self.rebuild(shard, size: self.tables[shard].count) { $0 & mask == part }
            self.count += self.counts[shard]
        }
    }

    private mutating func rebuild(_ shard: Int, size: Int, keeping isKept: (UInt64) -> Bool) {
        let old = self.tables[shard]
        var new = [Slot](repeating: Slot(), count: size)
        self.tables[shard] = []
        self.counts[shard] = 0
        for slot in old where slot.hash != 0 && isKept(slot.hash) {
            guard let index = Self.find(slot.hash, in: new) else { preconditionFailure("a table always has room") }
            new[index] = slot
            self.counts[shard] += 1
        }
        self.tables[shard] = new
    }
}

extension KeyTable {
    /// A key's hash, the same throughout a process.
    static func hash(_ key: ArraySlice<UInt8>) -> UInt64 {
        var hasher = Hasher()
        unsafe key.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
