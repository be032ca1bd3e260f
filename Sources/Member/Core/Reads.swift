internal import EtcdWire
internal import Raft

/// Reads that must see everything acknowledged before they came. They are answered in rounds: one question to the cluster
/// of how far it is, then, once that much is applied here, all reads that were waiting when it was asked.
struct Reads<Caller: Hashable & Sendable> {
    enum Read {
        case call(Caller, ClientRequest)
        case keepAlive(StreamID, LeaseKeepAliveRequest)
    }

    private struct Waiting {
        var read: Read
        var deadline: Duration
    }

    private var waiting: [Waiting] = []
    private var asked: [Waiting] = []
    /// The number of the round, which is its question's context; none is used twice, by no run of the member: an answer to
    /// an earlier one's may still be on its way.
    private var round: UInt64
    private var askedAt: Duration?
    /// Reads that may be answered once so much is applied.
    private var settled: [(index: UInt64, reads: [Waiting])] = []

    /// Within which a question is asked again: it, or its answer, may have been lost.
    private static var patience: Duration { .milliseconds(500) }

    /// - Parameter start: Beyond the rounds of all earlier runs.
    init(start: UInt64) {
        self.round = start
    }

    mutating func add(_ read: Read, until deadline: Duration) {
        self.waiting.append(Waiting(read: read, deadline: deadline))
    }

    /// The context of a question to be asked now, if there is one.
    mutating func question(at now: Duration) -> [UInt8]? {
        if let askedAt {
            guard now - askedAt >= Self.patience else { return nil }
        } else {
            guard !self.waiting.isEmpty else { return nil }
        }
        self.asked += self.waiting
        self.waiting = []
        self.round += 1
        self.askedAt = now
        return (0..<8).map { UInt8(truncatingIfNeeded: self.round >> (56 - 8 * UInt64($0))) }
    }

    mutating func settle(_ state: ReadState) {
        guard self.askedAt != nil, state.context.reduce(0, { $0 << 8 | UInt64($1) }) == self.round else { return }
        self.settled.append((state.index, self.asked))
        self.asked = []
        self.askedAt = nil
    }

    /// Those that may be answered, now that so much is applied.
    mutating func take(applied: UInt64) -> [Read] {
        guard let first = self.settled.first, first.index <= applied else { return [] }
        var reads: [Read] = []
        while let next = self.settled.first, next.index <= applied {
            for waiting in next.reads { reads.append(waiting.read) }
            self.settled.removeFirst()
        }
        return reads
    }

    /// Gives up those whose time is over.
    mutating func expire(at now: Duration) -> [Read] {
        let all = self.waiting + self.asked + self.settled.flatMap(\.reads)
        let late = all.filter { $0.deadline <= now }
        guard !late.isEmpty else { return [] }
        self.waiting.removeAll { $0.deadline <= now }
        self.asked.removeAll { $0.deadline <= now }
        for place in self.settled.indices { self.settled[place].reads.removeAll { $0.deadline <= now } }
        if self.asked.isEmpty { self.askedAt = nil }
        return late.map(\.read)
    }
}
