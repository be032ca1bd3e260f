internal import Glibc

/// What a ``SimulatedDisk`` holds: files and directories by number, each as it is now and as it would be found after a
/// crash that lost everything unsynced, and between the two the ordered list of unsynced operations.
struct SimulatedDiskState: Sendable {
    enum Change: Sendable {
        case write(offset: Int, bytes: [UInt8])
        case resize(Int)
    }

    struct File: Sendable {
        var current: [UInt8] = []
        var durable: [UInt8] = []
        var lockHolder: Int?
        var modified = 0
    }

    struct Directory: Sendable {
        var current: [String: Int] = [:]
        var durable: [String: Int] = [:]
    }

    /// A name put somewhere, taken from somewhere, or both at once (a rename).
    struct NameChange: Sendable {
        var from: (directory: Int, name: String)?
        var to: (directory: Int, name: String)?
        var node: Int
        /// The directories that still have to be synced.
        var unsynced: Set<Int>
    }

    enum Unsynced: Sendable {
        case data(node: Int, Change)
        case name(NameChange)
    }

    struct Fault: Sendable {
        var operation: Int
        var code: Int32
        var sticky: Bool
        var onlySyncs: Bool
    }

    static let root = 0
    static let sectorBytes = 512

    var files: [Int: File] = [:]
    var directories: [Int: Directory] = [Self.root: Directory()]
    var unsynced: [Unsynced] = []
    /// The file each open handle is of.
    var openHandles: [Int: Int] = [:]
    var nextNumber = 1
    var operationCount = 0
    var stopAfter = Int.max
    var isStopped = false
    var fault: Fault?
    var ignoresSyncs = false
    var capacity: Int64
    var seed: UInt64

    init(seed: UInt64, capacity: Int64) {
        (self.seed, self.capacity) = (seed, capacity)
    }

    // MARK: Counting and faults

    func checkRunning(_ operation: String, _ path: String) throws(DiskError) {
        guard !self.isStopped else {
            throw DiskError(operation: operation, path: path, code: EIO, reason: "the simulated machine has stopped")
        }
    }

    /// Called before each changing operation. Throws where this one is to fail.
    private mutating func count(_ operation: String, _ path: String, isSync: Bool = false) throws(DiskError) {
        try self.checkRunning(operation, path)
        guard self.operationCount < self.stopAfter else {
            self.isStopped = true
            return try self.checkRunning(operation, path)
        }
        self.operationCount += 1
        guard let fault = self.fault, self.operationCount >= fault.operation, isSync || !fault.onlySyncs else { return }
        guard fault.sticky || self.operationCount == fault.operation else { return }
        throw DiskError(operation, path, code: fault.code)
    }

    private mutating func number() -> Int {
        defer { self.nextNumber += 1 }
        return self.nextNumber
    }

    // MARK: Names

    private func split(_ path: String) -> [String] {
        path.split(separator: "/").map(String.init).filter { $0 != "." }
    }

    private func node(_ names: some Sequence<String>) -> Int? {
        var node = Self.root
        for name in names {
            guard let next = self.directories[node]?.current[name] else { return nil }
            node = next
        }
        return node
    }

    private func durableNode(_ path: String) -> Int? {
        self.split(path).reduce(Int?.some(Self.root)) { node, name in node.flatMap { self.directories[$0]?.durable[name] } }
    }

    func durableFile(_ path: String) -> [UInt8]? { self.durableNode(path).flatMap { self.files[$0]?.durable } }

