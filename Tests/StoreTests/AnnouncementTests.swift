import EtcdWire
import Platform
import Testing

@testable import Store

@Suite struct AnnouncementTests {
    /// Watches come to share lists, and to differ again, by chance; each must hold what it was told.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func everyListIsItsOwn(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var lists = [[WatchEvent]](repeating: [], count: 40)
        var expected = [[Int64]](repeating: [], count: lists.count)
        for revision in Int64(1)...60 {
            var announcement = Announcement(WatchEvent(kv: KeyValue(key: [1], modRevision: revision)))
            for index in lists.indices where random.chance(0.8) {
                announcement.join(&lists[index])
                expected[index].append(revision)
            }
            for index in lists.indices where random.chance(0.1) {
                (lists[index], expected[index]) = ([], [])
            }
            #expect(lists.map { $0.map(\.kv.modRevision) } == expected, "seed \(seed)")
        }
    }

    @Test func listsThatWereOneStayOne() {
        var lists = [[WatchEvent]](repeating: [], count: 3)
        for revision in Int64(1)...5 {
            var announcement = Announcement(WatchEvent(kv: KeyValue(key: [1], modRevision: revision)))
            for index in lists.indices { announcement.join(&lists[index]) }
            #expect(Set(lists.map(\.storage)).count == 1, "encoded once for all")
        }
    }
}
