internal import EtcdWire
internal import GRPCCore

/// Why one attempt failed: what the caller is told, and what can be done about it.
///
/// gRPC reports what the server said and what befell the connection alike. What a server says either comes with metadata
/// (as the answer to a unary call does) or begins as all of etcd's errors do.
struct CallFailure: Error {
    var error: EtcdError
    /// Whether the connection is to blame, and not the server's verdict.
    var isConnectionLost = false
    /// Whether the same request may be made again.
    var isRepeatable = false

    init(_ error: any Error, of endpoint: Endpoint, _ progress: CallProgress, timeout: Duration) {
        let isUnsent = !progress.hasReached(.sent)
        guard !Task.isCancelled else {
            self.error = EtcdError(.canceled, "the call was cancelled", isUnsent: isUnsent)
            return
        }
        switch error {
        case let error as EtcdError:
            self.error = error
        case let error as RPCError:
            let code = EtcdError.Code(rawValue: error.code.rawValue) ?? .unknown
            let isVerdict = !isUnsent && (!error.metadata.isEmpty || error.message.hasPrefix("etcdserver: "))
            let isLocal = !isVerdict && (isUnsent || code == .unavailable || code == .deadlineExceeded)
            self.isConnectionLost = isLocal
            let message = isLocal ? "\(endpoint): \(Self.reason(error, code, timeout))" : error.message
            let wasTurnedAway = Self.refusals.contains(error.message)
            self.error = EtcdError(code, message, isUnsent: isUnsent || wasTurnedAway)
        case let error as WireError:
            self.error = EtcdError(.internal, "\(endpoint): \(error)")
        default:
            self.isConnectionLost = true
            self.error = EtcdError(.unavailable, "\(endpoint): \(error)", isUnsent: isUnsent)
        }
    }

    /// Whether another endpoint may do better.
    var isInconclusive: Bool {
        switch self.error.code {
        case .deadlineExceeded, .unavailable, .unknown, .internal: true
        default: false
        }
    }

    /// What etcd says before it has proposed anything, though the code leaves that open.
    private static let refusals: Set<String> = [
        "etcdserver: rpc not supported for learner", "etcdserver: unhealthy cluster", "etcdserver: not capable",
    ]

    private static func reason(_ error: RPCError, _ code: EtcdError.Code, _ timeout: Duration) -> String {
        guard code != .deadlineExceeded else {
            // What is left of a caller's time is a little less than it gave.
            let tenths = max(1, (timeout / .milliseconds(100)).rounded())
            return "no answer within \(tenths / 10) seconds"
        }
        return error.cause.map { "\($0)" } ?? error.message
    }
}
