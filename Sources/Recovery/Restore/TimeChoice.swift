public import Platform

/// Which entries are proven to have been at a time or before. Raft entries carry no time themselves.
public enum TimeChoice {
    /// Proof that an entry, and all before it, were there at a time.
    public struct Bound: Sendable, Hashable {
        public var index: UInt64
        public var time: Timestamp
        /// What it is taken from, for the report.
        public var evidence: String

        public init(index: UInt64, time: Timestamp, evidence: String) {
            (self.index, self.time, self.evidence) = (index, time, evidence)
        }
    }

    public struct Choice: Sendable, Hashable {
        /// The last entry proven to be at the time or before.
        public var index: UInt64
        public var bound: Bound
        /// The next proof, of an entry that may have been later; nil where there is none. What lies between is left out, though
        /// some of it may have been in time.
        public var next: Bound?
    }

    /// Nil where nothing is proven to be at the time or before.
    public static func choose(_ bounds: [Bound], at time: Timestamp) -> Choice? {
        let proven = bounds.filter { $0.time <= time }
        // Of several proofs of one entry the earliest says most.
        guard let best = proven.max(by: { ($0.index, $1.time) < ($1.index, $0.time) }) else { return nil }
        let later = bounds.filter { $0.index > best.index && $0.time > time }
        return Choice(index: best.index, bound: best, next: later.min { ($0.time, $0.index) < ($1.time, $1.index) })
    }

    /// The earliest time at which a request can have been made: an id holds when its member was started, and counts on from
    /// there by 1/256 ms a request, more slowly than time.
    ///
    /// Format: etcd, `pkg/idutil`: 16 bits of member id, 40 bits of milliseconds, 8 bits of count.
    /// - Parameter before: A time that the request was made before, for the bits that the id lacks.
    public static func earliest(requestID: UInt64, before: Timestamp) -> Timestamp? {
        let milliseconds = Int64(requestID >> 8 & (1 << 40 - 1))
        let limit = before.nanoseconds / 1_000_000
        guard requestID != 0, limit >= milliseconds else { return nil }
        let wraps = (limit - milliseconds) >> 40
        let whole = milliseconds + wraps << 40
        return Timestamp(nanoseconds: whole * 1_000_000)
    }
}
