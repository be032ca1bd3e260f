import EtcdWire
import Glibc
import Raft
import Testing

/// Proposals a second of processor time through the state machine alone, printed where `QUORATE_RAFT_SPEED` is set. Of use
/// in release builds.
@Suite(.enabled(if: unsafe getenv("QUORATE_RAFT_SPEED") != nil)) struct SpeedTests {
    private static func members(_ count: UInt64, async: Bool) throws -> ([RaftNode], [MemoryStorage]) {
        let state = ConfState(voters: Array(1...count))
        var (nodes, storages): ([RaftNode], [MemoryStorage]) = ([], [])
        for id in 1...count {
            let metadata = RaftSnapshotMetadata(confState: state, index: 1, term: 1)
            let storage = MemoryStorage(snapshot: RaftSnapshot(data: [], metadata: metadata))
            var configuration = RaftNode.Configuration(id: id, seed: id)
            configuration.asyncStorageWrites = async
            nodes.append(try RaftNode(configuration: configuration, storage: storage))
            storages.append(storage)
        }
        return (nodes, storages)
    }

    /// Lets all members work until nothing is left; returns how many entries the first one applied.
    private static func settle(_ nodes: inout [RaftNode], _ storages: [MemoryStorage]) throws -> Int {
        var applied = 0
        var messages: [RaftMessage] = []
        while true {
            for position in nodes.indices where nodes[position].hasReady {
                let ready = nodes[position].ready()
                messages += ready.messages
                messages += ready.messagesAfterAppend
                if nodes[position].configuration.asyncStorageWrites {
                    if let write = ready.storageAppend {
                        storages[position].append(write.entries)
                        messages += write.responses
                    }
                    if let apply = ready.storageApply { messages += apply.responses }
                    applied += position == 0 ? ready.storageApply?.entries.count ?? 0 : 0
                } else {
                    storages[position].append(ready.entries)
                    applied += position == 0 ? ready.committedEntries.count : 0
                    nodes[position].advance()
                }
            }
            if messages.isEmpty, !nodes.indices.contains(where: { nodes[$0].hasReady }) { return applied }
            var taken: [RaftMessage] = []
            swap(&taken, &messages)
            for message in taken {
                let position = Int(message.to) - 1
                if message.from == message.to || message.from >= RaftNode.applyStorage {
                    nodes[position].deliver(message)
                } else {
                    try nodes[position].step(message)
                }
            }
        }
    }

    /// Seconds of processor time, so that other work on the machine does not count.
    private static func now() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    @Test func proposals() throws {
        for (count, async) in [(UInt64(1), false), (1, true), (3, false), (3, true)] {
            for (batch, single) in [(1, true), (16, true), (16, false), (1000, true), (1000, false)] {
                var (nodes, storages) = try Self.members(count, async: async)
                nodes[0].campaign()
                _ = try Self.settle(&nodes, storages)
                let payload = [UInt8](repeating: 7, count: 256)
                let rounds = 200_000 / batch
                var applied = 0
                let start = Self.now()
                for round in 0..<rounds {
                    if single {
                        for _ in 0..<batch { try nodes[0].propose(payload) }
                    } else {
                        try nodes[0].propose(Array(repeating: payload, count: batch))
                    }
                    applied += try Self.settle(&nodes, storages)
                    if round % 64 == 0 {
                        for position in nodes.indices {
                            storages[position].compact(through: nodes[position].applied)
                        }
                    }
                }
                let seconds = Self.now() - start
                #expect(applied == rounds * batch)
                let how = single ? "one by one" : "at once"
                print("\(count) members, async \(async), \(batch) \(how): \(Int(Double(applied) / seconds)) proposals/s")
            }
        }
    }
}
