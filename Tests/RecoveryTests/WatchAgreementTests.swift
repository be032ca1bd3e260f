import EtcdWire
import Platform
import Recovery
import Testing

/// A history of a few keys, as the log has it and as a watch tells it.
private struct TwofoldHistory {
    var entries: [RaftEntry] = []
    /// Of each entry that changed something, its events.
    var told: [(entry: Int, events: [WatchEvent])] = []

    init(seed: UInt64, count: Int) throws {
        var random = SeededRandom(seed: seed)
        var keys: [UInt8: Int64] = [:]
        var revision: Int64 = 1
        for index in 1...UInt64(count) {
            let key = UInt8.random(in: 97...102, using: &random)
            let value = [UInt8.random(in: 0...3, using: &random)]
            var events: [WatchEvent] = []
            let operation: InternalRaftRequest.Operation
            switch Int.random(in: 0..<5, using: &random) {
            case 0:
                operation = .deleteRange(DeleteRangeRequest(key: [key]))
                if keys.removeValue(forKey: key) != nil { events = [Self.deletion(key, revision + 1)] }
            case 1:
                let put = PutRequest(key: [key], value: value)
                let compare = Compare.version(of: [key], .less, 2)
                operation = .txn(
                    TxnRequest(
                        compare: [compare], success: [.put(put)], failure: [.deleteRange(DeleteRangeRequest(key: [key]))]))
                if keys[key] == nil || keys[key] == 1 {
                    keys[key, default: 0] += 1
                    events = [Self.put(put, revision + 1)]
                } else {
                    keys[key] = nil
                    events = [Self.deletion(key, revision + 1)]
                }
            case 2:
                // Of a lease that does not exist: refused.
                operation = .put(PutRequest(key: [key], value: value, lease: 99))
            default:
                let put = PutRequest(key: [key], value: value)
                operation = .put(put)
                keys[key, default: 0] += 1
                events = [Self.put(put, revision + 1)]
            }
            let request = InternalRaftRequest(operation: operation, header: RequestHeader(id: index))
            self.entries.append(RaftEntry(term: 1, index: index, data: request.encoded()))
            guard !events.isEmpty else { continue }
            revision += 1
            self.told.append((self.entries.count - 1, events))
        }
    }

    private static func put(_ request: PutRequest, _ revision: Int64) -> WatchEvent {
        WatchEvent(type: .put, kv: KeyValue(key: request.key, modRevision: revision, value: request.value))
    }

    private static func deletion(_ key: UInt8, _ revision: Int64) -> WatchEvent {
        WatchEvent(type: .delete, kv: KeyValue(key: [key], modRevision: revision))
    }

    /// Feeds both sides in pieces of any size, either ahead of the other.
    /// - Returns: The revision agreed on, or what is disagreed on.
    func compare(seed: UInt64, entries: [RaftEntry]) -> Result<Int64, WatchAgreement.Disagreement> {
        var random = SeededRandom(seed: seed)
        var agreement = WatchAgreement()
        var (entries, told) = (entries[...], self.told.map(\.events)[...])
        do throws(WatchAgreement.Disagreement) {
            while !entries.isEmpty || !told.isEmpty {
                let some = told.prefix(Int.random(in: 0...3, using: &random))
                agreement.add(some.flatMap { $0 }, at: Timestamp(seconds: 10))
                told = told.dropFirst(some.count)
                let few = entries.prefix(Int.random(in: 0...3, using: &random))
                try agreement.add(Array(few), completeUntil: nil)
                entries = entries.dropFirst(few.count)
            }
            try agreement.add([], completeUntil: Timestamp(seconds: 20))
            return .success(agreement.revision)
        } catch {
            return .failure(error)
        }
    }
}

@Suite struct WatchAgreementTests {
    @Test(arguments: 0..<50 as Range<UInt64>) func oneHistoryAgrees(seed: UInt64) throws {
        let history = try TwofoldHistory(seed: seed, count: 200)
        let last = try #require(history.told.last?.events[0].kv.modRevision)
        #expect(history.compare(seed: seed, entries: history.entries) == .success(last), "seed \(seed)")
    }

    /// What the archive lacks shows, unless a later entry does the same.
    @Test(arguments: 0..<50 as Range<UInt64>) func aMissingEntryShows(seed: UInt64) throws {
        let history = try TwofoldHistory(seed: seed, count: 200)
        // The last that changed something has no later one that could stand for it.
        let last = try #require(history.told.last)
        var entries = history.entries
        entries.remove(at: last.entry)
        entries.removeSubrange(min(last.entry, entries.count)...)
        let expected = WatchAgreement.Disagreement(revision: last.events[0].kv.modRevision, key: last.events[0].kv.key)
        #expect(history.compare(seed: seed, entries: entries) == .failure(expected), "seed \(seed)")
    }

    @Test func anEntryWithOtherBytesShows() throws {
        let history = try TwofoldHistory(seed: 1, count: 50)
        let last = try #require(history.told.last)
        var entries = Array(history.entries[...last.entry])
        let other = InternalRaftRequest(operation: .put(PutRequest(key: last.events[0].kv.key, value: [9])))
        entries[last.entry].data = other.encoded()
        guard case .failure = history.compare(seed: 1, entries: entries) else {
            Issue.record("an entry that did something else was taken for the one that the stream tells of")
            return
        }
    }
}
