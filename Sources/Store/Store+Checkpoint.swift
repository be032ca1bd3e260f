internal import EtcdWire

/// Why bytes are not a checkpoint.
public struct CheckpointError: Error, Hashable, CustomStringConvertible {
    public var message: String

    public init(_ message: String) {
        self.message = message
    }

    public var description: String {
        "bad checkpoint: \(self.message)"
    }
}

extension Store {
    private static var checkpointVersion: UInt64 { 1 }

    /// The whole replicated state: equal states make equal bytes. The caller adds a checksum.
    ///
    /// A protobuf message: 1 version, 2 revision, 3 compact revision, 4 applied index, 5 applied term, 6 leases
    /// (1 id, 2 TTL, 3 remaining TTL), 7 alarms, 8 rows (1 main, 2 sub, 3 whether a tombstone, 4 `KeyValue`).
    public func checkpoint() -> [UInt8] {
        var writer = ProtoWriter()
        writer.uint64(1, Self.checkpointVersion)
        writer.int64(2, self.revision)
        writer.int64(3, self.compactRevision)
        writer.uint64(4, self.appliedIndex)
        writer.uint64(5, self.appliedTerm)
        self.leases.forEach { _, lease in
            writer.message(6, SavedLease(id: lease.id, ttl: lease.ttl, remainingTTL: lease.remainingTTL))
            return true
        }
        writer.message(7, self.alarms)
        for row in self.log { writer.message(8, SavedRow(row: row)) }
        return writer.bytes
    }

    /// The store that ``checkpoint()`` was made of. Leases begin their time at `uptime`.
    public init(checkpoint: [UInt8], options: Options = Options(), uptime: Duration) throws(CheckpointError) {
        self.options = options
        let saved: SavedStore
        do {
            saved = try SavedStore(decoding: checkpoint)
        } catch {
            throw CheckpointError(error.description)
        }
        guard saved.version == Self.checkpointVersion else { throw CheckpointError("version \(saved.version)") }
        guard saved.revision >= 1, saved.revision < .max, saved.compactRevision >= -1, saved.compactRevision <= saved.revision
        else { throw CheckpointError("revision \(saved.revision), compacted at \(saved.compactRevision)") }
        self.revision = saved.revision
        self.compactRevision = saved.compactRevision
        self.appliedIndex = saved.appliedIndex
        self.appliedTerm = saved.appliedTerm
        self.alarms = saved.alarms
        for lease in saved.leases {
            guard lease.id != 0, lease.ttl >= 0, lease.remainingTTL >= 0, self.leases[lease.id] == nil else {
                throw CheckpointError("lease \(lease.id)")
            }
            self.insert(Lease(id: lease.id, ttl: lease.ttl, remainingTTL: lease.remainingTTL, deadline: 0))
        }
        self.log.reserveCapacity(saved.rows.count)
        for saved in saved.rows { try self.load(saved.row) }
        self.writeStart = self.log.count
        self.renewLeases(uptime: uptime)
    }

    private mutating func load(_ row: Row) throws(CheckpointError) {
        let key = Key(row.kv.key)
        let previous = self.index[key]?.current
        let isSound =
            !key.bytes.isEmpty && row.main > 1 && row.main <= self.revision && row.sub >= 0
            && self.log.last.map { $0.precedes(row) } != false && row.kv.modRevision == row.main
            && (row.isTombstone
                ? row.kv == KeyValue(key: key.bytes, modRevision: row.main)
                : row.kv.createRevision <= row.main && row.kv.version > 0)
        guard isSound else { throw CheckpointError("row \(row.main).\(row.sub)") }
        self.log.append(row)
        if self.index.update(key, { $0.append(row) }) == nil { self.index.set(key, History(row)) }
        self.move(key, from: previous?.lease ?? 0, to: row.kv.lease)
    }
}

private struct SavedStore: WireMessage {
    var version: UInt64 = 0
    var revision: Int64 = 0
    var compactRevision: Int64 = 0
    var appliedIndex: UInt64 = 0
    var appliedTerm: UInt64 = 0
    var leases: [SavedLease] = []
    var alarms: [AlarmMember] = []
    var rows: [SavedRow] = []

    mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.version = try reader.uint64()
        case 2: self.revision = try reader.int64()
        case 3: self.compactRevision = try reader.int64()
        case 4: self.appliedIndex = try reader.uint64()
        case 5: self.appliedTerm = try reader.uint64()
        case 6: self.leases.append(try reader.message())
        case 7: self.alarms.append(try reader.message())
        case 8: self.rows.append(try reader.message())
        default: try reader.skip()
        }
    }

    /// Only ever read; ``Store/checkpoint()`` writes the fields without gathering them first.
    func encode(into writer: inout ProtoWriter) {}
}

private struct SavedLease: WireMessage {
    var id: Int64 = 0
    var ttl: Int64 = 0
    var remainingTTL: Int64 = 0

    mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.id = try reader.int64()
        case 2: self.ttl = try reader.int64()
        case 3: self.remainingTTL = try reader.int64()
        default: try reader.skip()
        }
    }

    func encode(into writer: inout ProtoWriter) {
        writer.int64(1, self.id)
        writer.int64(2, self.ttl)
        writer.int64(3, self.remainingTTL)
    }
}

private struct SavedRow: WireMessage {
    var row = Row(main: 0, sub: 0, isTombstone: false, kv: KeyValue())

    mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.row.main = try reader.int64()
        case 2: self.row.sub = try reader.int64()
        case 3: self.row.isTombstone = try reader.bool()
        case 4: self.row.kv = try reader.message()
        default: try reader.skip()
        }
    }

    func encode(into writer: inout ProtoWriter) {
        writer.int64(1, self.row.main)
        writer.int64(2, self.row.sub)
        writer.bool(3, self.row.isTombstone)
        writer.message(4, self.row.kv)
    }
}
