public import EtcdWire

/// What etcd's store holds: the keys now, and as they were at every revision that is not compacted.
public struct EtcdModelState: Hashable, Sendable, CustomStringConvertible {
    /// An empty store is at 1.
    public private(set) var revision: Int64
    /// -1 before the first compaction: even one to revision 0, which drops nothing, is one.
    public private(set) var compactRevision: Int64 = -1
    private var table: KeyTable
    private var past: Past
    /// Of all the tables there were, in their order: states with the same keys now can differ in what they were.
    private var digest: UInt64 = 0

    public init(revision: Int64 = 1, keys: [KeyValue] = []) {
        self.revision = revision
        self.table = KeyTable(keys)
        self.past = .none
    }

    public static func == (left: EtcdModelState, right: EtcdModelState) -> Bool {
        left.revision == right.revision && left.compactRevision == right.compactRevision && left.digest == right.digest
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(self.digest)
        hasher.combine(self.compactRevision)
    }

    public var description: String {
        let keys = self.table.rows.map { row in
            "\(String(decoding: row.key, as: UTF8.self))=\(String(decoding: row.value, as: UTF8.self))@\(row.modRevision)"
        }
        let compacted = self.compactRevision > 0 ? ", compacted to \(self.compactRevision)" : ""
        return "revision \(self.revision)\(compacted), \(keys.joined(separator: " "))"
    }

    /// The keys as they were at a revision that is still readable.
    func table(at revision: Int64) -> KeyTable? {
        guard revision <= self.revision, revision >= self.compactRevision else { return nil }
        if revision == self.revision { return self.table }
        var past = self.past
        while case .table(let table, let at, let before) = past {
            if at <= revision { return table }
            past = before
        }
        return nil
    }

    /// What a request comes to: the state after it, the answer, and the events that watchers see.
    func applying(_ request: EtcdRequest) -> (state: EtcdModelState, reply: EtcdReply, events: [WatchEvent]) {
        do throws(Refusal) {
            var writer = Writer(self)
            let reply: EtcdReply
            switch request {
            case .range(let range): reply = .range(try writer.range(range))
            case .put(let put): reply = .put(writer.put(put))
            case .deleteRange(let delete): reply = .deleteRange(writer.deleteRange(delete))
            case .txn(let txn): reply = .txn(try writer.txn(txn))
            case .compact(let compaction): return try self.compacting(compaction.revision)
            }
            return (self.committing(writer), reply, writer.events)
        } catch {
            return (self, error.reply, [])
        }
    }

    private func committing(_ writer: Writer) -> EtcdModelState {
        guard !writer.events.isEmpty else { return self }
        var state = self
        state.past = .table(self.table, at: self.revision, before: self.past)
        state.table = writer.table
        state.revision += 1
        state.digest = writer.events.reduce(self.digest) { digest, event in
            var hash = FNV1a(digest)
            hash.combine(event.kv.key)
            hash.combine(event.kv.value)
            hash.combine(event.kv.version)
            hash.combine(event.kv.lease)
            return hash.value
        }
        return state
    }

    private func compacting(
        _ revision: Int64
    ) throws(Refusal) -> (state: EtcdModelState, reply: EtcdReply, events: [WatchEvent]) {
        guard revision > self.compactRevision else { throw .compacted }
        guard revision <= self.revision else { throw .futureRevision }
        var state = self
        state.compactRevision = revision
        return (state, .compact(CompactionResponse(header: ResponseHeader(revision: self.revision))), [])
    }

    /// The tables that were, the latest first.
    private indirect enum Past: Sendable {
        case none
        case table(KeyTable, at: Int64, before: Past)
    }

    /// Why a request is refused as a whole.
    fileprivate enum Refusal: Error {
        case compacted, futureRevision

        var reply: EtcdReply { self == .compacted ? .compacted : .futureRevision }
    }

    /// Carries out the operations of one request; what it wrote becomes one revision.
    private struct Writer {
        private let before: EtcdModelState
        private(set) var table: KeyTable
        private(set) var events: [WatchEvent] = []

        init(_ state: EtcdModelState) {
            self.before = state
            self.table = state.table
        }

        private var revision: Int64 { self.before.revision + (self.events.isEmpty ? 0 : 1) }

        private var header: ResponseHeader { ResponseHeader(revision: self.revision) }

        func range(_ request: RangeRequest) throws(Refusal) -> RangeResponse {
            guard request.revision > 0 else { return self.table.range(request, header: self.revision) }
            guard request.revision <= self.before.revision else { throw .futureRevision }
            guard let table = self.before.table(at: request.revision) else { throw .compacted }
            return table.range(request, header: self.revision)
        }

        mutating func put(_ request: PutRequest) -> PutResponse {
            let revision = self.before.revision + 1
            let old = self.table[request.key]
            let row = KeyValue(
                key: request.key, createRevision: old?.createRevision ?? revision, modRevision: revision,
                version: (old?.version ?? 0) + 1, value: request.ignoreValue ? old?.value ?? [] : request.value,
                lease: request.ignoreLease ? old?.lease ?? 0 : request.lease)
            self.table[request.key] = row
            self.events.append(WatchEvent(kv: row, prevKv: old))
            return PutResponse(header: self.header, prevKv: request.prevKv ? old : nil)
        }

        mutating func deleteRange(_ request: DeleteRangeRequest) -> DeleteRangeResponse {
            let rows = self.table.rows(from: request.key, to: request.rangeEnd)
            for row in rows {
                self.table[row.key] = nil
                let tombstone = KeyValue(key: row.key, modRevision: self.before.revision + 1)
                self.events.append(WatchEvent(type: .delete, kv: tombstone, prevKv: row))
            }
            return DeleteRangeResponse(
                header: self.header, deleted: Int64(rows.count), prevKvs: request.prevKv ? Array(rows) : [])
        }

        mutating func txn(_ request: TxnRequest) throws(Refusal) -> TxnResponse {
            // A transaction within another is decided with it, before either has written.
            let succeeded = request.compare.allSatisfy { self.before.table.satisfies($0) }
            var responses: [ResponseOp] = []
            for operation in succeeded ? request.success : request.failure {
                switch operation {
                case .range(let range): responses.append(.range(try self.range(range)))
                case .put(let put): responses.append(.put(self.put(put)))
                case .deleteRange(let delete): responses.append(.deleteRange(self.deleteRange(delete)))
                case .txn(let txn): responses.append(.txn(try self.txn(txn)))
                }
            }
            return TxnResponse(header: self.header, succeeded: succeeded, responses: responses)
        }
    }
}

/// A 64-bit FNV-1a hash: the same in every run.
private struct FNV1a {
    private(set) var value: UInt64

    init(_ digest: UInt64) {
        self.value = digest ^ 0xCBF2_9CE4_8422_2325
    }

    mutating func combine(_ bytes: [UInt8]) {
        self.combine(Int64(bytes.count))
        for byte in bytes { self.value = (self.value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }

    mutating func combine(_ number: Int64) {
        self.value = (self.value ^ UInt64(bitPattern: number)) &* 0x100_0000_01B3
        self.value ^= self.value >> 32
    }
}
