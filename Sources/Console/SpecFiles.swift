public import ClusterAPI
public import Logging
internal import Operator
public import Platform
public import Reconcile

/// Specs in files: read at the start and whenever they change, and applied as their owner's word. A file with an error
/// changes nothing, however small the error; the other files carry on. A file that goes away deletes nothing.
public actor SpecFiles {
    private let sources: [String]
    private let disk: any Disk
    private let clock: any WallClock
    private let log: Logger
    /// What each file looked like when it was last read.
    private var seen: [String: FileInfo] = [:]
    private var unreadable: Set<String> = []
    /// Of each file: what it was about when it was last taken.
    private var owned: [String: [ResourceIdentity]] = [:]
    /// Of each file that is refused: what is wrong with it, as it was told.
    private var rejected: [String: String] = [:]

    /// How often files are looked at.
    static let interval: Duration = .milliseconds(500)
    /// Larger files are refused.
    static let sizeLimit: Int64 = 4 << 20
    /// An event tells so many errors of a file, and how many more there are.
    static let errorsShown = 5

    /// - Parameter sources: Files, and directories whose `.yaml`, `.yml` and `.json` files are read.
    public init(_ sources: [String], disk: any Disk, clock: any WallClock, log: Logger) {
        self.sources = sources
        self.disk = disk
        self.clock = clock
        self.log = log
    }

    /// Reads and applies until the task is cancelled.
    public func follow(_ objects: ObjectStore) async {
        self.seen = [:]
        while !Task.isCancelled {
            await self.look(objects)
            guard (try? await self.clock.sleep(for: Self.interval)) != nil else { return }
        }
    }

    /// Everything that is wrong with the files as they are now, and how many resources they hold. Applies nothing.
    public func check() -> (resources: Int, errors: [SpecError]) {
        var (resources, errors) = (0, [SpecError]())
        for path in self.files() {
            guard let reading = try? self.read(path) else { continue }
            resources += reading.resources.count
            errors += reading.errors
        }
        return (resources, errors)
    }

    /// Looks at the files once, and takes those that changed.
    func look(_ objects: ObjectStore) async {
        let files = self.files()
        for path in self.seen.keys.sorted() where !files.contains(path) {
            self.seen[path] = nil
            self.log.warning("\(path) is gone; its resources stay: quorate delete removes them")
        }
        for path in files {
            guard let info = try? self.disk.stat(path), self.seen[path] != info else { continue }
            if await self.take(path, objects) { self.seen[path] = info }
        }
    }

    /// - Returns: Whether the file was dealt with; false when it is to be tried again.
    private func take(_ path: String, _ objects: ObjectStore) async -> Bool {
        let reading: ManifestReading
        do {
            reading = try self.read(path)
        } catch {
            if self.unreadable.insert(path).inserted { self.log.error("\(path): \(error)") }
            return false
        }
        self.unreadable.remove(path)
        for warning in reading.warnings { self.log.warning("\(warning)") }
        guard reading.errors.isEmpty else {
            for error in reading.errors { self.log.error("\(error)", metadata: ["reason": "SpecRejected"]) }
            self.log.error("\(path): \(reading.errors.count) error(s); nothing of it is applied")
            return await self.reject(reading, of: path, objects)
        }
        self.rejected[path] = nil
        self.owned[path] = reading.named
        var isDone = true
        for resource in reading.resources {
            do {
                try await self.apply(resource.resource, from: path, objects)
            } catch {
                self.log.error("\(path): \(resource.resource.kind) \(resource.resource.metadata.name): \(error)")
                if let error = error as? StoreError, error.code != .refused { isDone = false }
            }
        }
        return isDone
    }

    /// Tells the objects that a refused file is about: those that its text names, and those that it named when it was last
    /// good. Each is told once of the same errors.
    /// - Returns: Whether all were told.
    private func reject(_ reading: ManifestReading, of path: String, _ objects: ObjectStore) async -> Bool {
        let shown = reading.errors.prefix(Self.errorsShown).map(\.description)
        let more = reading.errors.count - shown.count
        let message =
            shown.joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "") + ". Nothing of this file is applied."
        guard self.rejected[path] != message else { return true }
        let named = reading.named + (self.owned[path] ?? [])
        for identity in Set(named).sorted(by: { ($0.kind, $0.namespace, $0.name) < ($1.kind, $1.namespace, $1.name) }) {
            do {
                guard try await self.exists(identity, objects) else { continue }
            } catch {
                return false
            }
            let event = Event(
                regarding: "\(identity.kind)/\(identity.name)", type: .warning, reason: "SpecRejected", message: message,
                time: self.clock.now())
            await EventRecorder(objects: objects).record(event, namespace: identity.namespace)
        }
        self.rejected[path] = message
        return true
    }

    private func exists(_ identity: ResourceIdentity, _ objects: ObjectStore) async throws -> Bool {
        func has<Object: Resource & StoredObject>(_ type: Object.Type) async throws -> Bool {
            let key = ObjectKey.key(plural: Object.plural, namespace: identity.namespace, name: identity.name)
            return try await objects.get(type, key: key) != nil
        }
        return switch identity.kind {
        case EtcdCluster.kind: try await has(EtcdCluster.self)
        case EtcdSnapshot.kind: try await has(EtcdSnapshot.self)
        default: try await has(EtcdRestore.self)
        }
    }

    private func read(_ path: String) throws -> ManifestReading {
        let file = try self.disk.open(path, .read)
        defer { try? file.close() }
        let size = try file.size()
        guard size <= Self.sizeLimit else {
            throw DiskError(operation: "read", path: path, code: 0, reason: "larger than \(Self.sizeLimit >> 20) MiB")
        }
        return Manifest.read(try file.read(at: 0, count: Int(size)), file: path)
    }

    /// The files there are, in order.
    private func files() -> [String] {
        var files: [String] = []
        for source in self.sources {
            guard let info = try? self.disk.stat(source) else {
                if self.unreadable.insert(source).inserted { self.log.error("\(source): no such file or directory") }
                continue
            }
            self.unreadable.remove(source)
            guard info.isDirectory else {
                files.append(source)
                continue
            }
            let names = (try? self.disk.list(source)) ?? []
            files += names.filter { name in
                !name.hasPrefix(".") && [".yaml", ".yml", ".json"].contains { name.hasSuffix($0) }
            }.map { source.hasSuffix("/") ? source + $0 : "\(source)/\($0)" }
        }
        return files
    }

    private func apply(_ resource: AnyResource, from path: String, _ objects: ObjectStore) async throws {
        switch resource {
        case .cluster(let cluster): try await self.apply(cluster, from: path, objects)
        case .snapshot(let snapshot): try await self.apply(snapshot, from: path, objects)
        case .restore(let restore): try await self.apply(restore, from: path, objects)
        }
    }

    private func apply<Object: AdmittedResource>(_ desired: Object, from path: String, _ objects: ObjectStore) async throws {
        for attempt in 1... {
            let existing = try await objects.get(Object.self, key: desired.storeKey)
            let object = try Admission.apply(
                existing: existing, desired: desired, now: self.clock.now(), uid: newUID())
            if let existing, object == existing { return }
            do throws(StoreError) {
                _ = existing == nil ? try await objects.create(object) : try await objects.update(object)
                self.log.info(
                    "\(Object.kind) \(desired.metadata.name) \(existing == nil ? "created" : "changed")",
                    metadata: ["file": "\(path)"])
                return
            } catch {
                // The controller itself may have written the status meanwhile.
                guard error.code == .conflict || error.code == .alreadyExists, attempt < 10 else { throw error }
            }
        }
    }
}
