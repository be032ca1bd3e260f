internal import ClusterAPI
internal import EtcdClient
internal import Reconcile
internal import YAML

/// A request that was not done, as Kubernetes tells it (`Status` of `v1`).
struct StatusError: Error, Hashable {
    /// The HTTP status.
    var code: Int
    /// One word in CamelCase, from Kubernetes' list.
    var reason: String
    var message: String
    /// The object concerned.
    var kind: String?
    var name: String?
    /// Everything that is wrong with it.
    var causes: [SpecError] = []

    init(_ code: Int, _ reason: String, _ message: String) {
        (self.code, self.reason, self.message) = (code, reason, message)
    }

    static func badRequest(_ message: String) -> StatusError { StatusError(400, "BadRequest", message) }

    static func unknownPath(_ path: String) -> StatusError {
        StatusError(404, "NotFound", "the server could not find the requested resource: \(path)")
    }

    static func methodNotAllowed(_ method: String) -> StatusError {
        StatusError(405, "MethodNotAllowed", "\(method) is not possible here")
    }

    static func gone(_ message: String) -> StatusError { StatusError(410, "Expired", message) }

    var document: Node {
        var details: Mapping = [:]
        if let name = self.name { details["name"] = .string(name) }
        if let kind = self.kind {
            details["group"] = .string(Names.group)
            details["kind"] = .string(kind)
        }
        if !self.causes.isEmpty {
            details["causes"] = .sequence(
                self.causes.map {
                    .mapping([
                        "reason": "FieldValueInvalid", "message": .string($0.message), "field": .string($0.path),
                    ])
                })
        }
        var document: Mapping = [
            "kind": "Status", "apiVersion": "v1", "metadata": .mapping([:]), "status": "Failure",
            "message": .string(self.message), "reason": .string(self.reason),
        ]
        if !details.isEmpty { document["details"] = .mapping(details) }
        document["code"] = .int(self.code)
        return .mapping(document)
    }
}

extension StatusError {
    /// What went wrong with one object.
    init(_ error: any Error, kind: String, plural: String, name: String) {
        let subject = "\(plural).\(Names.group) \(quoted(name))"
        switch error {
        case let error as StatusError: self = error
        case let error as StoreError: self.init(error, subject: subject)
        case AdmissionError.conflict(let message):
            self.init(409, "Conflict", "Operation cannot be fulfilled on \(subject): \(message)")
        case AdmissionError.invalid(let errors), let errors as SpecErrors:
            let all = errors.errors.map { $0.path.isEmpty ? $0.message : "\($0.path): \($0.message)" }
            let text = all.count == 1 ? all[0] : "[\(all.joined(separator: ", "))]"
            self.init(422, "Invalid", "\(kind).\(Names.group) \(quoted(name)) is invalid: \(text)")
            self.causes = errors.errors
        default: self.init(500, "InternalError", "\(error)")
        }
        if self.name == nil, !name.isEmpty { (self.kind, self.name) = (plural, name) }
    }

    init(_ error: StoreError, subject: String) {
        switch error.code {
        case .notFound: self.init(404, "NotFound", "\(subject) not found")
        case .alreadyExists: self.init(409, "AlreadyExists", "\(subject) already exists")
        case .conflict:
            self.init(409, "Conflict", "Operation cannot be fulfilled on \(subject): it was changed meanwhile; try again")
        case .unreadable: self.init(500, "InternalError", "what is stored as \(subject) cannot be read: \(error.message)")
        case .unavailable, .deposed:
            self.init(503, "ServiceUnavailable", "the controller's store does not answer: \(error.message)")
        case .refused: self.init(500, "InternalError", "the controller's store refused: \(error.message)")
        }
    }
}

/// Names that stand in every answer.
enum Names {
    static let group = "quorate.dev"
    static let version = "v1alpha1"
}
