internal import EtcdWire

/// An answer to ``RaftNode/readIndex(context:)``: what was committed when the read came. Once that is applied, the read sees
/// everything that was acknowledged before it.
public struct ReadState: Sendable, Hashable {
    public var index: UInt64
    public var context: [UInt8]

    public init(index: UInt64, context: [UInt8]) {
        (self.index, self.context) = (index, context)
    }
}

/// A leader's reads that wait to learn whether it still leads. They are numbered; a heartbeat carries the number of the last
/// one, and the answers of a majority prove it and all before it. No number is used twice, so no answer counts for a read
/// that came after its heartbeat was sent.
struct ReadQueue: Sendable, Hashable {
    /// Reads whose fate is known.
    private var settled: UInt64 = 0
    private var waiting: [Read] = []
    /// Reads that came before the leader's first commit, which it must know of to answer them (thesis, 6.4).
    var postponed: [RaftMessage] = []

    struct Read: Hashable {
        var request: RaftMessage
        var index: UInt64
    }

    /// What a heartbeat carries: the number of the last read, little endian; nothing when none waits.
    var context: [UInt8] {
        guard !self.waiting.isEmpty else { return [] }
        return (0..<8).map { UInt8(truncatingIfNeeded: self.last >> (8 * UInt64($0))) }
    }

    var last: UInt64 { self.settled + UInt64(self.waiting.count) }

    /// The number in a context; 0 if it is none of ours.
    func number(in context: [UInt8]) -> UInt64 {
        guard context.count == 8 else { return 0 }
        let number = context.reversed().reduce(0) { $0 << 8 | UInt64($1) }
        return number <= self.last ? number : 0
    }

    mutating func add(_ request: RaftMessage, index: UInt64) {
        self.waiting.append(Read(request: request, index: index))
    }

    /// Takes the reads up to `number`.
    mutating func settle(through number: UInt64) -> [Read] {
        guard number > self.settled, number <= self.last else { return [] }
        let count = Int(number - self.settled)
        let settled = Array(self.waiting.prefix(count))
        self.waiting.removeFirst(count)
        self.settled = number
        return settled
    }

    mutating func reset() {
        self.settled = self.last
        self.waiting = []
        self.postponed = []
    }
}

extension RaftNode {
    /// Asks for the index that a linearizable read has to wait for: it comes as a ``ReadState`` with this context, or, if
    /// messages are lost or leaders change, never. The context must be another for each try.
    public mutating func readIndex(context: [UInt8]) {
        var request = RaftMessage(.readIndex)
        request.entries = [RaftEntry(term: 0, index: 0, data: context)]
        self.receiveOwn(request)
    }

    mutating func leaderReadIndex(_ request: RaftMessage) throws(RaftRefusal) {
        guard request.entries.count == 1 else {
            throw RaftRefusal(.impossible("a read with \(request.entries.count) contexts"))
        }
        #if QUORATE_PLANTED_BUGS
            if self.configuration.bug == .readsBeforeItsTerm { return self.startRead(request) }
        #endif
        // Before its first commit even a member alone may know of less than was acknowledged before it was elected.
        if self.log.term(at: self.log.committed) == self.term {
            self.startRead(request)
        } else {
            self.reads.postponed.append(request)
        }
    }

    /// For when the commit index has moved.
    mutating func answerPostponedReads() {
        guard !self.reads.postponed.isEmpty, self.log.term(at: self.log.committed) == self.term else { return }
        let requests = self.reads.postponed
        self.reads.postponed = []
        for request in requests {
            self.startRead(request)
        }
    }

    private mutating func startRead(_ request: RaftMessage) {
        if self.configuration.readOnly == .leaseBased || self.tracker.isAlone(self.id) {
            return self.answer(request, index: self.log.committed)
        }
        #if QUORATE_PLANTED_BUGS
            if self.configuration.bug == .readsUnconfirmed { return self.answer(request, index: self.log.committed) }
        #endif
        self.reads.add(request, index: self.log.committed)
        if let own = self.tracker.position(self.id) { self.tracker.members[own].acknowledgedRead = self.reads.last }
        self.broadcastHeartbeat()
    }

    mutating func receiveReadAcknowledgement(_ message: RaftMessage, _ position: Int) {
        guard !message.context.isEmpty else { return }
        let number = self.reads.number(in: message.context)
        self.tracker.members[position].acknowledgedRead = max(self.tracker.members[position].acknowledgedRead, number)
        for read in self.reads.settle(through: self.tracker.agreed(\.acknowledgedRead)) {
            self.answer(read.request, index: read.index)
        }
    }

    private mutating func answer(_ request: RaftMessage, index: UInt64) {
        guard request.from != 0, request.from != self.id else {
            let context = request.entries.first?.data ?? []
            return self.readStates.append(ReadState(index: index, context: context))
        }
        var response = RaftMessage(.readIndexResponse, to: request.from)
        response.index = index
        response.entries = request.entries
        self.send(response)
    }
}
