internal import CLMDB
internal import Foundation

/// As much of LMDB as the comparison needs: one file, synced commits of many puts, gets in one read transaction.
@safe final class LMDB {
    private let environment: OpaquePointer
    private let path: String

    init(_ path: String) throws {
        self.path = path
        try? FileManager.default.removeItem(atPath: path)
        var opened: OpaquePointer?
        try unsafe check(mdb_env_create(&opened), "create")
        guard let opened = unsafe opened else { throw Failure("lmdb: no environment") }
        unsafe self.environment = opened
        try unsafe check(mdb_env_set_mapsize(opened, 4 << 30), "map size")
        try unsafe check(mdb_env_open(opened, path, UInt32(MDB_NOSUBDIR), 0o600), "open")
    }

    func close() {
        unsafe mdb_env_close(self.environment)
        for file in [self.path, self.path + "-lock"] { try? FileManager.default.removeItem(atPath: file) }
    }

    func put(_ rows: some Sequence<([UInt8], [UInt8])>) throws {
        var transaction: OpaquePointer?
        try unsafe check(mdb_txn_begin(self.environment, nil, 0, &transaction), "begin")
        var table: MDB_dbi = 0
        try unsafe check(mdb_dbi_open(transaction, nil, 0, &table), "table")
        for (key, value) in rows {
            try unsafe key.withUnsafeBytes { key in
                try unsafe value.withUnsafeBytes { value in
                    var name = unsafe MDB_val(mv_size: key.count, mv_data: .init(mutating: key.baseAddress))
                    var data = unsafe MDB_val(mv_size: value.count, mv_data: .init(mutating: value.baseAddress))
                    try unsafe check(mdb_put(transaction, table, &name, &data, UInt32(MDB_APPEND)), "put")
                }
            }
        }
        try unsafe check(mdb_txn_commit(transaction), "commit")
    }

    func get(_ keys: some Sequence<[UInt8]>, count: Int) throws {
        var transaction: OpaquePointer?
        try unsafe check(mdb_txn_begin(self.environment, nil, UInt32(MDB_RDONLY), &transaction), "begin")
        defer { unsafe mdb_txn_abort(transaction) }
        var table: MDB_dbi = 0
        try unsafe check(mdb_dbi_open(transaction, nil, 0, &table), "table")
        for key in keys {
            // Copied out, as ours is: etcd's values leave the transaction too.
            let value: [UInt8] = try unsafe key.withUnsafeBytes { key in
                var name = unsafe MDB_val(mv_size: key.count, mv_data: .init(mutating: key.baseAddress))
                var data = MDB_val()
                try unsafe check(mdb_get(transaction, table, &name, &data), "get")
                return unsafe Array(UnsafeRawBufferPointer(start: data.mv_data, count: data.mv_size))
            }
            guard value.count == count else { throw Failure("lmdb: a value of \(value.count) bytes") }
        }
    }
}

private func check(_ code: Int32, _ what: String) throws {
    guard code == 0 else {
        let reason = unsafe String(cString: mdb_strerror(code))
        throw Failure("lmdb: \(what): \(reason)")
    }
}
