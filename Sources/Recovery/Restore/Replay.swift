internal import EtcdWire
internal import Platform

/// A store over a database file, that applies log entries to it as a member does.
protocol ReplayEngine: AnyObject {
    var revision: Int64 { get }
    /// - Parameter content: What the entry says; nil when that cannot be read.
    func apply(_ entry: RaftEntry, _ content: EntryContent?) throws(RecoveryError)
    /// Makes durable what was applied.
    func commit() throws(RecoveryError)
    /// Ends the engine's use, and gives up what was applied since the last commit.
    func close() throws(RecoveryError)
}

/// Applies entries up to a goal. It ends between two entries, so that no transaction is cut.
struct Replay {
    /// Entries after which what was applied is made durable.
    private static let batch = 10_000

    let engine: any ReplayEngine
    let goal: BaseChoice.Goal
    /// The last entry there is.
    let last: UInt64
    let progress: ProgressReport?

    struct Outcome {
        /// The last entry applied; 0 where there was none.
        var index: UInt64 = 0
        var term: UInt64 = 0
        /// Of the last request that had one.
        var requestID: UInt64 = 0
        /// Whether an entry beyond the goal was met.
        var isStopped = false
    }

    func run(_ stream: inout EntryStream) throws(RecoveryError) -> Outcome {
        var outcome = Outcome()
        var pending = 0
        let start = stream.next
        while true {
            if case .index(let index) = self.goal, stream.next > index { break }
            guard let entry = try stream.nextEntry() else { break }
            let content = try? EntryContent(entry)
            if case .revision(let revision) = self.goal, self.engine.revision >= revision, content?.mayWrite ?? true {
                try self.engine.commit()
                pending = 0
                try self.engine.apply(entry, content)
                if self.engine.revision > revision {
                    try self.engine.close()
                    outcome.isStopped = true
                    return outcome
                }
            } else {
                try self.engine.apply(entry, content)
            }
            (outcome.index, outcome.term) = (entry.index, entry.term)
            if let id = content?.requestID, id != 0 { outcome.requestID = id }
            pending += 1
            if pending >= Self.batch {
                try self.engine.commit()
                pending = 0
                self.progress?(
                    RecoveryProgress(
                        .replaying, stream.file, done: Int64(clamping: entry.index - start),
                        total: Int64(clamping: self.last - start + 1)))
            }
        }
        try self.engine.commit()
        try self.engine.close()
        return outcome
    }
}
