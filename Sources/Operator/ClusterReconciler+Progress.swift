internal import Backups
internal import ClusterAPI
internal import Platform
internal import Reconcile
internal import Synchronization

extension ClusterReconciler {
    /// Carries an action out. While a long one is under way, the objects that it serves say how far it has come.
    func perform(_ action: Action, on cluster: EtcdCluster) async throws -> Outcome {
        guard action.isLong else { return try await self.hands.perform(action, on: cluster) }
        let (texts, sink) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1))
        let meter = SharedMeter(start: self.clock.uptime())
        let clock = self.clock
        async let shown: Void = self.show(texts, of: action, on: cluster)
        let result: Result<Outcome, any Error>
        do {
            result = .success(
                try await self.hands.perform(action, on: cluster) { progress in
                    if let text = meter.report(progress, at: clock.uptime()) { sink.yield(text) }
                })
        } catch {
            result = .failure(error)
        }
        sink.finish()
        await shown
        return try result.get()
    }

    /// Words that cannot be written are dropped: no work waits for them.
    private func show(_ texts: AsyncStream<String>, of action: Action, on cluster: EtcdCluster) async {
        for await text in texts where self.mayAct() {
            if cluster.status.operation != nil {
                await self.change(EtcdCluster.self, cluster.metadata.name, cluster) {
                    $0.status.operation?.details[progressDetail] = text
                }
            }
            switch action {
            case .takeSnapshot(let name, let labels, _):
                await self.change(EtcdSnapshot.self, name, cluster) { $0.status.message = "\(text), from \(labels.member)" }
            case .verifySnapshot, .resolveTarget, .restore:
                let waiting = try? await self.requests(cluster).restores.first { $0.isServed(by: action, cluster) }
                guard let name = waiting?.metadata.name else { continue }
                await self.change(EtcdRestore.self, name, cluster) { $0.status.message = text }
            default: break
            }
        }
    }

    private func change<Object: Resource & StoredObject>(
        _ type: Object.Type, _ name: String, _ cluster: EtcdCluster, _ body: (inout Object) -> Void
    ) async {
        let key = ObjectKey.key(plural: Object.plural, namespace: cluster.metadata.namespace, name: name)
        guard var object = try? await self.objects.get(type, key: key) else { return }
        body(&object)
        _ = try? await self.objects.update(object)
    }
}

extension Action {
    /// Whether it may take long enough for people to want to know how far it is.
    var isLong: Bool {
        switch self {
        case .takeSnapshot, .verifySnapshot, .resolveTarget, .restore: true
        default: false
        }
    }
}

extension EtcdRestore {
    fileprivate func isServed(by action: Action, _ cluster: EtcdCluster) -> Bool {
        if let name = cluster.status.operation?.details["restore"] { return self.metadata.name == name }
        switch action {
        case .verifySnapshot(let uri): return self.spec.source.from == nil || self.spec.source.from == uri
        case .resolveTarget: return self.spec.source.target != .latest
        default: return false
        }
    }
}

/// A meter that an action reports to from any thread.
private final class SharedMeter: Sendable {
    private let meter: Mutex<ProgressMeter>

    init(start now: Duration) {
        self.meter = Mutex(ProgressMeter(start: now))
    }

    func report(_ progress: ActionProgress, at now: Duration) -> String? {
        self.meter.withLock { $0.report(progress, at: now) }
    }
}
