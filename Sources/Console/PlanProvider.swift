public import ClusterAPI

/// Tells what the controller would do. Implemented by whoever decides.
public protocol PlanProvider: Sendable {
    /// - Parameters:
    ///   - cluster: As it is stored; or as it would be, when there is none yet.
    ///   - proposed: What its spec would be; nil to plan for the spec it has.
    func plan(for cluster: EtcdCluster, proposed: EtcdClusterSpec?) async throws -> Plan
}
