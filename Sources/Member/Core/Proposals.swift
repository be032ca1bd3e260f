internal import EtcdWire

/// What clients wait for that stands, or is to stand, in the log. Each has an id that the entry carries.
struct Proposals<Caller: Hashable & Sendable> {
    /// What kind of answer the client wants.
    enum Kind {
        case request
        /// Of `added` the answer speaks alone as well.
        case memberAdd(added: UInt64)
        case members
        case downgrade
    }

    struct Waiter {
        var caller: Caller
        var kind: Kind
    }

    /// Ids are the member's own: its id's lower 16 bits, and a count that never begins where an earlier run of the member
    /// may have been (etcd's `idutil`).
    private var next: UInt64
    /// Looked up, never iterated.
    private var waiters: [UInt64: Waiter] = [:]
    /// All that were ever added and may still wait, the oldest first.
    private var deadlines: [(id: UInt64, at: Duration)] = []
    private var first = 0

    init(memberID: UInt64, start: UInt64) {
        self.next = memberID << 48 | start & 0xFFFF_FFFF_FFFF
    }

    var count: Int { self.waiters.count }

    /// An id for a request that nobody waits for.
    mutating func makeID() -> UInt64 {
        self.next &+= 1
        return self.next
    }

    mutating func add(_ caller: Caller, _ kind: Kind, until deadline: Duration) -> UInt64 {
        let id = self.makeID()
        self.waiters[id] = Waiter(caller: caller, kind: kind)
        self.deadlines.append((id, deadline))
        return id
    }

    mutating func take(_ id: UInt64) -> Waiter? {
        id == 0 ? nil : self.waiters.removeValue(forKey: id)
    }

    /// Gives up those whose time is over.
    mutating func expire(at now: Duration, _ body: (Caller) -> Void) {
        while self.first < self.deadlines.count, self.deadlines[self.first].at <= now {
            if let waiter = self.waiters.removeValue(forKey: self.deadlines[self.first].id) { body(waiter.caller) }
            self.first += 1
        }
        if self.first * 2 > self.deadlines.count {
            self.deadlines.removeSubrange(..<self.first)
            self.first = 0
        }
    }
}
