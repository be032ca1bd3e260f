import EtcdWire
import Raft
import Testing

/// The log in memory against the plainest one there could be: an entry for each index.
@Suite struct MemoryStorageTests {
    @Test func likeAPlainLog() {
        for seed in UInt64(1)...40 {
            var dice = Dice(seed: seed)
            let storage = MemoryStorage()
            var (plain, first, last) = ([UInt64(0): RaftEntry()], UInt64(1), UInt64(0))
            for step in 0..<200 {
                switch dice.below(9) {
                case 0 where last >= first:
                    let through = first + UInt64(dice.below(Int(last - first) + 1))
                    storage.compact(through: through)
                    first = through + 1
                case 8 where last >= first:
                    let through = first + UInt64(dice.below(Int(last - first) + 1))
                    let (count, bytes) = (dice.below(20), dice.below(60))
                    storage.compact(through: through, keeping: UInt64(count), bytes: bytes)
                    func isKept(_ index: UInt64) -> Bool {
                        let kept = index...through
                        return kept.count <= count && kept.reduce(0) { $0 + (plain[$1]?.data.count ?? 0) } <= bytes
                    }
                    first = (first...through).first(where: isKept) ?? through + 1
                case 1:
                    let index = last + UInt64(dice.below(5)) + 1
                    let state = ConfState(voters: [1])
                    storage.apply(
                        RaftSnapshot(data: [1], metadata: RaftSnapshotMetadata(confState: state, index: index, term: 3)))
                    plain[index] = RaftEntry(term: 3, index: index, data: [])
                    (first, last) = (index + 1, index)
                case 2 where last >= first:
                    // Only ever a later one.
                    let before = storage.latestSnapshot
                    storage.createSnapshot(at: last, confState: ConfState(voters: [1, 2]), data: [UInt8(step)])
                    let isLater = last > before.metadata.index
                    #expect(storage.latestSnapshot.metadata.index == (isLater ? last : before.metadata.index))
                    #expect(storage.latestSnapshot.data == (isLater ? [UInt8(step)] : before.data))
                default:
                    // From anywhere that joins what is there, and from before it.
                    let lowest = first > 3 ? first - 3 : 1
                    let start = lowest + UInt64(dice.below(Int(last + 1 - lowest) + 1))
                    let count = UInt64(dice.below(6))
                    let entries = (start..<(start + count)).map { index in
                        RaftEntry(term: UInt64(step), index: index, data: [UInt8](repeating: 1, count: dice.below(9)))
                    }
                    storage.append(entries[...])
                    guard let end = entries.last?.index, end >= first else { break }
                    for entry in entries where entry.index >= first { plain[entry.index] = entry }
                    last = end
                }
                #expect(storage.firstIndex == first && storage.lastIndex == last, "seed \(seed), step \(step)")
                #expect(storage.bytes == (first..<(last + 1)).reduce(0) { $0 + (plain[$1]?.data.count ?? 0) })
                for index in (first - 1)...last where index > 0 {
                    #expect(storage.term(at: index) == plain[index]?.term, "seed \(seed), step \(step)")
                }
                guard last >= first else { continue }
                let start = first + UInt64(dice.below(Int(last - first) + 1))
                let limit = UInt64(dice.below(60))
                let found = storage.entries(from: start, to: last + 1, maxBytes: limit)
                #expect(Array(found) == (0..<found.count).map { plain[start + UInt64($0)] ?? RaftEntry() })
                let size = found.reduce(0) { $0 + $1.encoded().count }
                #expect(found.count == 1 || size <= limit)
                if let next = plain[start + UInt64(found.count)], start + UInt64(found.count) <= last {
                    #expect(size + next.encoded().count > limit, "one more would have fitted")
                }
            }
        }
    }
}
