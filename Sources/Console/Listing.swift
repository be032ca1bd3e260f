internal import EtcdClient
internal import Logging
internal import Platform
internal import Reconcile
internal import YAML

/// Lists and watches collections.
struct Listing: Sendable {
    let store: any StoreClient
    let clock: any WallClock
    let logger: Logger

    func answer(_ request: APIRequest, _ collection: ObjectCollection, namespace: String?) async throws -> Answer {
        let selector = try Selector(request)
        let presentation = Presentation(collection, for: request) { self.clock.now() }
        let prefix = collection.prefix(namespace)
        guard request.isWatch else {
            let (items, revision) = try await self.items(of: collection, prefix: prefix, selector)
            return .json(200, presentation.list(items, revision: revision))
        }
        var initial: [ObjectCollection.Item] = []
        var revision = try request.number("resourceVersion") ?? 0
        if revision == 0 { (initial, revision) = try await self.items(of: collection, prefix: prefix, selector) }
        return .watch(
            WatchStream(
                store: self.store, clock: self.clock, presentation: presentation, selector: selector, prefix: prefix,
                initial: initial, revision: revision, sendsBookmarks: request.query["allowWatchBookmarks"] == "true",
                timeout: try request.number("timeoutSeconds").map { .seconds(min(max($0, 1), 86_400)) } ?? .seconds(3600)))
    }

    private func items(
        of collection: ObjectCollection, prefix: String, _ selector: Selector
    ) async throws -> ([ObjectCollection.Item], Int64) {
        let list = try await ObjectStore(self.store).list(RawObject.self, prefix: prefix)
        var items: [ObjectCollection.Item] = []
        for (key, raw) in zip(list.keys, list.items) {
            do {
                let item = try collection.read(key, raw.value, raw.modRevision)
                if selector.matches(item.document) { items.append(item) }
            } catch {
                self.logger.error("left out an object that cannot be read", metadata: ["key": "\(key)", "reason": "\(error)"])
            }
        }
        return (items, list.revision)
    }
}