    func durableNames(_ path: String) -> [String] {
        guard let node = self.durableNode(path), let directory = self.directories[node] else { return [] }
        return directory.durable.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    func file(_ path: String, _ operation: String) throws(DiskError) -> Int {
        guard let node = self.node(self.split(path)) else { throw DiskError(operation, path, code: ENOENT) }
        guard self.files[node] != nil else { throw DiskError(operation, path, code: EISDIR) }
        return node
    }

    private func place(_ path: String, _ operation: String) throws(DiskError) -> (directory: Int, name: String) {
        let names = self.split(path)
        guard let name = names.last else { throw DiskError(operation, path, code: EISDIR) }
        guard let directory = self.node(names.dropLast()) else { throw DiskError(operation, path, code: ENOENT) }
        guard self.directories[directory] != nil else { throw DiskError(operation, path, code: ENOTDIR) }
        return (directory, name)
    }

    mutating func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> (node: Int, handle: Int) {
        try self.checkRunning("open", path)
        let (directory, name) = try self.place(path, "open")
        let existing = self.directories[directory]!.current[name]
        let node: Int
        switch (existing, mode) {
        case (_?, .createNew): throw DiskError("open", path, code: EEXIST)
        case (nil, .read), (nil, .readWrite): throw DiskError("open", path, code: ENOENT)
        case (let found?, _):
            guard self.files[found] != nil else { throw DiskError("open", path, code: EISDIR) }
            node = found
        case (nil, _):
            try self.count("open", path)
            node = self.number()
            self.files[node] = File(modified: self.operationCount)
            self.directories[directory]!.current[name] = node
            self.unsynced.append(.name(NameChange(to: (directory, name), node: node, unsynced: [directory])))
        }
        let handle = self.number()
        self.openHandles[handle] = node
        return (node, handle)
    }

    mutating func close(_ node: Int, _ handle: Int) {
        self.openHandles[handle] = nil
        if self.files[node]?.lockHolder == handle { self.files[node]!.lockHolder = nil }
    }

    mutating func rename(_ from: String, _ to: String) throws(DiskError) {
        let source = try self.place(from, "rename")
        let target = try self.place(to, "rename")
        guard let node = self.directories[source.directory]!.current[source.name] else {
            throw DiskError("rename", from, code: ENOENT)
        }
        if let replaced = self.directories[target.directory]!.current[target.name] {
            let isDirectory = self.directories[node] != nil
            guard isDirectory == (self.directories[replaced] != nil) else {
                throw DiskError("rename", to, code: isDirectory ? ENOTDIR : EISDIR)
            }
            guard self.directories[replaced]?.current.isEmpty ?? true else { throw DiskError("rename", to, code: ENOTEMPTY) }
        }
        try self.count("rename", from)
        self.directories[source.directory]!.current[source.name] = nil
        self.directories[target.directory]!.current[target.name] = node
        self.unsynced.append(
            .name(NameChange(from: source, to: target, node: node, unsynced: [source.directory, target.directory])))
    }

    mutating func remove(_ path: String) throws(DiskError) {
        let place = try self.place(path, "remove")
        guard let node = self.directories[place.directory]!.current[place.name] else {
            throw DiskError("remove", path, code: ENOENT)
        }
        guard self.directories[node]?.current.isEmpty ?? true else { throw DiskError("remove", path, code: ENOTEMPTY) }
        try self.count("remove", path)
        self.directories[place.directory]!.current[place.name] = nil
        self.unsynced.append(.name(NameChange(from: place, node: node, unsynced: [place.directory])))
    }

    mutating func makeDirectory(_ path: String) throws(DiskError) {
        try self.checkRunning("mkdir", path)
        var parent = Self.root
        for name in self.split(path) {
            if let next = self.directories[parent]!.current[name] {
                guard self.directories[next] != nil else { throw DiskError("mkdir", path, code: ENOTDIR) }
                parent = next
            } else {
                try self.count("mkdir", path)
                let made = self.number()
                self.directories[made] = Directory()
                self.directories[parent]!.current[name] = made
                self.directories[parent]!.durable[name] = made
                parent = made
            }
        }
    }

    mutating func syncDirectory(_ path: String) throws(DiskError) {
        guard let directory = self.node(self.split(path)) else { throw DiskError("fsync", path, code: ENOENT) }
        guard self.directories[directory] != nil else { throw DiskError("fsync", path, code: ENOTDIR) }
        try self.count("fsync", path, isSync: true)
        var kept: [Unsynced] = []
        for operation in self.unsynced {
            guard case .name(var change) = operation, change.unsynced.contains(directory) else {
                kept.append(operation)
                continue
            }
            change.unsynced.remove(directory)
            if change.unsynced.isEmpty { self.makeDurable(change) } else { kept.append(.name(change)) }
        }
        self.unsynced = kept
        self.forgetRemovedFiles()
    }

    /// Drops files that no name, no handle and no unsynced operation leads to.
    private mutating func forgetRemovedFiles() {
        var reachable = Set(self.openHandles.values)
        for directory in self.directories.values {
            reachable.formUnion(directory.current.values)
            reachable.formUnion(directory.durable.values)
        }
        for operation in self.unsynced {
            switch operation {
            case .data(let node, _): reachable.insert(node)
            case .name(let change): reachable.insert(change.node)
            }
        }
        if reachable.count < self.files.count { self.files = self.files.filter { reachable.contains($0.key) } }
    }

    private mutating func makeDurable(_ change: NameChange) {
        if let (directory, name) = change.from { self.directories[directory]!.durable[name] = nil }
        if let (directory, name) = change.to { self.directories[directory]!.durable[name] = change.node }
    }

    func list(_ path: String) throws(DiskError) -> [String] {
        try self.checkRunning("opendir", path)
        guard let node = self.node(self.split(path)) else { throw DiskError("opendir", path, code: ENOENT) }
        guard let directory = self.directories[node] else { throw DiskError("opendir", path, code: ENOTDIR) }
        return directory.current.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    func stat(_ path: String) throws(DiskError) -> FileInfo? {
        try self.checkRunning("stat", path)
        guard let node = self.node(self.split(path)) else { return nil }
        let file = self.files[node]
        return FileInfo(
            isDirectory: file == nil, size: Int64(file?.current.count ?? 0),
            modified: Timestamp(seconds: Int64(file?.modified ?? 0)))
    }

    // MARK: Bytes

    var usedBytes: Int64 { self.files.values.reduce(0) { $0 + Int64($1.current.count) } }

    mutating func change(_ node: Int, _ change: Change, _ operation: String, _ path: String) throws(DiskError) {
        try self.count(operation, path)
        let before = self.files[node]!.current.count
        let after =
            switch change {
            case .write(let offset, let bytes): max(before, offset + bytes.count)
            case .resize(let size): size
            }
        if after > before {
            guard self.usedBytes + Int64(after - before) <= self.capacity else {
                throw DiskError(operation, path, code: ENOSPC)
            }
        }
        change.apply(to: &self.files[node]!.current)
        self.files[node]!.modified = self.operationCount
        self.unsynced.append(.data(node: node, change.wholeSectors(of: self.files[node]!.current)))
    }

    mutating func sync(_ node: Int, _ path: String) throws(DiskError) {
        var failure: DiskError?
        do throws(DiskError) {
            try self.count("fdatasync", path, isSync: true)
        } catch {
            guard !self.isStopped else { throw error }
            failure = error
        }
        guard failure != nil || !self.ignoresSyncs else { return }
        var kept: [Unsynced] = []
        for operation in self.unsynced {
            if case .data(let changed, let change) = operation, changed == node {
                // A failed sync marks the pages clean: they are read back, and never written.
                if failure == nil { change.apply(to: &self.files[node]!.durable) }
            } else {
                kept.append(operation)
            }
        }
        self.unsynced = kept
        if let failure { throw failure }
    }

    // MARK: Crashes

    /// The state a machine finds when it comes up after a crash now: what was durable, and what `kind` keeps of the rest.
    func afterCrash(_ kind: CrashKind) -> SimulatedDiskState {
        var random = SeededRandom(seed: self.seed ^ (UInt64(self.operationCount) &* 0x9E37_79B9) ^ kind.salt)
        var result = SimulatedDiskState(seed: random.next(), capacity: .max)
        (result.files, result.directories, result.nextNumber) = (self.files, self.directories, self.nextNumber)
        let lastWrite = self.unsynced.lastIndex { if case .data(_, .write) = $0 { true } else { false } }
        for (index, operation) in self.unsynced.enumerated() {
            for kept in kind.kept(of: operation, isLastWrite: index == lastWrite, &random) {
                switch kept {
                case .name(let change): result.makeDurable(change)
                case .data(let node, let change): change.apply(to: &result.files[node]!.durable)
                }
            }
        }
        for node in result.files.keys {
            result.files[node]!.current = result.files[node]!.durable
            result.files[node]!.lockHolder = nil
        }
        for node in result.directories.keys { result.directories[node]!.current = result.directories[node]!.durable }
        return result
    }
}

extension SimulatedDiskState.Change {
    func apply(to bytes: inout [UInt8]) {
        switch self {
        case .write(let offset, let written):
            if bytes.count < offset + written.count {
                bytes += [UInt8](repeating: 0, count: offset + written.count - bytes.count)
            }
            unsafe bytes.withUnsafeMutableBytes { target in
                unsafe written.withUnsafeBytes { source in
                    // The line above made room for all of `written`.
                    let place = unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset..<offset + source.count])
                    unsafe place.copyMemory(from: source)
                }
            }
        case .resize(let size):
            if size < bytes.count {
                bytes.removeLast(bytes.count - size)
            } else {
                bytes += [UInt8](repeating: 0, count: size - bytes.count)
            }
        }
    }

