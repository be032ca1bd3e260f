import EtcdWire
import Testing

@testable import Reconcile

@Suite struct InformerCacheTests {
    private static func put(_ name: String, _ text: String, _ revision: Int64) -> WatchEvent {
        let note = Note(name, text)
        let stored = KeyValue(key: Array(note.storeKey.utf8), modRevision: revision, value: note.storedBytes())
        return WatchEvent(type: .put, kv: stored)
    }

    private static func deletion(_ name: String, _ revision: Int64) -> WatchEvent {
        WatchEvent(type: .delete, kv: KeyValue(key: Array(Note(name, "").storeKey.utf8), modRevision: revision))
    }

    @Test func whatComesTwiceOrLateChangesNothing() {
        var cache = InformerCache<Note>()
        _ = cache.replace(with: ObjectList(revision: 4))
        let first = WatchResponse(events: [Self.put("a", "1", 5)])
        #expect(cache.apply(first) == ["/notes/a"])
        #expect(cache.apply(WatchResponse(events: [Self.put("a", "2", 6)])) == ["/notes/a"])
        #expect(cache.apply(first) == [] && cache.snapshot.objects["/notes/a"]?.text == "2")
        let last = WatchResponse(events: [Self.deletion("a", 7)])
        #expect(cache.apply(last) == ["/notes/a"])
        #expect(cache.apply(first) == [] && cache.apply(last) == [] && cache.snapshot.objects.isEmpty)
        #expect(cache.snapshot.revision == 7)
    }

    @Test func aRevisionIsInOnceItsLastFragmentIs() {
        var cache = InformerCache<Note>()
        _ = cache.replace(with: ObjectList(revision: 4))
        #expect(cache.apply(WatchResponse(fragment: true, events: [Self.put("a", "1", 5)])) == ["/notes/a"])
        #expect(cache.snapshot.revision == 4)
        #expect(cache.apply(WatchResponse(events: [Self.put("b", "1", 5)])) == ["/notes/b"])
        #expect(cache.snapshot.revision == 5 && cache.snapshot.objects.count == 2)
    }

    @Test func progressMovesTheRevisionAndNothingElseDoes() {
        var cache = InformerCache<Note>()
        _ = cache.replace(with: ObjectList(revision: 4))
        _ = cache.apply(WatchResponse(header: ResponseHeader(revision: 9), created: true))
        #expect(cache.snapshot.revision == 4)
        _ = cache.apply(WatchResponse(header: ResponseHeader(revision: 9)))
        #expect(cache.snapshot.revision == 9)
    }

    @Test func aListTellsOnlyOfWhatDiffers() {
        var cache = InformerCache<Note>()
        var (same, old, new) = (Note("same", "1"), Note("old", "1"), Note("new", "1"))
        (same.modRevision, old.modRevision, new.modRevision) = (1, 2, 3)
        let keys = { (notes: [Note]) in notes.map(\.storeKey) }
        _ = cache.replace(with: ObjectList(items: [old, same], keys: keys([old, same]), revision: 2))
        let changed = cache.replace(with: ObjectList(items: [new, same], keys: keys([new, same]), revision: 4))
        #expect(changed == ["/notes/new", "/notes/old"])
    }
}
