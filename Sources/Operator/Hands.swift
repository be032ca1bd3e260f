public import ClusterAPI

/// The world as the operator touches it: how it looks at a cluster, and how one action is carried out. The machine's in
/// production, a simulated one in tests; `decide` knows neither.
public protocol Hands: Sendable {
    /// Looks at everything once: at most one probe of each member. Never throws: what could not be seen is said in the
    /// observation.
    func observe(_ cluster: EtcdCluster) async -> ObservedCluster
    /// Carries out one action.
    func perform(_ action: Action, on cluster: EtcdCluster) async throws -> Outcome
}
