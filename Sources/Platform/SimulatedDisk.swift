internal import Glibc
internal import Synchronization

/// A disk in memory that keeps apart what has been synced and what a crash may lose, so that every crash and every disk
/// fault can be produced in a test. All of it follows from the seed and the calls made.
///
/// Rules, each the harsher reading of what Linux promises: written bytes and sizes are durable after the file's `sync`;
/// names after `syncDirectory` of their directory (for a rename: of both); a new directory at once.
public final class SimulatedDisk: Disk {
    private let state: Mutex<SimulatedDiskState>
    private let observer = Mutex<(@Sendable (SimulatedDisk) -> Void)?>(nil)
    private let mappings = Mutex(SimulatedMappings())

    /// - Parameter capacity: The bytes all files together may have before writes fail with `ENOSPC`.
    public init(seed: UInt64, capacity: Int64 = .max) {
        self.state = Mutex(SimulatedDiskState(seed: seed, capacity: capacity))
    }

    init(_ state: SimulatedDiskState) {
        self.state = Mutex(state)
    }

    /// How many changing operations there have been: creations, writes, truncations, allocations, syncs, renames, removals.
    public var operationCount: Int { self.state.withLock { $0.operationCount } }

    /// Lets the given number of changing operations happen, counted from the disk's beginning; every call after that,
    /// reads too, fails with `EIO`, as if the machine had stopped.
    public func stop(after operation: Int) {
        self.state.withLock { $0.stopAfter = operation }
    }

    public var isStopped: Bool { self.state.withLock { $0.isStopped } }

    /// Has `body` look at a copy of the disk after each changing operation, as it would be had the machine stopped there.
    public func observe(_ body: (@Sendable (SimulatedDisk) -> Void)?) {
        self.observer.withLock { $0 = body }
    }

    /// Makes one changing operation fail with an error number, and with `sticky` all that follow it too. A sync that fails
    /// drops the written bytes from what will ever be durable, while reads still see them, as Linux does.
    /// - Parameter operation: Counted from 1, from the disk's beginning.
    public func fail(operation: Int, code: Int32 = 5, sticky: Bool = false) {
        self.state.withLock { $0.fault = .init(operation: operation, code: code, sticky: sticky, onlySyncs: false) }
    }

    /// The same for the first sync at or after an operation, and all later syncs.
    public func failSyncs(from operation: Int, code: Int32 = 5) {
        self.state.withLock { $0.fault = .init(operation: operation, code: code, sticky: true, onlySyncs: true) }
    }

    /// Makes every `sync` of a file succeed without making anything durable: a suite that still passes then does not test
    /// durability.
    public func ignoreSyncs() {
        self.state.withLock { $0.ignoresSyncs = true }
    }

    /// Sets how many bytes all files together may have.
    public func setCapacity(_ capacity: Int64) {
        self.state.withLock { $0.capacity = capacity }
    }

    /// How many bytes all files together have.
    public var usedBytes: Int64 { self.state.withLock { $0.usedBytes } }

    /// How many operations a power cut now could lose. When there are none all crash states are the same.
    public var unsyncedCount: Int { self.state.withLock { $0.unsynced.count } }

    /// The disks that may be found after a power cut at this moment.
    public func crashStates() -> [CrashState] {
        self.state.withLock { state in
            CrashKind.all.map { kind in
                CrashState(kind: kind, disk: SimulatedDisk(state.afterCrash(kind)))
            }
        }
    }

    /// One of ``crashStates()``.
    public func afterCrash(_ kind: CrashKind) -> SimulatedDisk {
        SimulatedDisk(self.state.withLock { $0.afterCrash(kind) })
    }

    /// Changes a byte in place, durably and behind everybody's back: bit rot.
    public func flip(_ mask: UInt8, at offset: Int, of path: String) throws(DiskError) {
        try self.edit(path) { bytes in
            guard bytes.indices.contains(offset) else { return }
            bytes[offset] ^= mask
        }
    }

    /// Changes a file's bytes durably and behind everybody's back.
    public func edit(_ path: String, _ change: (inout [UInt8]) -> Void) throws(DiskError) {
        let (node, bytes) = try self.locked { (state) throws(DiskError) in
            let node = try state.file(path, "edit")
            change(&state.files[node]!.current)
            state.files[node]!.durable = state.files[node]!.current
            return (node, state.files[node]!.current)
        }
        self.mappings.withLock { $0.show(bytes, at: 0, of: node) }
    }

    /// The whole of a file as a reader sees it.
    public func contents(of path: String) throws(DiskError) -> [UInt8] {
        try self.locked { (state) throws(DiskError) in
            let node = try state.file(path, "read")
            return state.files[node]!.current
        }
    }

    /// What of a file, or nil, and which of a directory's names, would be there after a power cut now that lost everything
    /// unsynced.
    public func durableContents(of path: String) -> [UInt8]? { self.state.withLock { $0.durableFile(path) } }

    public func durableNames(in directory: String) -> [String] { self.state.withLock { $0.durableNames(directory) } }

