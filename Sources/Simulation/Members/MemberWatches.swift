internal import EtcdWire
internal import Member
internal import Platform
internal import Store

/// Watches that go from member to member, as a client's do that reconnects, and what they were told.
struct MemberWatches {
    private struct Watch {
        var stream: StreamID
        var member: Int
        var history: WatchHistory
        var until: Duration
        /// The run of the member that it is open at.
        var run: UInt64
    }

    private var random: SeededRandom
    private var open: Watch?
    private var next: UInt64 = 0
    private var lastSeen: Int64 = 0
    private(set) var histories: [WatchHistory] = []
    private var all: (stream: StreamID, events: [WatchEvent])?

    init(seed: UInt64) {
        self.random = SeededRandom(seed: seed)
    }

    var allEvents: [WatchEvent] { self.all?.events ?? [] }

    mutating func act(on cluster: SimulatedCluster) {
        if let open {
            if !cluster.members[open.member].isUp {
                self.close()
            } else if open.until <= cluster.now {
                cluster.members[open.member].events.append(.watchClosed(open.stream))
                self.close()
            } else if self.random.chance(0.01) {
                cluster.members[open.member].events.append(.watch(open.stream, .progress(WatchProgressRequest())))
            }
            return
        }
        let member = cluster.members[Int.random(in: 0..<cluster.members.count, using: &self.random)]
        guard member.isUp else { return }
        self.next += 1
        let stream = StreamID(raw: self.next)
        let request = WatchCreateRequest(
            key: Array("k".utf8), rangeEnd: Array("l".utf8), startRevision: self.lastSeen + 1,
            prevKv: self.random.chance(0.5), fragment: self.random.chance(0.5))
        member.events += [.watchOpened(stream), .watch(stream, .create(request))]
        let until = cluster.now + .milliseconds(Int.random(in: 200...4000, using: &self.random))
        self.open = Watch(
            stream: stream, member: member.number, history: WatchHistory(request), until: until,
            run: member.starts)
    }

    private mutating func close() {
        guard let open else { return }
        self.histories.append(open.history)
        self.open = nil
    }

    mutating func take(from cluster: SimulatedCluster) {
        for (member, message) in cluster.watchMessages {
            if let all, all.stream == message.stream, member == 0 {
                self.all?.events += message.response.events
            } else if open?.stream == message.stream, open?.member == member {
                self.open?.history.responses.append(message.response)
                self.lastSeen = max(self.lastSeen, message.response.events.last?.kv.modRevision ?? 0)
                // What it waits for is compacted: it goes on from there.
                if message.response.compactRevision > 0 {
                    self.lastSeen = max(self.lastSeen, message.response.compactRevision)
                    self.close()
                }
            }
        }
    }

    /// Opens a watch of everything from the beginning.
    mutating func readAll(on member: SimulatedMember) {
        self.next += 1
        let stream = StreamID(raw: self.next)
        let request = WatchCreateRequest(key: [0], rangeEnd: [0], startRevision: 1)
        member.events += [.watchOpened(stream), .watch(stream, .create(request))]
        self.all = (stream, [])
    }

    /// What the watch that is still open was not told of, though everything works: the revision of the last event, or nil.
    mutating func closeLast(_ cluster: SimulatedCluster) -> Int64? {
        defer { self.close() }
        guard let open, cluster.members[open.member].starts == open.run, open.history.responses.contains(where: { $0.created })
        else { return nil }
        let last = self.allEvents.last { $0.kv.key.first == UInt8(ascii: "k") }?.kv.modRevision ?? 0
        return self.lastSeen < last ? last : nil
    }

    func hasReadAll(_ member: SimulatedMember) -> Bool {
        let revision = member.withCore { $0.store.revision } ?? 0
        return revision <= 1 || self.all?.events.last?.kv.modRevision == revision
    }
}

extension WatchHistory {
    /// What was asked for, and what came, for people.
    var summary: String {
        let told = self.responses.map { response in
            let events = response.events.map { "\($0.kv.modRevision)" }.joined(separator: " ")
            let kind = response.created ? "created" : response.canceled ? "canceled" : events.isEmpty ? "progress" : events
            return "[\(kind) @\(response.header.revision)]"
        }
        return "watch from \(self.request.startRevision): \(told.joined(separator: " "))"
    }
}
