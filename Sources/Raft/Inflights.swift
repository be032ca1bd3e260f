/// Appends that a follower has been sent and has not acknowledged: a window over the log, limited in messages and bytes.
/// The limit on bytes is soft: the message that reaches it is the last.
struct Inflights: Sendable, Hashable {
    private let limit: Int
    private let byteLimit: UInt64
    /// A ring that grows up to `limit`.
    private var ring: [Message] = []
    private var start = 0
    private(set) var count = 0
    private var bytes: UInt64 = 0

    private struct Message: Hashable {
        var lastIndex: UInt64
        var bytes: UInt64
    }

    /// - Parameter byteLimit: 0 for none.
    init(limit: Int, byteLimit: UInt64) {
        (self.limit, self.byteLimit) = (limit, byteLimit)
    }

    var isFull: Bool {
        self.count == self.limit || self.byteLimit != 0 && self.bytes >= self.byteLimit
    }

    mutating func add(lastIndex: UInt64, bytes: UInt64) {
        precondition(!self.isFull, "one message more than may be in flight")
        if self.count == self.ring.count { self.grow() }
        self.ring[(self.start + self.count) % self.ring.count] = Message(lastIndex: lastIndex, bytes: bytes)
        self.count += 1
        self.bytes += bytes
    }

    /// Frees the messages whose entries all are acknowledged.
    mutating func free(through index: UInt64) {
        while self.count > 0, self.ring[self.start].lastIndex <= index {
            self.bytes -= self.ring[self.start].bytes
            self.start = (self.start + 1) % self.ring.count
            self.count -= 1
        }
    }

    mutating func reset() {
        (self.start, self.count, self.bytes) = (0, 0, 0)
    }

    private mutating func grow() {
        let size = min(self.limit, max(4, self.ring.count * 2))
        var larger: [Message] = []
        larger.reserveCapacity(size)
        for offset in 0..<self.count {
            larger.append(self.ring[(self.start + offset) % self.ring.count])
        }
        larger.append(contentsOf: repeatElement(Message(lastIndex: 0, bytes: 0), count: size - self.count))
        self.ring = larger
        self.start = 0
    }
}
