public import Platform

/// What every resource carries, as Kubernetes names it.
public struct ObjectMeta: Sendable, Hashable {
    /// A DNS label: lower-case letters, digits and `-`, at most 63 characters.
    public var name: String
    public var namespace: String = "default"
    /// Given at creation, never reused.
    public var uid: String = ""
    /// The store's mod revision of the object, in decimal; filled in when read, never stored.
    public var resourceVersion: String = ""
    /// Rises by one whenever `spec` changes.
    public var generation: Int64 = 0
    public var creationTimestamp: Timestamp?
    /// Set when deletion was asked for; the object goes once its finalizers are done.
    public var deletionTimestamp: Timestamp?
    public var finalizers: [String] = []
    public var labels: [String: String] = [:]
    public var annotations: [String: String] = [:]

    public init(name: String) {
        self.name = name
    }
}

/// A resource with its type, name, desired and observed state.
public protocol Resource: Documented, Sendable {
    /// `EtcdCluster`
    static var kind: String { get }
    /// `etcdclusters`
    static var plural: String { get }
    /// `ec`
    static var shortName: String { get }
    var metadata: ObjectMeta { get set }
}

/// The group and version of every resource: `quorate.dev/v1alpha1`.
public let apiVersion = "quorate.dev/v1alpha1"

/// The current verdict on one aspect of a resource.
public struct Condition: Sendable, Hashable {
    public enum Status: String, Sendable, Hashable, CaseIterable {
        case `true` = "True"
        case `false` = "False"
        case unknown = "Unknown"
    }

    public var type: String
    public var status: Status
    /// One word in CamelCase.
    public var reason: String
    /// What a person should know or do.
    public var message: String
    public var observedGeneration: Int64
    public var lastTransitionTime: Timestamp

    public init(
        type: String, status: Status, reason: String, message: String, observedGeneration: Int64, lastTransitionTime: Timestamp
    ) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
        self.observedGeneration = observedGeneration
        self.lastTransitionTime = lastTransitionTime
    }
}
