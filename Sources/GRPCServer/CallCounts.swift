/// How many calls a server has served since it started, and what was said in them.
public struct CallCounts: Sendable, Hashable {
    /// Of one method.
    public struct Method: Sendable, Hashable {
        /// `/SERVICE/METHOD`.
        public internal(set) var path: String
        public internal(set) var kind: Kind
        public internal(set) var started: UInt64 = 0
        /// Messages that came, and that were sent.
        public internal(set) var received: UInt64 = 0
        public internal(set) var sent: UInt64 = 0
        /// Calls that have ended, by their status' code; other codes than gRPC's own are counted as unknown (2).
        public internal(set) var handled = [UInt64](repeating: 0, count: 17)
    }

    public enum Kind: String, Sendable, Hashable {
        case unary
        case serverStream = "server_stream"
        case bidirectional = "bidi_stream"
    }

    public internal(set) var methods: [Method] = []
    /// Bytes of connections that speak gRPC, as they are on the wire.
    public internal(set) var receivedBytes: UInt64 = 0
    public internal(set) var sentBytes: UInt64 = 0

    mutating func add(_ other: CallCounts) {
        precondition(self.methods.count == other.methods.count, "the counts are of servers of the same methods")
        for place in self.methods.indices {
            self.methods[place].started += other.methods[place].started
            self.methods[place].received += other.methods[place].received
            self.methods[place].sent += other.methods[place].sent
            for code in 0..<17 { self.methods[place].handled[code] += other.methods[place].handled[code] }
        }
        self.receivedBytes += other.receivedBytes
        self.sentBytes += other.sentBytes
    }
}

extension MethodTable {
    /// Nothing counted yet.
    var counts: CallCounts {
        var counts = CallCounts()
        for (path, number) in self.numbers.sorted(by: { $0.value < $1.value }) {
            let kind: CallCounts.Kind =
                switch self.handlers[number] {
                case .unary: .unary
                case .serverStream: .serverStream
                case .bidirectional: .bidirectional
                }
            counts.methods.append(CallCounts.Method(path: path, kind: kind))
        }
        return counts
    }
}

/// The counts of one event loop, which it alone touches.
final class CallCounter {
    /// Messages and starts, by the method's number; and the ends, 17 codes for each.
    private var started: [UInt64]
    private var received: [UInt64]
    private var sent: [UInt64]
    private var handled: [UInt64]
    private(set) var receivedBytes: UInt64 = 0
    private(set) var sentBytes: UInt64 = 0

    init(methods: Int) {
        self.started = Array(repeating: 0, count: methods)
        (self.received, self.sent) = (self.started, self.started)
        self.handled = Array(repeating: 0, count: methods * 17)
    }

    func starts(_ route: Int) { self.started[route] += 1 }
    func receives(_ route: Int) { self.received[route] += 1 }
    func sends(_ route: Int) { self.sent[route] += 1 }
    func ends(_ route: Int, _ code: GRPCStatus.Code) {
        self.handled[route * 17 + (code.rawValue < 17 ? Int(code.rawValue) : 2)] += 1
    }
    func reads(bytes: Int) { self.receivedBytes += UInt64(bytes) }
    func writes(bytes: Int) { self.sentBytes += UInt64(bytes) }

    /// What was counted, where the methods are those of `empty`.
    func counts(_ empty: CallCounts) -> CallCounts {
        var counts = empty
        for place in counts.methods.indices {
            counts.methods[place].started = self.started[place]
            counts.methods[place].received = self.received[place]
            counts.methods[place].sent = self.sent[place]
            counts.methods[place].handled = Array(self.handled[(place * 17)..<(place * 17 + 17)])
        }
        (counts.receivedBytes, counts.sentBytes) = (self.receivedBytes, self.sentBytes)
        return counts
    }
}
