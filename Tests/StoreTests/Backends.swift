import Bolt
import EtcdWire
import Platform

@testable import Store

/// The backends that every model is held to.
enum BackendKind: String, Sendable, CaseIterable {
    case memory, bolt

    static let path = "/db"

    func make(seed: UInt64) throws -> any Backend {
        switch self {
        case .memory: return MemoryBackend()
        case .bolt:
            let disk = SimulatedDisk(seed: seed)
            try disk.makeDirectory("/")
            return try TestBolt(disk)
        }
    }

    /// What a restart would find of a store: all it was told, committed and read again.
    func reopen(_ store: borrowing Store) throws -> any Backend {
        try store.prepareCommit()
        switch store.backend {
        case let memory as MemoryBackend: return memory.copy()
        case let bolt as TestBolt: return try bolt.reopened()
        default: preconditionFailure("no other backend is made")
        }
    }
}

/// A bolt backend that commits now and then by itself, and can be opened again.
final class TestBolt: Backend {
    private let disk: SimulatedDisk
    private let bolt: BoltBackend
    private var puts = 0

    init(_ disk: SimulatedDisk) throws {
        self.disk = disk
        self.bolt = try BoltBackend(try BoltDatabase.open(BackendKind.path, disk: disk))
    }

    func reopened() throws -> TestBolt {
        try self.bolt.commit()
        try self.bolt.close()
        return try TestBolt(self.disk)
    }

    func value(_ key: [UInt8], in bucket: Bucket) throws(StoreError) -> [UInt8]? { try self.bolt.value(key, in: bucket) }

    func forEach(
        in bucket: Bucket, from start: [UInt8], to end: [UInt8]?,
        _ body: (_ key: RawSpan, _ value: RawSpan) throws(StoreError) -> Bool
    ) throws(StoreError) {
        try self.bolt.forEach(in: bucket, from: start, to: end, body)
    }

    func put(_ key: [UInt8], _ value: [UInt8], in bucket: Bucket) throws(StoreError) {
        self.puts += 1
        if self.puts % 37 == 0 { try self.bolt.commit() }
        try self.bolt.put(key, value, in: bucket)
    }

    func remove(_ key: [UInt8], in bucket: Bucket) throws(StoreError) { try self.bolt.remove(key, in: bucket) }
}

extension Backend {
    /// Every row of every bucket, as hexadecimal.
    func rows() throws -> [String: [String]] {
        var rows: [String: [String]] = [:]
        for bucket in Bucket.allCases { rows[bucket.rawValue] = try self.rows(in: bucket) }
        return rows
    }

    func rows(in bucket: Bucket) throws -> [String] {
        var rows: [String] = []
        try self.forEach(in: bucket, from: [], to: nil) { (key, value) throws(StoreError) in
            rows.append("\(hexadecimal([UInt8](bytesOf: key))) \(hexadecimal([UInt8](bytesOf: value)))")
            return true
        }
        return rows
    }
}

func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

extension Store {
    /// As a server does: a request that is malformed is not logged.
    mutating func propose(
        _ operation: InternalRaftRequest.Operation, index: UInt64, term: UInt64 = 3, uptime: Duration = .zero
    ) -> ApplyResult {
        do throws(StoreError) { try self.validate(operation) } catch {
            // The index is used up, as by an entry that asks for nothing.
            _ = self.apply(InternalRaftRequest(), index: index, term: term, uptime: uptime)
            return .failure(error)
        }
        let request = InternalRaftRequest(operation: operation, header: RequestHeader(id: index))
        return self.apply(request, index: index, term: term, uptime: uptime)
    }

    /// All that is kept in memory, but for watches and times.
    var description: String {
        var text = "\(self.revision) \(self.compactRevision) \(self.isCompacting) \(self.appliedIndex) \(self.appliedTerm)"
        text += "\(self.alarms) \(self.users) \(self.roles) \(self.authRevision) \(self.isAuthEnabled)"
        text += "\(self.members) \(self.removedMembers) \(self.clusterVersion ?? "") \(self.confState)"
        let compacted = self.compactRevision
        self.index.forEach { key, history in
            // Whether a compaction has come by yet is no part of it.
            var (history, dropped) = (history, [RowID]())
            guard compacted < 0 || history.compact(at: compacted, dropped: &dropped) else { return true }
            text += "\n\(hexadecimal(key.bytes)): \(history)"
            return true
        }
        self.leases.forEach { id, lease in
            text += "\n\(id): \(lease.ttl) \(lease.remainingTTL)"
            lease.keys.forEach { key, _ in
                text += " \(hexadecimal(key.bytes))"
                return true
            }
            return true
        }
        return text
    }
}
