import Platform
import Testing

@testable import Bolt

/// Free pages against a set.
@Suite struct FreelistTests {
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func randomRuns(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var expected = Set<UInt64>((2..<UInt64.random(in: 3...400, using: &random)).filter { _ in random.chance(0.4) })
        var list = Freelist(pages: expected.sorted())
        for step in 0..<400 {
            let count = random.chance(0.5) ? 1 : Int.random(in: 1...70, using: &random)
            let first = expected.sorted().first { start in (start..<start + UInt64(count)).allSatisfy(expected.contains) }
            if random.chance(0.5) {
                #expect(list.allocate(count) == first, "seed \(seed), step \(step)")
                if let first { expected.subtract(first..<first + UInt64(count)) }
            } else {
                let start = UInt64.random(in: 2...500, using: &random)
                list.insert(PageRun(start: start, count: count))
                expected.formUnion(start..<start + UInt64(count))
            }
            #expect(list.pages == expected.sorted() && list.count == expected.count, "seed \(seed), step \(step)")
        }
    }

    @Test(arguments: [3, 64, 65, 127, 128, 129, 1000] as [UInt64]) func whatIsNotUsedIsFree(highWaterMark: UInt64) {
        var used = [UInt64](repeating: 0, count: Int(highWaterMark / 64) + 1)
        let inUse = stride(from: UInt64(2), to: highWaterMark, by: 3)
        for page in inUse { used[Int(page / 64)] |= 1 << (page % 64) }
        let list = Freelist(unused: used, highWaterMark: highWaterMark)
        #expect(list.pages == (2..<highWaterMark).filter { !Set(inUse).contains($0) })
        #expect(list.count == list.pages.count)
    }
}
