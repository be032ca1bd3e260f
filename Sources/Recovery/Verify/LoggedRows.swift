internal import Bolt
internal import EtcdWire
internal import Platform

/// Compares the newest rows of a database with the log that they came from.
///
/// A database's pages have no checksum of their own, and a bit that flipped within a value shows in nothing else. The
/// log has checksums, so where the two differ it is the database that is damaged. Every revision whose rows came out of the
/// log's entries must be what one of those entries asks for, in their order. Entries that no row comes from are passed
/// over: a request may fail, or change nothing.
struct LoggedRows {
    private let database: DatabaseFile
    /// Of the database: the last entry applied, and the last revision.
    private let (index, revision): (UInt64, Int64)
    private let disk: any Disk

    init(_ database: DatabaseFile, index: UInt64, revision: Int64, disk: any Disk) {
        (self.database, self.index, self.revision, self.disk) = (database, index, revision, disk)
    }

    /// - Parameters:
    ///   - holdsAll: Whether the log holds all that was ever applied to the database.
    ///   - hasAlarm: Whether a member has raised an alarm.
    ///   - entries: Gives the log's entries from its first on, each time anew; nil after the last.
    /// - Returns: The first row that none of the entries asks for.
    func disagreement<Entries>(
        holdsAll: Bool, hasAlarm: Bool, entries: () -> Entries, next: (inout Entries) throws(RecoveryError) -> RaftEntry?
    ) throws(RecoveryError) -> Finding? {
        let after = holdsAll ? 1 : try self.lastBeforeLog(hasAlarm: hasAlarm, entries(), next)
        guard after < self.revision else { return nil }
        let file = try onDisk { () throws(DiskError) in try self.disk.open(self.database.path, .read) }
        defer { try? file.close() }
        var rows: LoggedRevisions
        do throws(BoltError) {
            rows = try LoggedRevisions(file, self.database, after: after)
        } catch {
            throw RecoveryError(error)
        }
        var rest = entries()
        while let made = try rows.next() {
            repeat {
                guard let entry = try next(&rest), entry.index <= self.index else {
                    let key = KeyText.printable(made.events[0].kv.key)
                    return Finding(
                        self.database.path, at: made.offset,
                        "the row of revision \(made.revision), of key \(key), is not what the log's entries up to "
                            + "\(self.index) wrote: the log has checksums that hold, so the database is damaged here")
                }
                if try self.content(entry).couldHaveMade(made.events) { break }
            } while true
        }
        return nil
    }

    private func content(_ entry: RaftEntry) throws(RecoveryError) -> EntryContent {
        (try? EntryContent(entry)) ?? .nothing
    }

    /// The last revision that may have been there before the log's first entry: each put that cannot have failed made one
    /// after it.
    private func lastBeforeLog<Entries>(
        hasAlarm: Bool, _ entries: Entries, _ next: (inout Entries) throws(RecoveryError) -> RaftEntry?
    ) throws(RecoveryError) -> Int64 {
        // While there is an alarm, puts fail.
        guard !hasAlarm else { return self.revision }
        var entries = entries
        // The last entry's write may not have been in the transaction that noted its index.
        var puts: Int64 = -1
        while let entry = try next(&entries), entry.index <= self.index {
            guard case .request(let request)? = try? EntryContent(entry) else { continue }
            switch request.operation {
            case .put(let put) where put.cannotFail && (request.header?.username ?? "").isEmpty: puts += 1
            case .alarm: return self.revision
            default: continue
            }
        }
        return self.revision - max(0, puts)
    }
}

extension PutRequest {
    /// Whether it succeeds whatever the store holds, but for an alarm or a user that may not.
    fileprivate var cannotFail: Bool { self.lease == 0 && !self.ignoreValue && !self.ignoreLease }
}

/// The revisions of a database in order, each with all its rows as a watch would tell them.
private struct LoggedRevisions {
    struct Made {
        var revision: Int64
        var events: [WatchEvent]
        /// Where the first of its rows stands.
        var offset: Int64
    }

    private let path: String
    private let database: BoltFile
    private var cursor: BoltCursor?
    private var entry: BoltEntry?

    init(_ file: any DiskFile, _ source: DatabaseFile, after revision: Int64) throws(BoltError) {
        self.path = source.path
        self.database = try BoltFile(file, size: source.imageSize)
        self.cursor = try self.database.root.bucket("key")?.cursor()
        self.entry = try self.cursor?.seek(ClusterIdentity.bigEndian(UInt64(revision + 1)))
    }

    mutating func next() throws(RecoveryError) -> Made? {
        var made: Made?
        while let entry {
            let revision: Revision
            do throws(BoltError) { revision = try Revision(entry.key, at: entry.offset, of: self.path) } catch {
                throw RecoveryError(error)
            }
            if let made, made.revision != revision.main { return made }
            // An empty row holds the revision that a restore began with.
            if !entry.value.isEmpty {
                let event = try self.event(entry, revision)
                if made == nil { made = Made(revision: revision.main, events: [], offset: entry.valueOffset) }
                made?.events.append(event)
            }
            do throws(BoltError) { self.entry = try self.cursor?.next() } catch { throw RecoveryError(error) }
        }
        return made
    }

    private func event(_ entry: BoltEntry, _ revision: Revision) throws(RecoveryError) -> WatchEvent {
        do throws(WireError) {
            return WatchEvent(type: revision.isTombstone ? .delete : .put, kv: try KeyValue(decoding: entry.value))
        } catch {
            throw RecoveryError(
                .damaged, self.path, at: entry.valueOffset, "this row is no key and value: \(error)")
        }
    }
}
