internal import EtcdWire
internal import Raft
internal import Store

extension MemberCore {
    var isLearner: Bool { self.raft.confState.learners.contains(self.identity.memberID) }

    /// Answers what is read here and now.
    mutating func answerNow(_ request: ClientRequest) -> Answer {
        do throws(StoreError) {
            switch request {
            case .range(let range): return .success(.range(self.withTerm(try self.store.range(range))))
            case .txn(let txn):
                var response = try self.store.readTxn(txn)
                response.header.raftTerm = self.raft.term
                return .success(.txn(response))
            case .leaseTimeToLive(let request):
                return .success(.other(self.store.leaseTimeToLive(request, uptime: self.uptime)))
            case .leaseLeases: return .success(.other(self.store.leaseLeases()))
            case .memberList: return .success(.other(MembersResponse(header: self.header, members: self.memberList)))
            case .alarm(let request):
                let alarms = self.store.alarms.filter {
                    (request.memberID == 0 || $0.memberID == request.memberID)
                        && (request.alarm == .none || $0.alarm == request.alarm)
                }
                return .success(.other(AlarmResponse(header: self.header, alarms: alarms)))
            case .status: return .success(.other(self.status()))
            case .hashKV(let request): return .success(.other(try self.store.hashKV(request)))
            case .hash: return .success(.other(HashResponse(header: self.header, hash: try self.store.hash())))
            case .defragment:
                try self.files.defragment(self.store, uptime: self.uptime)
                return .success(.other(HeaderResponse(header: self.header)))
            default: return .failure(.unknownRequest)
            }
        } catch {
            return .failure(error)
        }
    }

    private func withTerm(_ response: RangeResponse) -> RangeResponse {
        var response = response
        response.header.raftTerm = self.raft.term
        return response
    }

    var header: ResponseHeader {
        var header = self.store.header
        header.raftTerm = self.raft.term
        return header
    }

    private var memberList: [Member] { self.store.members.map(Member.init) }

    private func status() -> StatusResponse {
        var errors = self.leader == 0 ? ["etcdserver: no leader"] : []
        errors += self.store.alarms.map { "memberID:\($0.memberID) alarm:\($0.alarm.protobufName) " }
        return StatusResponse(
            header: self.header, version: MemberVersion.server, dbSize: self.files.sizeBytes, leader: self.leader,
            raftIndex: self.raft.committed, raftTerm: self.raft.term, raftAppliedIndex: self.store.appliedIndex,
            errors: errors, dbSizeInUse: self.files.inUseBytes, isLearner: self.isLearner)
    }

    /// What the proposer of an entry is told, now that it is applied.
    func answer(to kind: Proposals<Caller>.Kind, _ result: Store.ApplyResult) -> Answer {
        switch (kind, result) {
        case (_, .failure(let error)): return .failure(error)
        case (.request, _): return Answer(result)
        case (.members, _): return .success(.other(MembersResponse(header: self.header, members: self.memberList)))
        case (.memberAdd(let id), _):
            let members = self.memberList
            return .success(
                .other(MemberAddResponse(header: self.header, member: members.first { $0.id == id }, members: members)))
        }
    }
}

/// What this member says it is: the release of etcd whose API and disk it keeps.
enum MemberVersion {
    static let server = "3.5.21"
    static let cluster = "3.5.0"
}

extension Member {
    init(_ member: ClusterMember) {
        self.init(
            id: member.id, name: member.name, peerURLs: member.peerURLs, clientURLs: member.clientURLs,
            isLearner: member.isLearner)
    }
}

extension AlarmType {
    fileprivate var protobufName: String {
        switch self {
        case .none: "NONE"
        case .noSpace: "NOSPACE"
        case .corrupt: "CORRUPT"
        }
    }
}
