internal import EtcdClient
internal import EtcdWire
internal import Platform
internal import Reconcile
internal import Synchronization
internal import YAML

/// One client's watch: what is there at first, then every change, as lines of JSON.
///
/// A client that reads more slowly than things change is not waited for: once as many lines wait as are kept for it, it
/// is told that its watch is too old (410), and lists again.
struct WatchStream: Sendable {
    /// How many lines are kept for a slow reader.
    static let backlog = 1024
    static let bookmarkInterval: Duration = .seconds(30)

    let store: any StoreClient
    let clock: any WallClock
    let presentation: Presentation
    let selector: Selector
    let prefix: String
    let initial: [ObjectCollection.Item]
    /// Everything up to it is known to the client, or in `initial`.
    let revision: Int64
    let sendsBookmarks: Bool
    let timeout: Duration

    private enum Line: Sendable {
        case change(String, ObjectCollection.Item)
        case bookmark(Int64)
        case failure(StatusError)
    }

    /// That a line found no place in the backlog.
    private final class Overrun: Sendable {
        private let flag = Atomic(false)
        private let (stream, source) = AsyncStream.makeStream(of: Void.self)

        var hasHappened: Bool { self.flag.load(ordering: .acquiring) }

        func happened() {
            self.flag.store(true, ordering: .releasing)
            self.source.finish()
        }

        func wait() async { for await _ in self.stream {} }
    }

    /// Up to where everything was handed over or lies in the backlog.
    private final class Progress: Sendable {
        let revision: Atomic<Int64>

        init(_ revision: Int64) {
            self.revision = Atomic(revision)
        }
    }

    /// Hands over lines until the watch ends: by its time, by the store, by the task's cancellation, or since `write` throws.
    ///
    /// - Parameter stop: Returns when the watch is to end for another reason, or when its task is cancelled.
    @concurrent
    func run(stop: @escaping @Sendable () async -> Void, write: @concurrent ([UInt8]) async throws -> Void) async throws {
        var hasHead = true
        for item in self.initial {
            try await write(self.encode(.change("ADDED", item), hasHead: &hasHead))
        }
        let (lines, source) = AsyncStream.makeStream(of: Line.self, bufferingPolicy: .bufferingOldest(Self.backlog))
        let overrun = Overrun()
        let producer = Task {
            await self.produce(stop: stop, overrun) { line in
                guard case .dropped = source.yield(line) else { return }
                // Nothing may follow a line that was left out.
                source.finish()
                overrun.happened()
            }
            source.finish()
        }
        defer { producer.cancel() }
        for await line in lines {
            try await write(self.encode(line, hasHead: &hasHead))
        }
        if overrun.hasHappened {
            try await write(self.encode(.failure(.gone("the watch is too old: its reader was too slow")), hasHead: &hasHead))
        }
    }

    /// Sends lines until there is a reason to end.
    private func produce(
        stop: @escaping @Sendable () async -> Void, _ overrun: Overrun, _ send: @escaping @Sendable (Line) -> Void
    ) async {
        let progress = Progress(self.revision)
        await withTaskGroup { group in
            group.addTask { await self.follow(progress, send) }
            group.addTask { try? await self.clock.sleep(for: self.timeout) }
            group.addTask { await stop() }
            group.addTask { await overrun.wait() }
            if self.sendsBookmarks {
                group.addTask {
                    while (try? await self.clock.sleep(for: Self.bookmarkInterval)) != nil {
                        send(.bookmark(progress.revision.load(ordering: .relaxed)))
                    }
                }
            }
            await group.next()
            group.cancelAll()
        }
    }

    /// Follows the store until it ends the watch.
    private func follow(_ progress: Progress, _ send: @escaping @Sendable (Line) -> Void) async {
        let range = KeyRange(prefix: self.prefix)
        let request = WatchCreateRequest(
            key: range.start, rangeEnd: range.end, startRevision: self.revision + 1, progressNotify: true, prevKv: true)
        do throws(EtcdError) {
            try await self.store.watch(request) { response in
                if response.compactRevision > 0 {
                    send(.failure(.gone("too old resource version: \(self.revision) (\(response.compactRevision))")))
                } else if response.canceled {
                    send(.failure(StatusError(500, "InternalError", "watch canceled: \(response.cancelReason)")))
                }
                for line in response.events.compactMap({ self.line($0) }) { send(line) }
                if response.fragment || response.canceled { return }
                let idle = response.created ? 0 : response.header.revision
                progress.revision.max(response.events.last?.kv.modRevision ?? idle, ordering: .relaxed)
            }
        } catch {
            if error.code == .outOfRange {
                send(.failure(.gone("too old resource version: \(self.revision)")))
            } else if error.code != .canceled {
                send(.failure(StatusError(503, "ServiceUnavailable", "the controller's store: \(error)")))
            }
        }
    }

    private func line(_ event: WatchEvent) -> Line? {
        let key = String(decoding: event.kv.key, as: UTF8.self)
        let isDeleted = event.type == .delete
        let value = isDeleted ? event.prevKv?.value : event.kv.value
        guard let value, let item = try? self.presentation.collection.read(key, value, event.kv.modRevision),
            self.selector.matches(item.document)
        else { return nil }
        let type = isDeleted ? "DELETED" : event.kv.createRevision == event.kv.modRevision ? "ADDED" : "MODIFIED"
        return .change(type, item)
    }

    private func encode(_ line: Line, hasHead: inout Bool) -> [UInt8] {
        switch line {
        case .change(let type, let item):
            defer { hasHead = false }
            return self.encode(type, self.presentation.one(item, hasHead: hasHead))
        case .bookmark(let revision): return self.encode("BOOKMARK", self.presentation.bookmark(revision))
        case .failure(let error): return self.encode("ERROR", error.document)
        }
    }

    private func encode(_ type: String, _ object: Node) -> [UInt8] {
        Node.mapping(["type": .string(type), "object": object]).json() + [UInt8(ascii: "\n")]
    }
}
