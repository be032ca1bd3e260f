internal import Platform
internal import Synchronization

/// How long the disk takes for what a member waits for.
final class DiskMeter: Sendable {
    struct Figures: Sendable, Hashable {
        var logSync = Histogram(from: 0.001, count: 14)
        var databaseCommit = Histogram(from: 0.001, count: 14)
        var logBytes: UInt64 = 0
    }

    /// A commit of the database under way.
    private struct Commit {
        /// When its first page was written, and where.
        let began: Duration
        let offset: Int64
        var syncs = 0
    }

    private let clock: any WallClock
    private let state = Mutex<(figures: Figures, commit: Commit?)>((Figures(), nil))

    init(_ clock: any WallClock) { self.clock = clock }

    var figures: Figures { self.state.withLock { $0.figures } }

    fileprivate func wrote(_ bytes: Int, at offset: Int64, to kind: MeteredFile.Kind) {
        self.state.withLock { state in
            switch kind {
            case .log: state.figures.logBytes += UInt64(bytes)
            case .database:
                if state.commit == nil { state.commit = Commit(began: self.clock.uptime(), offset: offset) }
            }
        }
    }

    fileprivate func sync(_ kind: MeteredFile.Kind, _ body: () throws(DiskError) -> Void) throws(DiskError) {
        let begin = self.clock.uptime()
        try body()
        let end = self.clock.uptime()
        self.state.withLock { state in
            switch kind {
            case .log: state.figures.logSync.observe(end - begin)
            case .database:
                guard var commit = state.commit else { return }
                // A commit begins with pages, which never stand at 0, and ends with its second sync: that of the pages comes
                // first, that of the meta page after it.
                commit.syncs += 1
                state.commit = commit.offset == 0 || commit.syncs == 2 ? nil : commit
                if commit.offset > 0, commit.syncs == 2 { state.figures.databaseCommit.observe(end - commit.began) }
            }
        }
    }

    /// What was written to a database was a copy that takes its place.
    fileprivate func forgetCommit() {
        self.state.withLock { $0.commit = nil }
    }
}

/// A disk on which the syncs of a member's log and database are timed.
struct MeteredDisk: Disk {
    let disk: any Disk
    let meter: DiskMeter
    /// The directory of the log, and the database's file.
    let log: String
    let database: String

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        let file = try self.disk.open(path, mode)
        // What only reads is left alone.
        if case .read = mode { return file }
        if path.hasPrefix(self.database) { return MeteredFile(file, .database, self.meter) }
        return path.hasPrefix(self.log + "/") ? MeteredFile(file, .log, self.meter) : file
    }

    func rename(_ from: String, to: String) throws(DiskError) {
        try self.disk.rename(from, to: to)
        if to == self.database { self.meter.forgetCommit() }
    }

    func remove(_ path: String) throws(DiskError) { try self.disk.remove(path) }
    func makeDirectory(_ path: String) throws(DiskError) { try self.disk.makeDirectory(path) }
    func syncDirectory(_ path: String) throws(DiskError) { try self.disk.syncDirectory(path) }
    func list(_ path: String) throws(DiskError) -> [String] { try self.disk.list(path) }
    func stat(_ path: String) throws(DiskError) -> FileInfo? { try self.disk.stat(path) }
}

private final class MeteredFile: DiskFile {
    enum Kind { case log, database }

    private let file: any DiskFile
    private let kind: Kind
    private let meter: DiskMeter

    init(_ file: any DiskFile, _ kind: Kind, _ meter: DiskMeter) {
        (self.file, self.kind, self.meter) = (file, kind, meter)
    }

    var path: String { self.file.path }

    func write(_ bytes: [UInt8], at offset: Int64) throws(DiskError) {
        self.meter.wrote(bytes.count, at: offset, to: self.kind)
        try self.file.write(bytes, at: offset)
    }

    func sync() throws(DiskError) {
        try self.meter.sync(self.kind) { () throws(DiskError) in try self.file.sync() }
    }

    func size() throws(DiskError) -> Int64 { try self.file.size() }
    func read(at offset: Int64, count: Int) throws(DiskError) -> [UInt8] { try self.file.read(at: offset, count: count) }
    func truncate(to size: Int64) throws(DiskError) { try self.file.truncate(to: size) }
    func allocate(to size: Int64) throws(DiskError) { try self.file.allocate(to: size) }
    func tryLock() throws(DiskError) -> Bool { try self.file.tryLock() }
    func tryFlock() throws(DiskError) -> Bool { try self.file.tryFlock() }
    func map(_ size: Int64) throws(DiskError) -> DiskMapping { try self.file.map(size) }
    func close() throws(DiskError) { try self.file.close() }
}
