import EtcdWire
import TestSupport

@testable import EtcdClient
@testable import Member

/// What tells one cluster's member from another's, as its own answers show it.
struct MemberNames: Sendable {
    var clusterID: UInt64 = 0
    var memberID: UInt64 = 0
    var peerURL = ""
    var clientURL = ""
}

extension RemoteMember {
    /// Once the member has told the cluster where it serves.
    func names() async throws -> MemberNames {
        try await poll(within: .seconds(10), "the member tells its URLs") {
            let list = try await self.call(Methods.memberList, MemberListRequest())
            guard let own = list.members.first, let client = own.clientURLs.first, let peer = own.peerURLs.first else {
                return nil
            }
            return MemberNames(clusterID: list.header.clusterID, memberID: own.id, peerURL: peer, clientURL: client)
        }
    }

    /// The answer to a request, where what differs between any two members is made equal: their ids and URLs, sizes on disk,
    /// how long their logs are, and what is left of leases' times. `MEMBER` stands in requests for the member's own id.
    func ask(_ request: ClientRequest, _ names: MemberNames) async -> Answer {
        do throws(EtcdError) {
            return try await self.plainAnswer(request, names)
        } catch {
            return .failure(error.code, error.message)
        }
    }

    private func plainAnswer(_ request: ClientRequest, _ names: MemberNames) async throws(EtcdError) -> Answer {
        switch request {
        case .range(let request):
            var response = try await self.call(Methods.range, request)
            names.makePlain(&response.header)
            return Answer(response.settled(request))
        case .put(let request): return Answer(try await self.call(Methods.put, request), names, \.header)
        case .deleteRange(let request): return Answer(try await self.call(Methods.deleteRange, request), names, \.header)
        case .txn(let request):
            var response = try await self.call(Methods.txn, request)
            names.makePlain(&response.header)
            return Answer(response.settled(request))
        case .compact(let request): return Answer(try await self.call(Methods.compact, request), names, \.header)
        case .leaseGrant(let request): return Answer(try await self.call(Methods.leaseGrant, request), names, \.header)
        case .leaseRevoke(let request): return Answer(try await self.call(Methods.leaseRevoke, request), names, \.header)
        case .leaseTimeToLive(let request):
            var response = try await self.call(Methods.leaseTimeToLive, request)
            response.keys.sort { $0.lexicographicallyPrecedes($1) }
            // What is left is less than was granted by what the run has taken.
            if response.ttl > 0, response.grantedTTL - response.ttl < 900 { response.ttl = response.grantedTTL }
            return Answer(response, names, \.header)
        case .leaseLeases: return Answer(try await self.call(MoreMethods.leases, LeaseLeasesRequest()), names, \.header)
        case .memberAdd(let request):
            var response = try await self.call(Methods.memberAdd, request)
            response.member?.id = 3
            names.makePlain(&response.members)
            return Answer(response, names, \.header)
        case .memberRemove(let request): return try await self.changeMembers(Methods.memberRemove, request, names)
        case .memberUpdate(let request): return try await self.changeMembers(Methods.memberUpdate, request, names)
        case .memberPromote(let request): return try await self.changeMembers(Methods.memberPromote, request, names)
        case .memberList(let request): return try await self.changeMembers(Methods.memberList, request, names)
        default: return try await self.maintain(request, names)
        }
    }

    private func changeMembers<Request: WireMessage>(
        _ method: Method<Request, MembersResponse>, _ request: Request, _ names: MemberNames
    ) async throws(EtcdError) -> Answer {
        var response = try await self.call(method, request)
        names.makePlain(&response.members)
        return Answer(response, names, \.header)
    }

