import Platform
import Testing

@testable import Store

@Suite struct StructuresTests {
    @Test(arguments: 0..<20)
    func sortedMapDoesWhatADictionaryDoes(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var map = SortedMap<Int, Int>()
        var model: [Int: Int] = [:]
        let span = seed % 2 == 0 ? 600 : 5000
        for step in 0..<6000 {
            let key = seed % 5 == 4 ? step % span : Int.random(in: 0..<span, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                map.set(key, step)
                model[key] = step
            case 6..<9:
                #expect(map.remove(key) == model.removeValue(forKey: key), "seed \(seed)")
            default:
                let changed = map.update(key) { $0 += 1 } != nil
                #expect(changed == (model[key] != nil), "seed \(seed)")
                if changed { model[key]? += 1 }
            }
            if step % 1500 == 700 {
                var next: Int?
                repeat {
                    next = map.filterSome(from: next) { value in
                        value += 1
                        return value % 3 != 0
                    }
                } while next != nil
                model = model.mapValues { $0 + 1 }.filter { $0.value % 3 != 0 }
            }
            #expect(map[key] == model[key] && map.count == model.count, "seed \(seed)")
        }
        var pairs: [(Int, Int)] = []
        map.forEach { key, value in
            pairs.append((key, value))
            return true
        }
        #expect(pairs.map(\.0) == model.keys.sorted() && pairs.allSatisfy { model[$0.0] == $0.1 }, "seed \(seed)")
        #expect(map.first?.key == model.keys.min())
        for start in stride(from: 0, to: span, by: 37) {
            var found: [Int] = []
            map.forEach(from: start) { key, _ in
                found.append(key)
                return found.count < 5
            }
            #expect(found == Array(model.keys.filter { $0 >= start }.sorted().prefix(5)), "seed \(seed)")
        }
    }

    @Test(arguments: 0..<20)
    func intervalTreeFindsWhatAScanFinds(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var tree = IntervalTree()
        var all: [(range: KeyRange, member: Int)] = []
        func text() -> [UInt8] {
            (0..<Int.random(in: 1...3, using: &random)).map { _ in UInt8.random(in: 0x61...0x66, using: &random) }
        }
        for step in 0..<1500 {
            if random.chance(0.6) || all.isEmpty {
                let range = KeyRange(key: text(), rangeEnd: random.chance(0.1) ? [0] : text())
                all.append((range, step))
                tree.insert(range, step)
            } else {
                let place = Int.random(in: 0..<all.count, using: &random)
                tree.remove(all[place].range, all[place].member)
                all.remove(at: place)
            }
            let key = Key(text())
            var found: Set<Int> = []
            tree.forEach(holding: key) { #expect(found.insert($0).inserted, "seed \(seed)") }
            #expect(found == Set(all.filter { $0.range.contains(key) }.map(\.member)), "seed \(seed), step \(step)")
        }
    }

    @Test func keysAreInTheOrderOfTheirBytes() {
        var random = SeededRandom(seed: 3)
        for _ in 0..<5000 {
            func bytes() -> [UInt8] {
                (0..<Int.random(in: 0...20, using: &random)).map { _ in
                    [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
                }
            }
            let one = bytes()
            let other =
                random.chance(0.5) ? Array(one.prefix(Int.random(in: 0...20, using: &random))) + bytes().prefix(1) : bytes()
            #expect((Key(one) < Key(other)) == one.lexicographicallyPrecedes(other), "\(one) and \(other)")
            #expect((Key(one) == Key(other)) == (one == other))
        }
    }
}
