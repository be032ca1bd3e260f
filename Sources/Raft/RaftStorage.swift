public import EtcdWire

/// What a member reads back of what it has stored. The driver writes it, following ``Ready``; the member only reads.
public protocol RaftStorage: AnyObject {
    /// What was stored before the member started. The configuration is that of the snapshot, or of what has been applied.
    var initialState: (hardState: HardState, confState: ConfState) { get }
    /// The first entry that is still there: one after the snapshot's.
    var firstIndex: UInt64 { get }
    /// The last entry; without any, the snapshot's.
    var lastIndex: UInt64 { get }
    /// The term of an entry from `firstIndex - 1` through `lastIndex`.
    func term(at index: UInt64) -> UInt64
    /// Entries from `start` up to, not including, `end`, all of which are there: as many as fit into `maxBytes`, and one
    /// at least.
    func entries(from start: UInt64, to end: UInt64, maxBytes: UInt64) -> ArraySlice<RaftEntry>
    /// A snapshot, to be sent to a follower whose next entry is gone; nil if there is none to be had now. It should be of
    /// what is applied now: a member that was added later than it was made does not take it in.
    func snapshot() -> RaftSnapshot?
}

extension RaftEntry {
    /// Bytes of the entry's encoding.
    var encodedSize: UInt64 {
        let data = self.data.count
        let fixed = 4 + Self.varintSize(self.term) + Self.varintSize(self.index)
        return UInt64(fixed + (data == 0 ? 0 : 1 + Self.varintSize(UInt64(data)) + data))
    }

    private static func varintSize(_ value: UInt64) -> Int {
        max(1, (70 - value.leadingZeroBitCount) / 7)
    }
}

extension ArraySlice<RaftEntry> {
    var encodedSize: UInt64 {
        self.reduce(0) { $0 + $1.encodedSize }
    }

    /// Bytes of the entries' data alone.
    var payloadSize: UInt64 {
        self.reduce(0) { $0 + UInt64($1.data.count) }
    }

    /// As many entries as fit into `maxBytes`, and one at least.
    func limited(to maxBytes: UInt64) -> ArraySlice<RaftEntry> {
        guard maxBytes != .max, let first else { return self }
        var size = first.encodedSize
        var end = self.startIndex + 1
        while end < self.endIndex {
            size += self[end].encodedSize
            if size > maxBytes { break }
            end += 1
        }
        return self[..<end]
    }
}
