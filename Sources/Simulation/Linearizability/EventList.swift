/// The invocations and returns of a history in the order of time, as a doubly linked list: placing an operation takes both
/// of its events out, and going back puts them in again where they were.
struct EventList {
    /// The list's end, before the first event and after the last.
    static let end = 0

    private var next: [Int]
    private var previous: [Int]
    private var invocations: [Int]
    /// `end` for an operation that never returned.
    private var returns: [Int]
    /// An invocation's operation as it is, a return's as its complement.
    private var owners: [Int]

    /// - Parameter times: For each operation when it was invoked and when it returned, if it did.
    init(_ times: [(invoked: Int, returned: Int?)]) {
        var events: [(time: Int, isReturn: Bool, operation: Int)] = []
        for (operation, time) in times.enumerated() {
            events.append((time.invoked, false, operation))
            if let returned = time.returned { events.append((returned, true, operation)) }
        }
        events.sort { ($0.time, $0.isReturn ? 1 : 0, $0.operation) < ($1.time, $1.isReturn ? 1 : 0, $1.operation) }
        self.invocations = Array(repeating: Self.end, count: times.count)
        self.returns = self.invocations
        self.owners = [0]
        self.next = [0]
        self.previous = [0]
        for (offset, event) in events.enumerated() {
            let node = offset + 1
            if event.isReturn { self.returns[event.operation] = node } else { self.invocations[event.operation] = node }
            self.owners.append(event.isReturn ? ~event.operation : event.operation)
            self.next.append(node + 1)
            self.previous.append(node - 1)
        }
        self.next[events.count] = Self.end
        self.next[Self.end] = events.isEmpty ? Self.end : 1
        self.previous[Self.end] = events.count
    }

    var first: Int { self.next[Self.end] }

    func after(_ node: Int) -> Int { self.next[node] }

    func afterInvocation(of operation: Int) -> Int { self.next[self.invocations[operation]] }

    /// Where its return stands; `end` when it never returned.
    func returnNode(of operation: Int) -> Int { self.returns[operation] }

    /// The operation invoked here, or nil when one returns here.
    func invoked(at node: Int) -> Int? { self.owners[node] >= 0 && node != Self.end ? self.owners[node] : nil }

    /// The operation that returns here, or nil when one is invoked here.
    func returned(at node: Int) -> Int? { self.owners[node] < 0 ? ~self.owners[node] : nil }

    mutating func remove(_ operation: Int) {
        self.unlink(self.invocations[operation])
        if self.returns[operation] != Self.end { self.unlink(self.returns[operation]) }
    }

    /// Undoes the latest removal that is not undone.
    mutating func restore(_ operation: Int) {
        if self.returns[operation] != Self.end { self.link(self.returns[operation]) }
        self.link(self.invocations[operation])
    }

    private mutating func unlink(_ node: Int) {
        self.next[self.previous[node]] = self.next[node]
        self.previous[self.next[node]] = self.previous[node]
    }

    private mutating func link(_ node: Int) {
        self.next[self.previous[node]] = node
        self.previous[self.next[node]] = node
    }
}

/// A set of small numbers, and a digest of 128 bits that stands for it.
struct PlacedSet {
    /// Two sets with the same digest are taken for the same: that they are not will not happen in the life of a machine.
    struct Digest: Hashable {
        var high: UInt64 = 0
        var low: UInt64 = 0
    }

    private var words: [UInt64]
    private(set) var digest = Digest()

    init(capacity: Int) {
        self.words = Array(repeating: 0, count: (capacity + 63) / 64)
    }

    func contains(_ member: Int) -> Bool {
        self.words[member >> 6] & (1 << UInt64(member & 63)) != 0
    }

    /// Takes a number in, or out when it is in.
    mutating func toggle(_ member: Int) {
        self.words[member >> 6] ^= 1 << UInt64(member & 63)
        self.digest.high ^= Self.mixed(2 * UInt64(member) + 1)
        self.digest.low ^= Self.mixed(2 * UInt64(member) + 2)
    }

    /// SplitMix64: numbers close together come far apart.
    private static func mixed(_ number: UInt64) -> UInt64 {
        var mixed = number &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
