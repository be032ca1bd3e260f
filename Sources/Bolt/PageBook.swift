internal import Synchronization

/// Which pages of a file are free, and which will be once nobody sees them any more.
struct PageBook {
    var free: Freelist
    /// Freed by the last transactions, and not looked at yet.
    private var fresh: [PendingRun] = []
    /// Freed, but seen by a reader when they were last looked at.
    private var held: [PendingRun] = []
    /// The transaction that allocated a run of pages, by its first; known for those allocated while there were readers.
    private var allocated: [UInt64: UInt64] = [:]
    private var pruneAt = 4096
    /// How many readers had ended when ``held`` was last looked at.
    private var readersEnded = 0

    init(free: Freelist) {
        self.free = free
    }

    /// Frees what no reader sees.
    mutating func release(_ table: ReaderTable) {
        let (readers, ended) = table.current
        let looked = self.readersEnded == ended ? self.fresh : self.held + self.fresh
        if self.readersEnded != ended { self.held = [] }
        (self.fresh, self.readersEnded) = ([], ended)
        for pending in looked {
            if readers.contains(where: { pending.isVisible(to: $0) }) {
                self.held.append(pending)
            } else {
                self.free.insert(pending.run)
            }
        }
        guard let oldest = readers.first else {
            self.allocated = [:]
            return
        }
        if self.allocated.count > self.pruneAt {
            self.allocated = self.allocated.filter { $0.value > oldest }
            self.pruneAt = max(4096, self.allocated.count * 2)
        }
    }

    /// Takes note of what a transaction has committed.
    /// - Parameter isRead: Whether there are readers, so that it matters who does not see the new pages.
    mutating func commit(_ transaction: BoltWriteTransaction, isRead: Bool) {
        let id = transaction.transactionID
        for run in transaction.freed {
            self.fresh.append(PendingRun(run: run, allocated: self.allocated.removeValue(forKey: run.start) ?? 0, freed: id))
        }
        guard isRead else { return }
        for part in transaction.placed { self.allocated[part.run.start] = id }
    }

    var unusedCount: Int {
        self.free.count + self.fresh.reduce(0) { $0 + $1.run.count } + self.held.reduce(0) { $0 + $1.run.count }
    }

    /// All pages that are free or will be, in no order.
    var unused: [UInt64] {
        self.free.pages + (self.fresh + self.held).flatMap { $0.run.pages }
    }
}

/// The transactions that are being read, for the writer to see from whichever thread they end.
final class ReaderTable: Sendable {
    private struct State {
        /// How many read what a transaction committed.
        var readers: [UInt64: Int] = [:]
        var ended = 0
    }

    private let state = Mutex(State())

    func begin(_ transaction: UInt64) {
        self.state.withLock { $0.readers[transaction, default: 0] += 1 }
    }

    func end(_ transaction: UInt64) {
        self.state.withLock { state in
            state.ended += 1
            guard let count = state.readers[transaction] else { preconditionFailure("a reader ends once") }
            state.readers[transaction] = count > 1 ? count - 1 : nil
        }
    }

    /// The transactions that are read, oldest first, and how many readers have ended.
    var current: (readers: [UInt64], ended: Int) {
        self.state.withLock { ($0.readers.keys.sorted(), $0.ended) }
    }

    var isEmpty: Bool { self.state.withLock { $0.readers.isEmpty } }
}
