import Platform
import TestSupport
import Testing
import YAML

/// A random life of a store, from a seed: puts, deletions, transactions, leases, compactions, users and roles.
struct Workload {
    let member: EtcdProcess
    let gateway: Gateway
    let seed: UInt64
    private var random: SeededRandom
    private var leases: [Int64] = []
    private var users = 0
    private(set) var revision: Int64 = 1
    private(set) var compacted: Int64 = 0
    /// HashKV by revision, as the member last gave it there.
    private(set) var hashes: [Int64: Hash] = [:]
    /// How often it is asked for.
    var sampling = 0.0
    var keys = 60
    var compacts = true

    init(_ member: EtcdProcess, seed: UInt64) {
        self.member = member
        self.gateway = Gateway(member)
        self.seed = seed
        self.random = SeededRandom(seed: seed)
    }

    mutating func run(_ steps: Int) async throws {
        for _ in 0..<steps {
            try self.step()
            if self.random.chance(self.sampling) { try await self.sample() }
        }
    }

    mutating func sample() async throws {
        let hash = try await self.member.hashKV()
        self.revision = hash.revision
        self.hashes[hash.revision] = hash
    }

    private mutating func key() -> String {
        let place = Int.random(in: 0..<self.keys, using: &self.random)
        return place % 3 == 0 ? "/registry/pods/\(place)" : place % 3 == 1 ? "/registry/leases/\(place)" : "plain\(place)"
    }

    private mutating func value() -> String {
        String(repeating: "v", count: Int.random(in: 0..<200, using: &self.random))
            + "\(UInt8.random(in: 0...255, using: &self.random))"
    }

    private mutating func lease() -> Int64 {
        self.random.chance(0.2) ? self.leases.randomElement(using: &self.random) ?? 0 : 0
    }

    private mutating func step() throws {
        switch Int.random(in: 0..<100, using: &self.random) {
        case 0..<50: try self.gateway.put(self.key(), self.value(), lease: self.lease())
        case 50..<68: try self.gateway.delete(self.key())
        case 68..<80:
            var used: Set<String> = []
            var operations: [Node] = []
            for _ in 0..<Int.random(in: 1...5, using: &self.random) {
                let key = self.key()
                guard used.insert(key).inserted else { continue }
                operations.append(
                    self.random.chance(0.3)
                        ? Gateway.deleteOperation(key) : Gateway.putOperation(key, self.value(), lease: self.lease()))
            }
            try self.gateway.txn(operations)
        case 80..<86: self.leases.append(try self.gateway.grant(ttl: Int64.random(in: 600...6000, using: &self.random)))
        case 86..<89:
            guard let index = self.leases.indices.randomElement(using: &self.random) else { return }
            try self.gateway.revoke(self.leases.remove(at: index))
        case 89..<92 where self.compacts:
            let current = try self.gateway.revision()
            guard current > self.compacted + 20 else { return }
            self.compacted = Int64.random(in: (self.compacted + 1)...current, using: &self.random)
            try self.gateway.compact(self.compacted)
            // What was noted at this revision was before the compaction, which a restore to it includes.
            self.hashes[current] = nil
        case 92..<94 where self.users < 12:
            self.users += 1
            try self.gateway.call("auth/role/add", ["name": .string("role\(self.users)")])
            try self.gateway.call(
                "auth/role/grant",
                [
                    "name": .string("role\(self.users)"),
                    "perm": .mapping(["permType": "READWRITE", "key": Gateway.base64("/a"), "range_end": Gateway.base64("/b")]),
                ])
            try self.gateway.call(
                "auth/user/add", ["name": .string("user\(self.users)"), "password": "secret"])
            try self.gateway.call(
                "auth/user/grant", ["user": .string("user\(self.users)"), "role": .string("role\(self.users)")])
        default: try self.gateway.put(self.key(), self.value())
        }
    }
}
