internal import EtcdWire
internal import Raft
internal import Store

extension MemberCore {
    var isLearner: Bool { self.raft.confState.learners.contains(self.identity.memberID) }

    /// Answers what is read here and now.
    mutating func answerNow(_ request: ClientRequest) -> Answer {
        do throws(StoreError) {
            switch request {
            case .range(let range):
                self.counts.ranges += 1
                return .success(.range(self.withTerm(try self.store.range(range))))
            case .txn(let txn):
                var response = try self.store.readTxn(txn)
                response.header.raftTerm = self.raft.term
                return .success(.txn(response))
            case .leaseTimeToLive(let request):
                return .success(.other(self.store.leaseTimeToLive(request, uptime: self.uptime)))
            case .leaseLeases: return .success(.other(self.store.leaseLeases()))
            case .memberList: return .success(.other(MembersResponse(header: self.memberHeader, members: self.memberList)))
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
                // Without a header, as etcd's.
                return .success(.other(HeaderResponse()))
            default: return .failure(.unknownRequest)
            }
        } catch {
            if error.isFatal { self.failure = MemberError(.disk, error.message) }
            return .failure(error)
        }
    }

    /// What metrics tell of this member; its server knows the rest.
    var figures: MemberFigures {
        var figures = MemberFigures()
        (figures.memberID, figures.leader, figures.isLearner) = (self.identity.memberID, self.leader, self.isLearner)
        (figures.committed, figures.applied) = (self.raft.committed, self.store.appliedIndex)
        (figures.pending, figures.counts) = (self.proposals.count, self.counts)
        (figures.clusterVersion, figures.quotaBytes) = (self.store.clusterVersion, self.files.quotaBytes)
        (figures.databaseBytes, figures.databaseBytesInUse) = (self.files.sizeBytes, self.files.inUseBytes)
        (figures.store, figures.alarms) = (self.store.counts, self.store.alarms)
        (figures.revision, figures.compactRevision) = (self.store.revision, self.store.compactRevision)
        (figures.watches, figures.slowWatches) = (self.store.watchCount, self.store.slowWatchCount)
        figures.waitingWatches = self.store.waitingWatchCount
        return figures
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

    /// Of answers about members, which say nothing of keys.
    private var memberHeader: ResponseHeader {
        var header = self.header
        header.revision = 0
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
        case (.downgrade, _): return .success(.other(self.downgradeResponse))
        case (.members, _): return .success(.other(MembersResponse(header: self.memberHeader, members: self.memberList)))
        case (.memberAdd(let id), _):
            let members = self.memberList
            return .success(
                .other(MemberAddResponse(header: self.memberHeader, member: members.first { $0.id == id }, members: members)))
        }
    }
}

/// What this member says it is: the release of etcd whose API and disk it keeps.
public enum MemberVersion {
    public static let server = "3.5.21"
    static let cluster = "3.5.0"
}

extension Member {
    init(_ member: ClusterMember) {
        self.init(
            id: member.id, name: member.name, peerURLs: member.peerURLs, clientURLs: member.clientURLs,
            isLearner: member.isLearner)
    }
}
