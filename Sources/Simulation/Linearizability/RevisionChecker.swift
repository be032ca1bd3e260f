internal import EtcdWire

/// What the revisions in etcd's replies must keep to, without a search: in one pass over a history of any length.
public enum RevisionChecker {
    public typealias Operation = ClientOperation<EtcdRequest, EtcdReply>

    /// Two operations whose revisions cannot both be right.
    public struct Violation: Sendable, Hashable, CustomStringConvertible {
        public var kind: Kind
        /// Indices in the history: what came first, and what does not go with it.
        public var earlier: Int
        public var later: Int
        public var description: String

        /// What was broken.
        public enum Kind: String, Sendable, Hashable {
            /// An operation was answered as of a revision older than one that was acknowledged before it began.
            case stale
            /// Two operations that wrote took the same revision.
            case duplicate
            /// A write took a revision that another had seen, or passed, before the write began.
            case late
        }
    }

    public static func violations(in operations: [Operation]) -> [Violation] {
        var found: [Violation] = []
        var writers: [Int64: Int] = [:]
        /// The operation with the highest revision among those that have returned.
        var highest: (revision: Int64, operation: Int)?
        /// What `highest` was when an operation was invoked.
        var floor: [(revision: Int64, operation: Int)?] = Array(repeating: nil, count: operations.count)

        for event in Self.events(of: operations) {
            let operation = operations[event.operation]
            guard event.isReturn else {
                floor[event.operation] = highest
                continue
            }
            guard let output = operation.output, let revision = output.revision else { continue }
            func add(_ kind: Violation.Kind, _ earlier: Int, _ what: String) {
                let text = "\(what)\n  \(operations[earlier])\n  \(operation)"
                found.append(Violation(kind: kind, earlier: earlier, later: event.operation, description: text))
            }
            if let floor = floor[event.operation], !operation.input.isSerializable {
                if revision < floor.revision {
                    add(.stale, floor.operation, "revision \(revision) after \(floor.revision) was acknowledged")
                } else if revision == floor.revision, output.hasWritten {
                    add(.late, floor.operation, "revision \(revision) was there before the write began")
                }
            }
            if output.hasWritten, let other = writers.updateValue(event.operation, forKey: revision) {
                add(.duplicate, other, "revision \(revision) taken twice")
            }
            if revision > highest?.revision ?? .min { highest = (revision, event.operation) }
        }
        return found
    }

    private static func events(of operations: [Operation]) -> [(time: Int, isReturn: Bool, operation: Int)] {
        var events: [(time: Int, isReturn: Bool, operation: Int)] = []
        for (index, operation) in operations.enumerated() {
            events.append((operation.invoked, false, index))
            if let returned = operation.returned { events.append((returned, true, index)) }
        }
        // What touches in one point overlaps: the invocation counts as first.
        events.sort { ($0.time, $0.isReturn ? 1 : 0, $0.operation) < ($1.time, $1.isReturn ? 1 : 0, $1.operation) }
        return events
    }
}

extension EtcdRequest {
    /// Whether a member may answer from what it has.
    public var isSerializable: Bool {
        if case .range(let request) = self { request.serializable } else { false }
    }
}
