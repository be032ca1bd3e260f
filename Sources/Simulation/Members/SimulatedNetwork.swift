internal import EtcdWire
internal import Platform

/// Carries messages between members: late, twice, in another order, or not at all.
struct SimulatedNetwork {
    struct Delivery {
        var at: Duration
        /// Breaks ties, so that the order follows from the seed.
        var number: UInt64
        var from: Int
        var to: Int
        var message: RaftMessage
        var database: [UInt8]?
    }

    private var random: SeededRandom
    private var waiting: [Delivery] = []
    private var count: UInt64 = 0
    /// Links that carry nothing, each until some time.
    private var cuts: [Link: Duration] = [:]
    private var loss = 0.02
    private var duplication = 0.01
    private var longestDelay = 15

    struct Link: Hashable {
        var from: Int
        var to: Int
    }

    init(seed: UInt64) {
        self.random = SeededRandom(seed: seed)
        self.longestDelay = [5, 15, 40].randomElement(using: &self.random) ?? 15
    }

    mutating func cut(_ from: Int, _ to: Int, until end: Duration) {
        self.cuts[Link(from: from, to: to)] = end
    }

    mutating func mend() {
        self.cuts = [:]
        (self.loss, self.duplication, self.longestDelay) = (0, 0, 5)
    }

    /// What is on its way from a machine that is gone comes all the same; what is on its way to it does not.
    mutating func forget(_ number: Int) { self.waiting.removeAll { $0.to == number && $0.database == nil } }

    /// - Returns: Whether the message is on its way.
    mutating func send(_ message: RaftMessage, from: Int, to: Int, at now: Duration, database: [UInt8]? = nil) -> Bool {
        if let end = self.cuts[Link(from: from, to: to)] {
            if end > now { return false }
            self.cuts[Link(from: from, to: to)] = nil
        }
        let isLost = self.random.chance(database == nil ? self.loss : self.loss * 5)
        guard !isLost else { return false }
        // A proposal that came twice would be carried out twice, in etcd too; but connections repeat nothing.
        let isTwice = self.random.chance(self.duplication) && database == nil && message.kind != .proposal
        for _ in 0..<(isTwice ? 2 : 1) {
            let delay = Duration.milliseconds(Int.random(in: 0...self.longestDelay, using: &self.random))
            self.count += 1
            self.waiting.append(
                Delivery(at: now + delay, number: self.count, from: from, to: to, message: message, database: database))
        }
        return true
    }

    mutating func due(at now: Duration) -> [Delivery] {
        let due = self.waiting.filter { $0.at <= now }.sorted { ($0.at, $0.number) < ($1.at, $1.number) }
        if !due.isEmpty { self.waiting.removeAll { $0.at <= now } }
        return due
    }
}