    /// The write as the cache hands it to the disk: with what earlier writes left in the sectors it touches. So a sector never
    /// holds a later write without an earlier one.
    fileprivate func wholeSectors(of bytes: [UInt8]) -> SimulatedDiskState.Change {
        guard case .write(let offset, let written) = self, !written.isEmpty else { return self }
        let sector = SimulatedDiskState.sectorBytes
        let start = offset / sector * sector
        let end = min(bytes.count, (offset + written.count + sector - 1) / sector * sector)
        return .write(offset: start, bytes: Array(bytes[start..<end]))
    }

    /// A write whose 512-byte sectors were each kept or lost by a coin; a lost one keeps what was there.
    fileprivate func torn(_ random: inout SeededRandom) -> [SimulatedDiskState.Change] {
        guard case .write(let offset, let bytes) = self else { return [self] }
        let sector = SimulatedDiskState.sectorBytes
        var pieces = self.extensionOnly
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, ((offset + start) / sector + 1) * sector - offset)
            if random.chance(0.5) { pieces.append(.write(offset: offset + start, bytes: Array(bytes[start..<end]))) }
            start = end
        }
        return pieces
    }

    /// What the change does to the file's size alone.
    fileprivate var extensionOnly: [SimulatedDiskState.Change] {
        switch self {
        case .write(let offset, let bytes): [.write(offset: offset + bytes.count, bytes: [])]
        case .resize: [self]
        }
    }
}

extension CrashKind {
    fileprivate var salt: UInt64 {
        if case .subset(let number) = self { UInt64(truncatingIfNeeded: number &+ 1) << 32 } else { 0 }
    }

    /// What a crash of this kind keeps of one unsynced operation.
    fileprivate func kept(
        of operation: SimulatedDiskState.Unsynced, isLastWrite: Bool, _ random: inout SeededRandom
    ) -> [SimulatedDiskState.Unsynced] {
        switch (self, operation) {
        case (.nothingUnsynced, _): []
        case (.everything, _): [operation]
        case (.subset, .name): random.chance(0.5) ? [operation] : []
        case (.subset(let number), .data(let node, let change)):
            if number.isMultiple(of: 2) {
                random.chance(0.5) ? [operation] : []
            } else {
                change.torn(&random).map { .data(node: node, $0) }
            }
        case (.lastWriteTorn, .data(let node, let change)) where isLastWrite:
            change.torn(&random).map { .data(node: node, $0) }
        case (.lastWriteTorn, _): [operation]
        case (.metadataFirst, .name): [operation]
        case (.metadataFirst, .data(let node, let change)): change.extensionOnly.map { .data(node: node, $0) }
        }
    }
}
