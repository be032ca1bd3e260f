internal import Bolt
internal import EtcdWire
internal import GRPCServer
internal import Platform
internal import Synchronization

/// etcd's gRPC services in front of a member's thread: what comes is decoded on the event loop and handed over.
struct MemberServices: Sendable {
    let mailbox: Mailbox<MemberMessage>
    private let streams = StreamNumbers()

    init(mailbox: Mailbox<MemberMessage>) {
        self.mailbox = mailbox
    }

    var methods: MethodTable {
        let (mailbox, streams) = (self.mailbox, self.streams)
        var table = MethodTable()
        for (path, decode) in ClientRequest.methods.sorted(by: { $0.key < $1.key }) {
            table.unary(path) { request, call in
                do throws(WireError) {
                    mailbox.send(.call(call.id, try decode([UInt8](copying: request)[...])))
                    return .deferred
                } catch {
                    return .failure(.unmarshalling(error))
                }
            }
        }
        table.bidirectional("/etcdserverpb.Watch/Watch") { call in
            let id = streams.next()
            mailbox.send(.watchOpened(id, call))
            return RequestStream(mailbox, id) { (bytes) throws(WireError) in .watch(id, try WatchRequest(decoding: bytes)) }
        }
        table.bidirectional("/etcdserverpb.Lease/LeaseKeepAlive") { call in
            let id = streams.next()
            mailbox.send(.keepAliveOpened(id, call))
            return RequestStream(mailbox, id) { (bytes) throws(WireError) in
                .keepAlive(id, try LeaseKeepAliveRequest(decoding: bytes))
            }
        }
        table.serverStream("/etcdserverpb.Maintenance/Snapshot") { call in
            SnapshotSender(call, mailbox)
        }
        table.unary("/grpc.health.v1.Health/Check") { _, _ in
            // HealthCheckResponse{status: SERVING}
            .message([0x08, 0x01])
        }
        table.unaryCancelled = { mailbox.send(.cancelled($0)) }
        return table
    }
}

/// Numbers the streams of a member.
private final class StreamNumbers: Sendable {
    private let last = Atomic<UInt64>(0)

    func next() -> StreamID { StreamID(raw: self.last.add(1, ordering: .relaxed).newValue) }
}

/// A stream whose messages are handed on one by one.
private final class RequestStream: StreamHandler {
    private let mailbox: Mailbox<MemberMessage>
    private let id: StreamID
    private let decode: @Sendable (ArraySlice<UInt8>) throws(WireError) -> MemberMessage

    init(
        _ mailbox: Mailbox<MemberMessage>, _ id: StreamID,
        _ decode: @escaping @Sendable (ArraySlice<UInt8>) throws(WireError) -> MemberMessage
    ) {
        (self.mailbox, self.id, self.decode) = (mailbox, id, decode)
    }

    func received(_ message: RawSpan) -> StreamDemand {
        do throws(WireError) {
            self.mailbox.send(try self.decode([UInt8](copying: message)[...]))
        } catch {
            self.mailbox.send(.streamEnded(self.id, .unmarshalling(error)))
        }
        return .more
    }

    func receivedEnd() { self.mailbox.send(.streamEnded(self.id, .ok)) }
    func becameWritable() { self.mailbox.send(.writable(self.id)) }
    func closed(_ end: StreamEnd) { self.mailbox.send(.streamEnded(self.id, nil)) }
}

extension GRPCStatus {
    static func unmarshalling(_ error: WireError) -> GRPCStatus {
        GRPCStatus(.internal, "grpc: error unmarshalling request: \(error)")
    }
}
