import EtcdWire
import Testing

@testable import Raft

/// The unstable log against a plain array, whatever is appended, replaced, handed out and confirmed in whatever order.
@Suite struct UnstableTests {
    @Test func likeAPlainArray() {
        for seed in UInt64(1)...200 {
            var dice = Dice(seed: seed)
            var unstable = Unstable(offset: 10)
            var (plain, offset, inProgress, term) = ([RaftEntry](), UInt64(10), UInt64(10), UInt64(1))
            // Slices that are out do not change.
            var handed: [(slice: ArraySlice<RaftEntry>, as: [RaftEntry])] = []
            for _ in 0..<120 {
                let end = offset + UInt64(plain.count)
                switch dice.below(6) {
                case 0, 1:
                    let isConflict = dice.chance(15)
                    let start = isConflict ? offset - 2 + UInt64(dice.below(plain.count + 3)) : end
                    if isConflict { term += 1 }
                    let added = (start...(start + UInt64(dice.below(4)))).map { index in
                        RaftEntry(term: term, index: index, data: [UInt8](repeating: 1, count: dice.below(9)))
                    }
                    unstable.truncateAndAppend(added[...])
                    plain.removeLast(Int(end - max(start, offset)))
                    plain = (start < offset ? [] : plain) + added
                    (offset, inProgress) = (min(offset, start), min(inProgress, start))
                case 2:
                    let next = unstable.nextEntries()
                    #expect(Array(next) == Array(plain.dropFirst(Int(inProgress - offset))), "seed \(seed)")
                    handed.append((next, Array(next)))
                    unstable.acceptInProgress()
                    inProgress = end
                case 3 where !plain.isEmpty:
                    let count = 1 + dice.below(plain.count)
                    unstable.stableTo(index: offset + UInt64(count) - 1, term: plain[count - 1].term &+ 1)
                    #expect(unstable.offset == offset, "another entry than is there")
                    unstable.stableTo(index: offset + UInt64(count) - 1, term: plain[count - 1].term)
                    plain.removeFirst(count)
                    offset += UInt64(count)
                    inProgress = max(inProgress, offset)
                default:
                    guard !plain.isEmpty else { break }
                    let lower = dice.below(plain.count)
                    let upper = lower + 1 + dice.below(plain.count - lower)
                    let limit = dice.chance(50) ? UInt64.max : UInt64(dice.below(60))
                    let slice = unstable.slice(offset + UInt64(lower), offset + UInt64(upper), maxBytes: limit)
                    #expect(Array(slice) == Array(plain[lower..<upper].limited(to: limit)), "seed \(seed)")
                    handed.append((slice, Array(slice)))
                }
                let last = plain.isEmpty ? nil : offset + UInt64(plain.count) - 1
                #expect(unstable.offset == offset && unstable.lastIndex == last, "seed \(seed)")
                for (position, entry) in plain.enumerated() {
                    #expect(unstable.term(at: offset + UInt64(position)) == entry.term, "seed \(seed)")
                }
                #expect(unstable.term(at: offset + UInt64(plain.count)) == nil && unstable.term(at: offset - 1) == nil)
            }
            #expect(handed.allSatisfy { Array($0.slice) == $0.as }, "seed \(seed)")
        }
    }
}
