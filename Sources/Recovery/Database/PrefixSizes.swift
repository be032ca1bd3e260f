internal import Bolt

/// Sums up the rows of bucket `key` by the beginning of their keys.
struct PrefixSizes {
    /// Prefixes beyond this many are summed up under one that says so.
    private static let limit = 10_000
    static let others = Array("(others)".utf8)

    let depth: Int
    private var sizes: [[UInt8]: PrefixSize] = [:]

    init(depth: Int) {
        self.depth = max(1, depth)
    }

    var largestFirst: [PrefixSize] {
        self.sizes.values.sorted {
            $0.rowBytes == $1.rowBytes ? $0.prefix.lexicographicallyPrecedes($1.prefix) : $0.rowBytes > $1.rowBytes
        }
    }

    /// Goes over all rows; the ledger, which has gone over them, knows which are the last of their keys.
    mutating func add(_ database: BoltFile, ledger: RowLedger) throws(BoltError) {
        guard let bucket = try database.root.bucket("key") else { return }
        for part in 0..<(1 as UInt64) << UInt64(ledger.table.partBits) {
            let table = part == 0 ? ledger.table : try ledger.round(part, database)
            var cursor = bucket.cursor()
            while let entry = try? cursor.next() {
                guard let row = try? KeyRow(entry, of: ledger.file), !row.isBump else { continue }
                let hash = KeyTable.hash(row.key)
                guard table.covers(hash) else { continue }
                let isLast = !row.revision.isTombstone && table.latest(hash)?.revision == row.revision.main
                self.add(row, isLast: isLast)
            }
        }
    }

    private mutating func add(_ row: KeyRow, isLast: Bool) {
        var prefix = Self.prefix(of: row.key, depth: self.depth)
        if self.sizes[prefix] == nil, self.sizes.count >= Self.limit { prefix = Self.others }
        var size = self.sizes[prefix] ?? PrefixSize(prefix: prefix)
        size.rows += 1
        size.rowBytes += Int64(row.size)
        if isLast {
            size.keys += 1
            size.keyBytes += Int64(row.size)
        }
        self.sizes[prefix] = size
    }

    /// The first parts of a key up to and with their `/`: of `/registry/pods/a/b` at depth 2, `/registry/pods/`. A slash that a
    /// key begins with ends no part. A key with fewer parts counts for as many as it has.
    static func prefix(of key: ArraySlice<UInt8>, depth: Int) -> [UInt8] {
        var parts = 0
        var end = key.startIndex
        for index in key.indices where key[index] == UInt8(ascii: "/") {
            end = index + 1
            if index == key.startIndex { continue }
            parts += 1
            if parts == depth { break }
        }
        return Array(key[..<end])
    }
}