    public func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        let (node, handle) = try self.locked { (state) throws(DiskError) in try state.open(path, mode) }
        return SimulatedFile(disk: self, path: path, node: node, handle: handle)
    }

    public func rename(_ from: String, to: String) throws(DiskError) {
        try self.locked { (state) throws(DiskError) in try state.rename(from, to) }
    }

    public func remove(_ path: String) throws(DiskError) {
        try self.locked { (state) throws(DiskError) in try state.remove(path) }
    }

    public func makeDirectory(_ path: String) throws(DiskError) {
        try self.locked { (state) throws(DiskError) in try state.makeDirectory(path) }
    }

    public func syncDirectory(_ path: String) throws(DiskError) {
        try self.locked { (state) throws(DiskError) in try state.syncDirectory(path) }
    }

    public func list(_ path: String) throws(DiskError) -> [String] {
        try self.locked { (state) throws(DiskError) in try state.list(path) }
    }

    public func stat(_ path: String) throws(DiskError) -> FileInfo? {
        try self.locked { (state) throws(DiskError) in try state.stat(path) }
    }

    fileprivate func map(_ node: Int, _ bytes: [UInt8], size: Int) -> DiskMapping {
        self.mappings.withLock { $0.map(node, bytes, size: size) }
    }

    fileprivate func show(_ bytes: [UInt8], at offset: Int, of node: Int) {
        self.mappings.withLock { $0.show(bytes, at: offset, of: node) }
    }

    fileprivate func locked<Value: Sendable>(
        _ body: (inout SimulatedDiskState) throws(DiskError) -> Value
    ) throws(DiskError) -> Value {
        let (result, changed) = self.state.withLock { state in
            let before = state.operationCount
            let result = Result { () throws(DiskError) in try body(&state) }
            return (result, state.operationCount == before ? nil : state)
        }
        if let changed, let observer = self.observer.withLock({ $0 }) { observer(SimulatedDisk(changed)) }
        return try result.get()
    }
}

/// What a power cut leaves of the operations that were not synced (the eight states of a crash-point suite).
public enum CrashKind: Sendable, Hashable, CustomStringConvertible {
    /// All of them lost.
    case nothingUnsynced
    /// All of them kept.
    case everything
    /// A random part of them; every second one also tears writes at 512-byte sectors.
    case subset(Int)
    /// All kept, but of the last write only some sectors.
    case lastWriteTorn
    /// Names and sizes kept, written bytes lost: new space reads as zeros.
    case metadataFirst

    public static let all: [CrashKind] = [
        .nothingUnsynced, .everything, .subset(0), .subset(1), .subset(2), .subset(3), .lastWriteTorn, .metadataFirst,
    ]

    public var description: String {
        switch self {
        case .nothingUnsynced: "nothing unsynced"
        case .everything: "everything"
        case .subset(let number): "subset \(number)"
        case .lastWriteTorn: "last write torn"
        case .metadataFirst: "metadata first"
        }
    }
}

/// A disk as a power cut left it.
public struct CrashState: Sendable {
    public let kind: CrashKind
    public let disk: SimulatedDisk
}

/// An open file of a ``SimulatedDisk``.
private final class SimulatedFile: DiskFile {
    let path: String
    private let disk: SimulatedDisk
    private let node: Int
    private let handle: Int

    init(disk: SimulatedDisk, path: String, node: Int, handle: Int) {
        (self.disk, self.path, self.node, self.handle) = (disk, path, node, handle)
    }

    deinit {
        // A stopped disk refuses, and has nothing left to unlock.
        try? self.close()
    }

    func size() throws(DiskError) -> Int64 {
        try self.with("fstat") { (state) throws(DiskError) in Int64(state.files[self.node]!.current.count) }
    }

    func read(at offset: Int64, count: Int) throws(DiskError) -> [UInt8] {
        try self.with("pread") { (state) throws(DiskError) in
            let bytes = state.files[self.node]!.current
            guard offset >= 0, offset < bytes.count, count > 0 else { return [] }
            return Array(bytes[Int(offset)..<min(bytes.count, Int(offset) + count)])
        }
    }

    func write(_ bytes: [UInt8], at offset: Int64) throws(DiskError) {
        try self.change("pwrite", .write(offset: Int(offset), bytes: bytes))
    }

    func truncate(to size: Int64) throws(DiskError) {
        try self.change("ftruncate", .resize(Int(size)))
    }

    func allocate(to size: Int64) throws(DiskError) {
        guard try self.size() < size else { return }
        try self.change("fallocate", .resize(Int(size)))
    }

    func sync() throws(DiskError) {
        try self.with("fdatasync") { (state) throws(DiskError) in try state.sync(self.node, self.path) }
    }

    func tryLock() throws(DiskError) -> Bool {
        try self.with("lock") { (state) throws(DiskError) in
            let holder = state.files[self.node]!.lockHolder
            guard holder == nil || holder == self.handle else { return false }
            state.files[self.node]!.lockHolder = self.handle
            return true
        }
    }

    func map(_ size: Int64) throws(DiskError) -> DiskMapping {
        let bytes = try self.with("mmap") { (state) throws(DiskError) in
            guard size > 0 else { throw DiskError("mmap", self.path, code: EINVAL) }
            return state.files[self.node]!.current
        }
        return self.disk.map(self.node, bytes, size: Int(size))
    }

    func close() throws(DiskError) {
        try self.disk.locked { (state) throws(DiskError) in state.close(self.node, self.handle) }
    }

    private func change(_ operation: String, _ change: SimulatedDiskState.Change) throws(DiskError) {
        try self.with(operation) { (state) throws(DiskError) in
            try state.change(self.node, change, operation, self.path)
        }
        if case .write(let offset, let bytes) = change { self.disk.show(bytes, at: offset, of: self.node) }
    }

    private func with<Value: Sendable>(
        _ operation: String, _ body: (inout SimulatedDiskState) throws(DiskError) -> Value
    ) throws(DiskError) -> Value {
        try self.disk.locked { (state) throws(DiskError) in
            try state.checkRunning(operation, self.path)
            guard state.openHandles[self.handle] != nil else { throw DiskError(operation, self.path, code: EBADF) }
            return try body(&state)
        }
    }
}
