internal import EtcdWire

extension Store {
    mutating func alarm(_ request: AlarmRequest) throws(StoreError) -> AlarmResponse {
        let alarm = AlarmMember(memberID: request.memberID, alarm: request.alarm)
        let place = self.alarms.firstIndex(of: alarm)
        var answer: [AlarmMember] = []
        switch request.action {
        case .get:
            answer = self.alarms.filter { request.alarm == .none || $0.alarm == request.alarm }
        case .activate where alarm.alarm != .none:
            if place == nil {
                try self.backend.put(alarm.encoded(), [], in: .alarm)
                self.alarms.append(alarm)
                self.alarms.sort { $0.precedes($1) }
            }
            answer = [alarm]
        case .deactivate:
            guard let place else { break }
            try self.backend.remove(alarm.encoded(), in: .alarm)
            self.alarms.remove(at: place)
            answer = [alarm]
        case .activate: break
        }
        return AlarmResponse(header: self.header, alarms: answer)
    }

    /// What an alarm forbids: any use of a corrupt store, and whatever makes a full one grow.
    func checkAlarms(_ operation: InternalRaftRequest.Operation) throws(StoreError) {
        guard !self.alarms.isEmpty else { return }
        let isCorrupt = self.alarms.contains { $0.alarm == .corrupt }
        let isFull = self.alarms.contains { $0.alarm == .noSpace }
        switch operation {
        case .put, .leaseGrant:
            if isCorrupt { throw .corrupt }
            if isFull { throw .noSpace }
        case .txn(let request):
            if isCorrupt { throw .corrupt }
            if isFull, request.hasPut { throw .noSpace }
        case .range, .deleteRange, .compaction, .leaseRevoke:
            if isCorrupt { throw .corrupt }
        default: break
        }
    }
}

extension TxnRequest {
    /// Whether a branch puts; etcd does not look into transactions within.
    fileprivate var hasPut: Bool {
        (self.success + self.failure).contains { if case .put = $0 { true } else { false } }
    }
}

extension AlarmMember {
    func precedes(_ other: AlarmMember) -> Bool {
        (self.memberID, self.alarm.rawValue) < (other.memberID, other.alarm.rawValue)
    }
}
