internal import EtcdWire

extension Store {
    mutating func put(_ request: PutRequest) throws(StoreError) -> PutResponse {
        try self.check(request)
        var response = self.putWithinWrite(request)
        self.endWrite()
        response.header = self.header
        return response
    }

    mutating func deleteRange(_ request: DeleteRangeRequest) -> DeleteRangeResponse {
        var response = self.deleteRangeWithinWrite(request)
        self.endWrite()
        response.header = self.header
        return response
    }

    /// Whether what the put takes for granted is there.
    func check(_ request: PutRequest) throws(StoreError) {
        if request.lease != 0, self.leases[request.lease] == nil { throw .leaseNotFound }
        if request.ignoreValue || request.ignoreLease {
            guard self.index[Key(request.key)]?.current != nil else { throw .keyNotFound }
        }
    }

    /// Carries out a put that was checked, as part of the change being written. Should the change have deleted the key
    /// whose value or lease is to be kept, there is none to keep (etcd stops there).
    mutating func putWithinWrite(_ request: PutRequest) -> PutResponse {
        let key = Key(request.key)
        let previous = self.index[key]?.current
        let main = self.revision + 1
        let kv = KeyValue(
            key: request.key, createRevision: previous?.createRevision ?? main, modRevision: main,
            version: (previous?.version ?? 0) + 1,
            value: request.ignoreValue ? previous?.value ?? [] : request.value,
            lease: request.ignoreLease ? previous?.lease ?? 0 : request.lease)
        self.append(key, Row(main: main, sub: self.nextSub, isTombstone: false, kv: kv))
        self.move(key, from: previous?.lease ?? 0, to: kv.lease)
        return PutResponse(header: ResponseHeader(revision: main), prevKv: request.prevKv ? previous : nil)
    }

    /// Carries out a deletion as part of the change being written.
    mutating func deleteRangeWithinWrite(_ request: DeleteRangeRequest) -> DeleteRangeResponse {
        let range = KeyRange(key: request.key, rangeEnd: request.rangeEnd)
        let doomed = self.keys(in: range, at: self.readRevision).kvs
        for kv in doomed { self.delete(kv) }
        return DeleteRangeResponse(
            header: ResponseHeader(revision: self.readRevision), deleted: Int64(doomed.count),
            prevKvs: request.prevKv ? doomed : [])
    }

    private mutating func delete(_ kv: KeyValue) {
        let key = Key(kv.key)
        let main = self.revision + 1
        let tombstone = KeyValue(key: kv.key, modRevision: main)
        self.append(key, Row(main: main, sub: self.nextSub, isTombstone: true, kv: tombstone))
        self.move(key, from: kv.lease, to: 0)
    }

    private var nextSub: Int64 {
        Int64(self.log.count - self.writeStart)
    }

    private mutating func append(_ key: Key, _ row: Row) {
        self.log.append(row)
        if self.index.update(key, { $0.append(row) }) == nil { self.index.set(key, History(row)) }
    }

    /// Makes what was written one revision, if there is anything, and tells the watches.
    mutating func endWrite() {
        guard self.log.count > self.writeStart else { return }
        self.revision += 1
        self.notify(from: self.writeStart)
        self.writeStart = self.log.count
    }

    mutating func compact(_ request: CompactionRequest) throws(StoreError) -> CompactionResponse {
        let revision = request.revision
        guard revision > self.compactRevision else { throw .compacted }
        guard revision <= self.revision else { throw .futureRevision }
        self.compactRevision = revision
        var kept: [Row] = []
        self.index.filter { $0.compact(at: revision) { kept.append($0) } }
        kept.sort { $0.precedes($1) }
        let newer = self.log.firstIndex(from: 0) { $0.main > revision }
        self.log.replaceSubrange(0..<newer, with: kept)
        self.writeStart = self.log.count
        return CompactionResponse(header: self.header)
    }

    mutating func alarm(_ request: AlarmRequest) -> AlarmResponse {
        let alarm = AlarmMember(memberID: request.memberID, alarm: request.alarm)
        let place = self.alarms.firstIndex(of: alarm)
        var answer: [AlarmMember] = []
        switch request.action {
        case .get:
            answer = self.alarms.filter { request.alarm == .none || $0.alarm == request.alarm }
        case .activate where alarm.alarm != .none:
            if place == nil {
                self.alarms.append(alarm)
                self.alarms.sort { ($0.memberID, $0.alarm.rawValue) < ($1.memberID, $1.alarm.rawValue) }
            }
            answer = [alarm]
        case .deactivate:
            guard let place else { break }
            self.alarms.remove(at: place)
            answer = [alarm]
        case .activate: break
        }
        return AlarmResponse(header: self.header, alarms: answer)
    }
}
