public import ClusterAPI
public import Operator
public import Platform
public import Reconcile

/// A resource that its owner may create, change and delete.
public protocol AdmittedResource: Resource, Documented, StoredObject, Hashable {
    associatedtype Spec: Sendable & Hashable
    associatedtype Status: Sendable & Hashable

    var spec: Spec { get set }
    var status: Status { get set }
    init(metadata: ObjectMeta, spec: Spec)

    /// Fills in what the owner left to the controller.
    mutating func complete(from existing: Self?)
    /// What must be done before the resource goes, by those who do it.
    static var finalizers: [String] { get }
    /// Changes of the spec that can never be carried out, as complaints.
    static func refusals(changing old: Self, to new: Self) -> [SpecError]
}

/// What becomes of a resource when its owner creates, changes or deletes it: the same whether that comes from a file or
/// over HTTP. Nothing here reads or writes; the caller stores what is returned, if it is still what it started from.
public enum Admission {
    /// Held by clusters until their members are stopped.
    public static let membersFinalizer = "quorate.dev/members"
    /// Annotations of the controller's own: owners neither change nor remove them.
    public static let controllerPrefix = "quorate.dev/"

    /// Creates the resource, or makes it what the owner wants. Labels and annotations that the owner does not name stay.
    ///
    /// - Parameter existing: The stored resource, nil when there is none.
    /// - Returns: The resource to store; equal to `existing` when there is nothing to change.
    public static func apply<Object: AdmittedResource>(
        existing: Object?, desired: Object, now: Timestamp, uid: @autoclosure () -> String
    ) throws(AdmissionError) -> Object {
        guard let existing else { return self.create(desired, now: now, uid: uid()) }
        var desired = desired
        desired.metadata.labels.merge(existing.metadata.labels) { own, _ in own }
        desired.metadata.annotations.merge(existing.metadata.annotations) { own, _ in own }
        return try self.replace(existing, with: desired)
    }

    /// What the server fills in is filled in, whatever the owner wrote there.
    public static func create<Object: AdmittedResource>(_ desired: Object, now: Timestamp, uid: String) -> Object {
        var object = Object(metadata: desired.metadata, spec: desired.spec)
        object.complete(from: nil)
        object.metadata.uid = uid
        object.metadata.resourceVersion = ""
        object.metadata.generation = 1
        object.metadata.creationTimestamp = now
        object.metadata.deletionTimestamp = nil
        object.metadata.finalizers = self.union(Object.finalizers, desired.metadata.finalizers)
        return object
    }

    /// Takes the spec, labels and annotations of the owner, and the rest from what is stored. A finalizer is removed by
    /// the one who did what it stands for, and by no one else.
    public static func replace<Object: AdmittedResource>(
        _ existing: Object, with desired: Object
    ) throws(AdmissionError) -> Object {
        try self.checkPreconditions(desired.metadata, against: existing.metadata)
        var desired = desired
        desired.complete(from: existing)
        let refusals = existing.spec == desired.spec ? [] : Object.refusals(changing: existing, to: desired)
        if !refusals.isEmpty { throw .invalid(SpecErrors(errors: refusals)) }
        var object = existing
        object.spec = desired.spec
        object.metadata.labels = desired.metadata.labels
        object.metadata.annotations = desired.metadata.annotations.filter { !$0.key.hasPrefix(self.controllerPrefix) }
        let kept = existing.metadata.annotations.filter { $0.key.hasPrefix(self.controllerPrefix) }
        object.metadata.annotations.merge(kept) { _, kept in kept }
        // What is being deleted takes on no new duties.
        if existing.metadata.deletionTimestamp == nil {
            object.metadata.finalizers = self.union(existing.metadata.finalizers, desired.metadata.finalizers)
        }
        if object.spec != existing.spec { object.metadata.generation += 1 }
        return object
    }

