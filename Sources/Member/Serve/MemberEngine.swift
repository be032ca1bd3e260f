internal import EtcdWire
internal import GRPCServer
internal import NIOHTTP1
internal import Platform
internal import Store

/// The thread that owns a member's core: it takes all that is waiting, lets the core do its turn, and hands the answers back
/// to the event loops in one batch.
struct MemberEngine: ~Copyable {
    private var core: MemberCore<Client>
    private let mailbox: Mailbox<MemberMessage>
    private let server: GRPCServer
    private let clock: any WallClock
    private var watches: [StreamID: StreamCall] = [:]
    private var keepAlives: [StreamID: StreamCall] = [:]
    private var paused: Set<StreamID> = []
    /// Those who wait for an answer over HTTP/1, by number.
    private var health: [UInt64: @Sendable (HTTP1Response) -> Void] = [:]
    private var nextNumber: UInt64 = 0
    private var stopping: [@Sendable (MemberError?) -> Void] = []

    init(
        _ core: consuming MemberCore<Client>, _ mailbox: Mailbox<MemberMessage>, _ server: GRPCServer, _ clock: any WallClock
    ) {
        self.core = core
        (self.mailbox, self.server, self.clock) = (mailbox, server, clock)
    }

    /// Runs until it is told to stop, or cannot go on.
    /// - Returns: Why it could not.
    consuming func run() -> MemberError? {
        var failure: MemberError?
        while let messages = self.mailbox.take(blocking: !self.core.hasWork) {
            do throws(MemberError) { try self.handle(messages) } catch {
                failure = error
                self.mailbox.close()
                break
            }
        }
        let stopping = self.stopping
        if failure == nil {
            do throws(MemberError) { try self.core.close() } catch { failure = error }
        }
        for reply in stopping { reply(failure) }
        return failure
    }

    private mutating func handle(_ messages: [MemberMessage]) throws(MemberError) {
        var batch = ReplyBatch()
        var events: [MemberCore<Client>.Event] = []
        events.reserveCapacity(messages.count)
        for message in messages { try self.take(message, &events, &batch) }
        let effects = try self.core.turn(events, uptime: self.clock.uptime(), now: self.clock.now()) { _ in }
        for (caller, answer) in effects.answers { self.answer(caller, answer, &batch) }
        for (stream, answer) in effects.keepAlives {
            guard let call = self.keepAlives[stream] else { continue }
            switch answer {
            case .success(let response): batch.message(call, response.encoded())
            case .failure(let error): batch.finish(call.id, GRPCStatus(error))
            }
        }
        self.tell(effects.watches, &batch)
        if !batch.isEmpty { self.server.send(batch) }
        if effects.isRemoved { throw MemberError(.removed, "the cluster has removed this member; it cannot come back") }
    }

    private mutating func take(
        _ message: MemberMessage, _ events: inout [MemberCore<Client>.Event], _ batch: inout ReplyBatch
    ) throws(MemberError) {
        switch message {
        case .call(let id, let request): events.append(.call(.grpc(id), request))
        case .cancelled(let id): events.append(.cancelled(.grpc(id)))
        case .watchOpened(let stream, let call):
            self.watches[stream] = call
            events.append(.watchOpened(stream))
        case .watch(let stream, let request): events.append(.watch(stream, request))
        case .keepAliveOpened(let stream, let call): self.keepAlives[stream] = call
        case .keepAlive(let stream, let request): events.append(.keepAlive(stream, request))
        case .writable(let stream):
            if self.paused.remove(stream) != nil { events.append(.watchResumed(stream)) }
        case .streamEnded(let stream, let status): self.end(stream, status, &events, &batch)
        case .snapshot(let call, let sender): try self.send(sender, call, &batch)
        case .health(let isSerializable, let excluded, let respond):
            self.checkHealth(isSerializable, excluded, respond, &events)
        case .version(let respond):
            let cluster = self.core.store.clusterVersion ?? "not_decided"
            let body = "{\"etcdserver\":\"\(MemberVersion.server)\",\"etcdcluster\":\"\(cluster)\"}"
            respond(HTTP1Response(.ok, "application/json", body))
        case .tick: break
        case .stop(let reply):
            self.stopping.append(reply)
            self.mailbox.close()
        }
    }

    private mutating func end(
        _ stream: StreamID, _ status: GRPCStatus?, _ events: inout [MemberCore<Client>.Event], _ batch: inout ReplyBatch
    ) {
        if let call = self.watches[stream] ?? self.keepAlives[stream], let status { batch.finish(call.id, status) }
        self.keepAlives[stream] = nil
        self.paused.remove(stream)
        if self.watches.removeValue(forKey: stream) != nil { events.append(.watchClosed(stream)) }
    }

    private mutating func answer(_ caller: Client, _ answer: MemberCore<Client>.Answer, _ batch: inout ReplyBatch) {
        switch (caller, answer) {
        case (.grpc(let id), .success(let response)):
            var writer = ProtoWriter()
            response.encode(into: &writer)
            batch.reply(id, writer.bytes)
        case (.grpc(let id), .failure(let error)): batch.finish(id, GRPCStatus(error))
        case (.http(let number), _):
            guard let respond = self.health.removeValue(forKey: number) else { return }
            if case .failure(let error) = answer { return respond(.unhealthy("RANGE ERROR:\(error.message)")) }
            respond(.healthy)
        }
    }

    private mutating func tell(_ messages: [WatchStreams.Message], _ batch: inout ReplyBatch) {
        for message in messages {
            guard let call = self.watches[message.stream] else { continue }
            batch.message(call, message.response.encoded())
            guard !call.canWrite, self.paused.insert(message.stream).inserted else { continue }
            let stream = message.stream
            self.core.withWatches { $0.pause(stream, &$1) }
        }
    }

    private mutating func send(_ sender: SnapshotSender, _ call: StreamCall, _ batch: inout ReplyBatch) throws(MemberError) {
        do throws(StoreError) {
            sender.run(try self.core.snapshot(), self.server)
        } catch {
            throw MemberError(.corrupt, error.message)
        }
    }

    /// As etcd: no alarm, a leader, and a read that succeeds.
    private mutating func checkHealth(
        _ isSerializable: Bool, _ excluded: [String], _ respond: @escaping @Sendable (HTTP1Response) -> Void,
        _ events: inout [MemberCore<Client>.Event]
    ) {
        for alarm in self.core.store.alarms {
            let name = alarm.alarm == .corrupt ? "CORRUPT" : "NOSPACE"
            if !excluded.contains(name) { return respond(.unhealthy("ALARM \(name)")) }
        }
        guard isSerializable || self.core.leader != 0 else { return respond(.unhealthy("RAFT NO LEADER")) }
        self.nextNumber += 1
        self.health[self.nextNumber] = respond
        let request = RangeRequest(key: Array("health".utf8), limit: 1, serializable: isSerializable)
        events.append(.call(.http(self.nextNumber), .range(request)))
    }
}

extension HTTP1Response {
    fileprivate static let healthy = HTTP1Response(.ok, "application/json", #"{"health":"true","reason":""}"#)

    fileprivate static func unhealthy(_ reason: String) -> HTTP1Response {
        let text = reason.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return HTTP1Response(.serviceUnavailable, "application/json", "{\"health\":\"false\",\"reason\":\"\(text)\"}")
    }
}

extension GRPCStatus {
    init(_ error: StoreError) {
        self.init(GRPCStatus.Code(rawValue: UInt8(clamping: error.code)), error.message)
    }
}
