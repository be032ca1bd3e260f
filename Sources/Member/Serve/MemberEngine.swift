internal import EtcdWire
internal import GRPCServer
internal import NIOCore
internal import NIOHTTP1
internal import Platform
internal import Store

/// The thread that owns a member's core: it takes all that is waiting, lets the core do its turn, and hands the answers back
/// to the event loops in one batch.
struct MemberEngine: ~Copyable {
    var core: MemberCore<Client>
    let mailbox: Mailbox<MemberMessage>
    let transport: PeerTransport
    private let server: GRPCServer
    private let clock: any WallClock
    private var watches: [StreamID: StreamCall] = [:]
    private(set) var keepAlives: [StreamID: StreamCall] = [:]
    private var paused: Set<StreamID> = []
    /// Those who wait for an answer otherwise than over gRPC, by number.
    private var waiters: [UInt64: @Sendable (MemberCore<Client>.Answer) -> Void] = [:]
    private var lastNumber: UInt64 = 0
    /// Peers that have a lease kept alive for a client of theirs.
    var peerKeepAlives: [StreamID: @Sendable (PeerReply) -> Void] = [:]
    /// When this member, as the leader, last asked the others for their releases.
    var askedVersions: Duration?
    private var health = HealthProbes()
    private var stopping: [@Sendable (MemberError?) -> Void] = []
    /// Whether clients are let in: once the cluster knows this member by its name and client URLs, as etcd does.
    private var isOpen = false

    init(
        _ core: consuming MemberCore<Client>, _ mailbox: Mailbox<MemberMessage>, _ server: GRPCServer,
        _ transport: PeerTransport, _ clock: any WallClock
    ) {
        self.core = core
        (self.mailbox, self.server, self.transport, self.clock) = (mailbox, server, transport, clock)
    }

    /// Runs until it is told to stop, or cannot go on.
    /// - Returns: Why it could not.
    consuming func run() -> MemberError? {
        var failure: MemberError?
        self.transport.update(self.core.store)
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
        let (uptime, transport) = (self.clock.uptime(), self.transport)
        let effects = try self.core.turn(events, uptime: uptime, now: self.clock.now()) { transport.send($0) }
        if effects.hasNewMembers { transport.update(self.core.store) }
        if !self.isOpen, self.core.isPublished {
            self.isOpen = true
            self.server.open()
        }
        for transfer in effects.snapshots { transport.send(transfer) }
        for forward in effects.forwards { self.forward(forward) }
        self.askVersions(uptime)
        for (caller, answer) in effects.answers { self.answer(caller, answer, &batch) }
        for (stream, answer) in effects.keepAlives {
            if self.answerPeer(stream, answer) { continue }
            guard let call = self.keepAlives[stream] else { continue }
            switch answer {
            case .success(let response): batch.message(call, response.encoded())
            case .failure(let error): batch.finish(call.id, GRPCStatus(error))
            }
        }
        self.tell(effects.watches, &batch)
        if !batch.isEmpty { self.server.send(batch) }
        if effects.isRemoved { throw MemberError.removed }
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
        case .probe(let probe, let respond): self.begin(probe, respond, &events)
        case .metrics(let respond):
            let figures = self.figures
            self.server.countCalls { respond(figures, $0) }
        case .version(let respond):
            let cluster = self.core.store.clusterVersion ?? "not_decided"
            let body = "{\"etcdserver\":\"\(MemberVersion.server)\",\"etcdcluster\":\"\(cluster)\"}"
            respond(HTTP1Response(.ok, "application/json", body))
        case .peer(let messages): for message in messages { events.append(.message(message)) }
        case .unreachable(let id): events.append(.unreachable(id))
        case .snapshotSent(let id, let succeeded): events.append(.snapshotSent(id, succeeded: succeeded))
        case .removedByPeers: throw .removed
        case .peerRequest(let request, let body, let respond): self.take(request, body, respond, &events)
        case .forwarded(let forward, let result): self.take(forward, result, &batch)
        case .versions(let versions): events.append(.versions(versions))
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

    mutating func answer(_ caller: Client, _ answer: MemberCore<Client>.Answer, _ batch: inout ReplyBatch) {
        switch (caller, answer) {
        case (.grpc(let id), .success(let response)):
            var writer = ProtoWriter()
            response.encode(into: &writer)
            batch.reply(id, writer.bytes)
        case (.grpc(let id), .failure(let error)): batch.finish(id, GRPCStatus(error))
        case (.inner(let number), _): self.waiters.removeValue(forKey: number)?(answer)
        case (.probe(let number), .success): self.health.answered(number, failure: nil)
        case (.probe(let number), .failure(let error)): self.health.answered(number, failure: error.message)
        }
    }

    /// A number under which the answer to a question will come.
    mutating func number(_ body: @escaping @Sendable (MemberCore<Client>.Answer) -> Void) -> UInt64 {
        self.lastNumber += 1
        self.waiters[self.lastNumber] = body
        return self.lastNumber
    }

    private mutating func tell(_ messages: [WatchStreams.Message], _ batch: inout ReplyBatch) {
        var encoder = WatchEncoder()
        for message in messages {
            guard let call = self.watches[message.stream] else { continue }
            let (head, events) = encoder.encode(message.response)
            batch.message(call) { buffer in
                buffer.writeBytes(head)
                buffer.writeBytes(events)
            }
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

    // MARK: Health, metrics

    private mutating func begin(
        _ probe: HealthProbe, _ respond: @escaping HealthProbes.Respond, _ events: inout [MemberCore<Client>.Event]
    ) {
        let condition = HealthProbes.Condition(
            alarms: self.core.store.alarms.map(\.alarm), hasLeader: self.core.leader != 0, isLearner: self.core.isLearner)
        for read in self.health.begin(probe, condition, respond) {
            events.append(.probe(.probe(read.number), isSerializable: read.isSerializable))
        }
    }

    private var figures: MemberFigures {
        var figures = self.core.figures
        figures.watchStreams = self.watches.count
        figures.health = self.health
        return figures
    }
}

extension MemberError {
    fileprivate static let removed = MemberError(.removed, "the cluster has removed this member; it cannot come back")
}

extension GRPCStatus {
    init(_ error: StoreError) {
        self.init(GRPCStatus.Code(rawValue: UInt8(clamping: error.code)), error.message)
    }
}