    /// Takes the status, and all else from what is stored.
    public static func replaceStatus<Object: AdmittedResource>(
        _ existing: Object, with desired: Object
    ) throws(AdmissionError) -> Object {
        try self.checkPreconditions(desired.metadata, against: existing.metadata)
        var object = existing
        object.status = desired.status
        return object
    }

    public enum Deletion<Object: Sendable>: Sendable {
        /// To store: it goes once its finalizers are done. Equal to the stored one when that was asked for before.
        case mark(Object)
        /// To remove at once.
        case remove
    }

    public static func delete<Object: AdmittedResource>(_ existing: Object, now: Timestamp) -> Deletion<Object> {
        if existing.metadata.finalizers.isEmpty { return .remove }
        var object = existing
        if object.metadata.deletionTimestamp == nil { object.metadata.deletionTimestamp = now }
        return .mark(object)
    }

    private static func checkPreconditions(_ desired: ObjectMeta, against existing: ObjectMeta) throws(AdmissionError) {
        if !desired.uid.isEmpty, desired.uid != existing.uid {
            throw .conflict("the uid is \(existing.uid), not \(desired.uid): it is another object of the same name")
        }
        if !desired.resourceVersion.isEmpty, desired.resourceVersion != existing.resourceVersion {
            throw .conflict("the object was changed since it was read: read it again and apply your change to that")
        }
    }

    private static func union(_ first: [String], _ second: [String]) -> [String] {
        second.reduce(into: first) { if !$0.contains($1) { $0.append($1) } }
    }
}

extension AdmittedResource {
    public mutating func complete(from existing: Self?) {}
}

/// Why a change is not admitted.
public enum AdmissionError: Error, Hashable, CustomStringConvertible {
    /// It was made for another state of the object.
    case conflict(String)
    case invalid(SpecErrors)

    public var description: String {
        switch self {
        case .conflict(let message): message
        case .invalid(let errors): errors.description
        }
    }
}

extension EtcdCluster: AdmittedResource {
    public static var finalizers: [String] { [Admission.membersFinalizer] }

    public mutating func complete(from existing: EtcdCluster?) {
        self.spec.engine.complete(from: existing?.spec.engine)
    }

    public static func refusals(changing old: EtcdCluster, to new: EtcdCluster) -> [SpecError] {
        // Members are found where they were put: elsewhere the cluster would look as if all its data were lost.
        guard old.status.clusterID != nil || !old.status.members.isEmpty else { return [] }
        let why = "cannot be changed once the cluster has members"
        var errors: [SpecError] = []
        if old.spec.engine != new.spec.engine, let refusal = new.spec.engine.downgrade(of: old.status.members) {
            errors.append(.init("spec.engine.version", refusal))
        }
        let (before, after) = (old.spec.runtime.process, new.spec.runtime.process)
        if before.dataDirectory != after.dataDirectory { errors.append(.init("spec.runtime.process.dataDirectory", why)) }
        if before.host != after.host { errors.append(.init("spec.runtime.process.host", why)) }
        return errors
    }
}

extension EtcdSnapshot: AdmittedResource {
    public static var finalizers: [String] { [] }

    public static func refusals(changing old: EtcdSnapshot, to new: EtcdSnapshot) -> [SpecError] {
        old.spec.clusterRef == new.spec.clusterRef ? [] : [.init("spec.clusterRef", "cannot be changed")]
    }
}

extension EtcdRestore: AdmittedResource {
    public static var finalizers: [String] { [] }

    public static func refusals(changing old: EtcdRestore, to new: EtcdRestore) -> [SpecError] {
        var errors: [SpecError] = []
        if old.spec.clusterRef != new.spec.clusterRef { errors.append(.init("spec.clusterRef", "cannot be changed")) }
        if old.status.phase != .pending, old.status.phase != .awaitingApproval, old.spec.source != new.spec.source {
            errors.append(.init("spec.from", "cannot be changed once the restore has begun"))
        }
        return errors
    }
}

extension SpecError {
    /// About an object that came from no file.
    init(_ path: String, _ message: String) {
        self.init(file: "", line: 0, column: 0, path: path, message: message)
    }
}