    private func maintain(_ request: ClientRequest, _ names: MemberNames) async throws(EtcdError) -> Answer {
        switch request {
        case .alarm(var request):
            if request.memberID == 1 { request.memberID = names.memberID }
            var response = try await self.call(Methods.alarm, request)
            for place in response.alarms.indices where response.alarms[place].memberID == names.memberID {
                response.alarms[place].memberID = 1
            }
            return Answer(response, names, \.header)
        case .status:
            var response = try await self.call(Methods.status, StatusRequest())
            response.leader = response.leader == names.memberID ? 1 : 2
            (response.dbSize, response.dbSizeInUse) = (response.dbSize.signum(), response.dbSizeInUse.signum())
            (response.raftIndex, response.raftAppliedIndex) = (min(response.raftIndex, 1), min(response.raftAppliedIndex, 1))
            response.version = String(response.version.prefix(4))
            response.errors = response.errors.map { $0.replacing("\(names.memberID)", with: "MEMBER") }
            return Answer(response, names, \.header)
        case .defragment: return Answer(try await self.call(Methods.defragment, DefragmentRequest()), names, \.header)
        case .hash:
            var response = try await self.call(MoreMethods.hash, HashRequest())
            // Members' ids and URLs are hashed with the rest.
            response.hash = 0
            return Answer(response, names, \.header)
        case .hashKV(let request):
            var response = try await self.call(Methods.hashKV, request)
            // Told from 3.6 on.
            response.hashRevision = 0
            return Answer(response, names, \.header)
        case .moveLeader(var request):
            if request.targetID == 1 { request.targetID = names.memberID }
            return Answer(try await self.call(Methods.moveLeader, request), names, \.header)
        case .downgrade(let request): return Answer(try await self.call(MoreMethods.downgrade, request), names, \.header)
        default: preconditionFailure("asked elsewhere")
        }
    }
}

extension MemberNames {
    func makePlain(_ header: inout ResponseHeader) {
        if header.clusterID == self.clusterID { header.clusterID = 1 }
        if header.memberID == self.memberID { header.memberID = 1 }
    }

    /// The member itself is 1, others come after it.
    func makePlain(_ members: inout [Member]) {
        for place in members.indices {
            members[place].id = members[place].id == self.memberID ? 1 : 2
            members[place].peerURLs = members[place].peerURLs.map { $0 == self.peerURL ? "PEER" : $0 }
            members[place].clientURLs = members[place].clientURLs.map { $0 == self.clientURL ? "CLIENT" : $0 }
        }
        // Members come in the order of their ids.
        members.sort { $0.id < $1.id }
    }
}

extension RemoteMember.Answer {
    init<Response: WireMessage>(_ response: Response) {
        self = .message(encoded: response.encoded(), text: "\(response)")
    }

    init<Response: WireMessage>(
        _ response: Response, _ names: MemberNames, _ header: WritableKeyPath<Response, ResponseHeader>
    ) {
        var response = response
        names.makePlain(&response[keyPath: header])
        self.init(response)
    }
}

extension RangeResponse {
    /// Keys that are alike in what a range is sorted by come in no certain order: here in that of the keys.
    fileprivate func settled(_ request: RangeRequest) -> RangeResponse {
        guard request.sortTarget != .key else { return self }
        var response = self
        func value(_ kv: KeyValue) -> [UInt8] {
            switch request.sortTarget {
            case .key, .value: kv.value
            case .version: Array("\(kv.version)".utf8)
            case .create: Array("\(kv.createRevision)".utf8)
            case .mod: Array("\(kv.modRevision)".utf8)
            }
        }
        var start = 0
        for end in 1..<(max(1, response.kvs.count) + 1)
        where end >= response.kvs.count || value(response.kvs[end]) != value(response.kvs[start]) {
            let end = min(end, response.kvs.count)
            guard start < end else { break }
            response.kvs[start..<end].sort { $0.key.lexicographicallyPrecedes($1.key) }
            start = end
        }
        return response
    }
}

extension TxnResponse {
    fileprivate func settled(_ request: TxnRequest) -> TxnResponse {
        var response = self
        let operations = self.succeeded ? request.success : request.failure
        for (place, operation) in operations.enumerated() where place < response.responses.count {
            switch (operation, response.responses[place]) {
            case (.range(let request), .range(let range)): response.responses[place] = .range(range.settled(request))
            case (.txn(let request), .txn(let txn)): response.responses[place] = .txn(txn.settled(request))
            default: break
            }
        }
        return response
    }
}
