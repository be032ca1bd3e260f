public import ClusterAPI

/// The world as the operator touches it: how it looks at a cluster, and how one action is carried out. The machine's in
/// production, a simulated one in tests; `decide` knows neither.
public protocol Hands: Sendable {
    /// Looks at everything once: at most one probe of each member. Never throws: what could not be seen is said in the
    /// observation.
    func observe(_ cluster: EtcdCluster) async -> ObservedCluster
    /// Carries out one action.
    func perform(_ action: Action, on cluster: EtcdCluster) async throws -> Outcome
    /// Carries out one action, and tells meanwhile how far it has come, if it can.
    func perform(
        _ action: Action, on cluster: EtcdCluster, progress: @escaping @Sendable (ActionProgress) -> Void
    ) async throws -> Outcome
}

extension Hands {
    public func perform(
        _ action: Action, on cluster: EtcdCluster, progress: @escaping @Sendable (ActionProgress) -> Void
    ) async throws -> Outcome {
        try await self.perform(action, on: cluster)
    }
}
