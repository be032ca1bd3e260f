internal import EtcdWire
internal import GRPCServer
internal import NIOCore
internal import NIOHTTP1
internal import Platform
internal import Store

/// What members ask of each other besides consensus.
extension MemberEngine {
    typealias Forward = MemberCore<Client>.Forward

    // MARK: Asked by a peer

    mutating func take(
        _ request: PeerAnswer, _ body: [UInt8], _ respond: @escaping @Sendable (PeerReply) -> Void,
        _ events: inout [MemberCore<Client>.Event]
    ) {
        switch request {
        case .leases:
            guard let keepAlive = try? LeaseKeepAliveRequest(decoding: body[...]) else { return respond(.malformed) }
            let stream = StreamID(raw: 1 << 63 | self.number { _ in })
            self.peerKeepAlives[stream] = respond
            events.append(.keepAlive(stream, keepAlive))
        case .leasesInternal:
            guard let ask = (try? LeaseInternalRequest(decoding: body[...]))?.timeToLive else { return respond(.malformed) }
            guard self.core.isLeader else { return respond(.text(500, "not leader")) }
            let number = self.number { answer in
                guard case .success(.other(let response as LeaseTimeToLiveResponse)) = answer else {
                    return respond(.text(500, "the leader could not say"))
                }
                guard response.ttl >= 0 else { return respond(.text(404, "lease not found")) }
                respond(PeerReply(status: 200, fields: Self.protobuf, body: LeaseInternalResponse(response).encoded()))
            }
            events.append(.call(.inner(number), .leaseTimeToLive(ask)))
        case .promote(let id):
            guard self.core.isLeader else { return respond(.text(500, "not leader")) }
            let transport = self.transport
            let number = self.number { answer in
                switch answer {
                case .success: transport.answer(.members, [], respond)
                case .failure(.memberNotFound): respond(.text(404, "member \(id) not found in cluster"))
                case .failure(.memberNotLearner): respond(.text(412, "membership: can only promote a learner member"))
                case .failure(let error): respond(.text(error == .learnerNotReady ? 412 : 500, error.message))
                }
            }
            events.append(.call(.inner(number), .memberPromote(MemberPromoteRequest(id: id))))
        case .hashKV:
            guard let revision = try? PeerHashKV.read(request: body) else {
                return respond(.text(400, "error unmarshalling request"))
            }
            let number = self.number { answer in
                switch answer {
                case .success(.other(let response as HashKVResponse)): respond(.json(PeerHashKV.json(response)))
                case .success: respond(.text(500, "no hash"))
                case .failure(let error): respond(.text(400, error.message))
                }
            }
            events.append(.call(.inner(number), .hashKV(HashKVRequest(revision: revision))))
        default: respond(.refusal(.notFound))
        }
    }

    static var protobuf: [(name: String, value: String)] { [("Content-Type", "application/protobuf")] }

    /// False when the stream is a client's.
    mutating func answerPeer(_ stream: StreamID, _ answer: Result<LeaseKeepAliveResponse, StoreError>) -> Bool {
        guard let respond = self.peerKeepAlives.removeValue(forKey: stream) else { return false }
        switch answer {
        case .success(let response) where response.ttl > 0:
            respond(PeerReply(status: 200, fields: Self.protobuf, body: response.encoded()))
        case .success: respond(.text(404, "lease not found"))
        case .failure(let error): respond(.text(500, error.message))
        }
        return true
    }

    // MARK: Asked of the leader

    func forward(_ forward: Forward) {
        let mailbox = self.mailbox
        let leader = self.core.leader
        let answer =
            switch forward {
            case .keepAlive(_, let request):
                self.transport.request(.POST, leader, PeerPath.leases, body: request.encoded())
            case .timeToLive(_, let request):
                self.transport.request(.POST, leader, PeerPath.leasesInternal, body: LeaseInternalRequest(request).encoded())
            case .promote(_, let id): self.transport.request(.POST, leader, "\(PeerPath.promotion)/\(id)")
            }
        answer.whenComplete { mailbox.send(.forwarded(forward, $0)) }
    }

    mutating func take(
        _ forward: Forward, _ result: Result<PeerClient.Answer, any Error>, _ batch: inout ReplyBatch
    ) {
        let answer = try? result.get()
        switch forward {
        case .keepAlive(let stream, let request):
            var response: LeaseKeepAliveResponse?
            if let answer, answer.status == 200 { response = try? LeaseKeepAliveResponse(decoding: answer.body[...]) }
            if answer?.status == 404 { response = LeaseKeepAliveResponse(id: request.id) }
            response?.header = self.core.header
            if self.answerPeer(stream, response.map { .success($0) } ?? .failure(.timedOut)) { return }
            guard let call = self.keepAlives[stream] else { return }
            guard let response else { return batch.finish(call.id, GRPCStatus(.timedOut)) }
            batch.message(call, response.encoded())
        case .timeToLive(let caller, let request):
            var response: LeaseTimeToLiveResponse?
            if let answer, answer.status == 200 {
                response = (try? LeaseInternalResponse(decoding: answer.body[...]))?.timeToLive
            }
            if answer?.status == 404 { response = LeaseTimeToLiveResponse(id: request.id, ttl: -1) }
            response?.header = self.core.header
            self.answer(caller, response.map { .success(.other($0)) } ?? .failure(.timedOut), &batch)
        case .promote(let caller, _): self.answer(caller, self.promotion(answer), &batch)
        }
    }

    private func promotion(_ answer: PeerClient.Answer?) -> MemberCore<Client>.Answer {
        guard let answer else { return .failure(.timedOut) }
        switch answer.status {
        case 200:
            let members = (try? PeerMembers.read(answer.body)) ?? []
            return .success(.other(MembersResponse(header: self.core.header, members: members.map(EtcdWire.Member.init))))
        case 404: return .failure(.memberNotFound)
        case 412:
            let text = String(decoding: answer.body, as: UTF8.self)
            return .failure(text.contains("in sync with leader") ? .learnerNotReady : .memberNotLearner)
        default: return .failure(.timedOut)
        }
    }

    // MARK: Releases

    /// As the leader: asks all others what they are, when it becomes it and every 4 s from then on.
    mutating func askVersions(_ uptime: Duration) {
        guard self.core.isLeader else {
            self.askedVersions = nil
            return
        }
        if let last = self.askedVersions, uptime - last < .seconds(4) { return }
        let others = self.core.store.members.map(\.id).filter { $0 != self.core.identity.memberID }
        guard !others.isEmpty else { return }
        self.askedVersions = uptime
        let (mailbox, transport) = (self.mailbox, self.transport)
        let answers = others.map { id in
            transport.request(.GET, id, PeerPath.version)
                .map { (id, $0.status == 200 ? (try? PeerVersion(json: $0.body))?.server : nil) }
                .flatMapErrorThrowing { _ in (id, nil) }
        }
        EventLoopFuture.whenAllSucceed(answers, on: transport.loop).whenSuccess { versions in
            mailbox.send(.versions(Dictionary(versions) { first, _ in first }))
        }
    }
}

extension PeerReply {
    fileprivate static let malformed = PeerReply.text(400, "error unmarshalling request")
}
