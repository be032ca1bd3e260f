internal import Platform
internal import Synchronization

/// One snapshot on its way into a directory. Any failure ends it and removes what was written.
final class DirectorySnapshotWriter: SnapshotWriter {
    private let name: String
    private let directory: SnapshotDirectory
    private let inspect: SnapshotInspection
    private let state: Mutex<State>

    private struct State {
        /// Open, and locked, until the snapshot is listed or dropped.
        var file: (any DiskFile)?
        var hash = TrailingHash()
        /// No more bytes are taken.
        var isComplete = false
    }

    /// What was found in a file that is whole and synced.
    private struct Found: Sendable {
        var sizeBytes: Int64
        var sha256: String
        var contents: SnapshotContents
    }

    /// Sweeps, and opens the temporary file. Blocks, as all that is not `async` here does.
    init(
        _ name: String, _ directory: SnapshotDirectory, _ inspect: @escaping SnapshotInspection
    ) throws(BackupError) {
        self.name = name
        self.directory = directory
        self.inspect = inspect
        let catalog = try directory.catalog()
        do {
            try directory.disk.makeDirectory(directory.path)
            guard try directory.disk.stat(directory.manifestPath(name)) == nil else {
                throw BackupError(.refused, "\(name): there is a snapshot of this name already")
            }
            try directory.sweep(catalog)
            let file = try directory.disk.open(directory.partialPath(name), .create)
            guard try file.tryLock() else {
                throw BackupError(.refused, "\(name): is being written by another")
            }
            try file.truncate(to: 0)
            self.state = Mutex(State(file: file))
        } catch {
            throw BackupError(wrapping: error)
        }
    }

    func write(_ bytes: [UInt8]) async throws(BackupError) {
        try await BackupThreads.writer.run { () throws(BackupError) in
            try self.endingOnFailure { state in
                guard let file = state.file, !state.isComplete else { throw self.ended }
                try file.write(bytes, at: state.hash.count)
                state.hash.update(bytes)
            }
        }
    }

    func finish(_ labels: SnapshotLabels) async throws(BackupError) -> SnapshotManifest {
        let found = try await BackupThreads.writer.run { () throws(BackupError) in
            try self.endingOnFailure { state in
                guard let file = state.file, !state.isComplete else { throw self.ended }
                state.isComplete = true
                return try self.check(file, state.hash)
            }
        }
        return try await BackupThreads.store.run { () throws(BackupError) in
            try self.endingOnFailure { state in
                guard let file = state.file else { throw self.ended }
                let manifest = try self.install(found, labels)
                state.file = nil
                try? file.close()
                return manifest
            }
        }
    }

    func abandon() async {
        try? await BackupThreads.writer.run { () throws(BackupError) in
            self.state.withLock { self.drop(&$0) }
        }
    }

    private var ended: BackupError { BackupError(.refused, "\(self.name): is finished or dropped already") }

    private func endingOnFailure<Value: Sendable>(_ work: (inout State) throws -> Value) throws(BackupError) -> Value {
        let result: Result<Value, BackupError> = self.state.withLock { state in
            do {
                return .success(try work(&state))
            } catch {
                self.drop(&state)
                return .failure(BackupError(wrapping: error))
            }
        }
        return try result.get()
    }

    /// The file goes before its lock does, so that no sweep can meet it.
    private func drop(_ state: inout State) {
        guard let file = state.file else { return }
        state.file = nil
        try? self.directory.disk.remove(self.directory.partialPath(self.name))
        try? file.close()
    }

    /// Checks that all has arrived, makes it durable, and looks inside.
    private func check(_ file: any DiskFile, _ hash: TrailingHash) throws -> Found {
        guard SnapshotFile.imageSize(ofFile: hash.count) != nil else {
            throw BackupError(
                .incomplete, "\(self.name): the stream broke off after \(hash.count) bytes, before the hash that ends it")
        }
        let partial = self.directory.partialPath(self.name)
        let sha256: String
        do throws(BackupError) {
            sha256 = try hash.check(partial)
        } catch {
            throw BackupError(.incomplete, "\(self.name): the stream broke off or was damaged on its way: \(error.message)")
        }
        try file.sync()
        return Found(sizeBytes: hash.count, sha256: sha256, contents: try self.inspect(partial, self.directory.disk))
    }

    /// Makes a file that is whole and synced listed, in this order: its manifest under a hidden name, its own name, its
    /// manifest's name.
    private func install(_ found: Found, _ labels: SnapshotLabels) throws -> SnapshotManifest {
        let disk = self.directory.disk
        let catalog = try self.directory.catalog()
        guard catalog.links[self.name] == nil else { throw BackupError(.refused, "\(self.name): was finished by another") }
        let head = catalog.head
        let path = self.directory.snapshotPath(self.name)
        let manifest = SnapshotManifest(
            name: self.name, uri: SnapshotLocation(path: path).uri, labels: labels, sizeBytes: found.sizeBytes,
            sha256: found.sha256, contents: found.contents, previous: head?.sha256 ?? "",
            previousName: head?.manifest.name ?? "")
        let bytes = manifest.encoded()
        let written = try SnapshotManifest(decoding: bytes, of: self.directory.manifestPath(self.name), uri: manifest.uri)
        guard written == manifest else {
            throw BackupError(.refused, "\(self.name): its labels cannot be written down: \(labels)")
        }
        let manifestName = "\(self.name)\(SnapshotDirectory.manifestSuffix)"
        let staged = try self.directory.stage(manifestName, bytes)
        defer { try? staged.close() }
        do {
            try disk.rename(self.directory.partialPath(self.name), to: path)
            try disk.syncDirectory(self.directory.path)
            try self.directory.commit(manifestName)
        } catch {
            // With its manifest in place it is whole, and only its durability is in doubt; without, it is nothing.
            if (try? disk.stat(self.directory.manifestPath(self.name))) == .some(.none) {
                try? disk.remove(path)
                try? disk.remove(self.directory.stagedPath(manifestName))
            }
            throw error
        }
        return manifest
    }
}
