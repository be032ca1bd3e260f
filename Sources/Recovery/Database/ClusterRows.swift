internal import Bolt
internal import EtcdWire
internal import Store

/// Takes the rows of all buckets but `key`: members, leases, alarms, users, roles, and versions.
struct ClusterRows {
    let file: String
    private(set) var members: [MemberRecord] = []
    private(set) var removed: [UInt64] = []
    private(set) var leases: [LeaseRecord] = []
    private(set) var alarms: [AlarmMember] = []
    private(set) var users: [(user: User, offset: Int64)] = []
    private(set) var roles: [String] = []
    private(set) var isAuthEnabled = false
    private(set) var authRevision: UInt64 = 0
    private(set) var clusterVersion: String?
    private(set) var confState: ConfState?
    private(set) var storageVersion: String?

    init(file: String) {
        self.file = file
    }

    mutating func add(_ entry: BoltEntry, of bucket: String, _ findings: inout FindingLog) {
        do throws(BoltError) {
            switch bucket {
            case "members": self.members.append(try self.member(entry))
            case "members_removed": self.removed.append(try self.removedMember(entry))
            case "lease": self.leases.append(try self.lease(entry))
            case "alarm": self.alarms.append(try self.message(AlarmMember.self, entry.key, at: entry.offset))
            case "authUsers":
                let user = try self.message(User.self, entry.value, at: entry.valueOffset)
                guard user.name.elementsEqual(entry.key) else {
                    throw self.error(entry, "the user has another name in its row")
                }
                self.users.append((user, entry.offset))
            case "authRoles":
                let role = try self.message(Role.self, entry.value, at: entry.valueOffset)
                guard role.name.elementsEqual(entry.key) else {
                    throw self.error(entry, "the role has another name in its row")
                }
                self.roles.append(String(decoding: role.name, as: UTF8.self))
            default: try self.setting(entry, of: bucket)
            }
        } catch {
            findings.add(Finding(error))
        }
    }

    private mutating func setting(_ entry: BoltEntry, of bucket: String) throws(BoltError) {
        let text = String(decoding: entry.value, as: UTF8.self)
        switch (bucket, String(decoding: entry.key, as: UTF8.self)) {
        case ("auth", "authEnabled"):
            guard entry.value.count == 1, let byte = entry.value.first, byte <= 1 else {
                throw self.error(entry, "authEnabled is neither 0 nor 1")
            }
            self.isAuthEnabled = byte == 1
        case ("auth", "authRevision"):
            guard entry.value.count == 8 else { throw self.error(entry, "authRevision has \(entry.value.count) bytes, not 8") }
            self.authRevision = entry.value.reduce(0) { $0 << 8 | UInt64($1) }
        case ("cluster", "clusterVersion"): self.clusterVersion = text
        case ("meta", "storageVersion"): self.storageVersion = text
        case ("meta", "confState"):
            guard let state = try? ConfState(json: Array(entry.value)) else {
                throw self.error(entry, "confState is no JSON of voters and learners")
            }
            self.confState = state
        default: break
        }
    }

    /// What the rows say of one another.
    func check(_ findings: inout FindingLog) {
        let ids = Set(self.members.map(\.id))
        for id in self.removed where ids.contains(id) {
            findings.add(self.file, at: 0, "member \(hexadecimal(id)) is both a member and removed")
        }
        // Only a note: etcdutl up to 3.5 restores the members and leaves confState as it was, and etcd sets it when it starts.
        if let confState, !self.members.isEmpty {
            let known = confState.voters + confState.learners + confState.learnersNext + confState.votersOutgoing
            for id in known where !ids.contains(id) {
                findings.add(self.file, at: 0, "confState names \(hexadecimal(id)), which is no member", isDamage: false)
            }
            for id in ids.subtracting(known).sorted() {
                findings.add(self.file, at: 0, "member \(hexadecimal(id)) is not in confState", isDamage: false)
            }
        }
        let roles = Set(self.roles)
        for (user, offset) in self.users {
            // The role of root has all rights, and need not be there.
            for role in user.roles where !roles.contains(role) && role != "root" {
                let name = String(decoding: user.name, as: UTF8.self)
                findings.add(self.file, at: offset, "user \(name) has role \(role), which is not there")
            }
        }
    }

    private func member(_ entry: BoltEntry) throws(BoltError) -> MemberRecord {
        let name = String(decoding: entry.key, as: UTF8.self)
        guard let member = MemberRecord(json: Array(entry.value)), hexadecimal(member.id) == name else {
            throw self.error(entry, "member \(name) is not described by JSON with its id")
        }
        return member
    }

    private func removedMember(_ entry: BoltEntry) throws(BoltError) -> UInt64 {
        let name = String(decoding: entry.key, as: UTF8.self)
        guard let id = UInt64(name, radix: 16), entry.value.elementsEqual("removed".utf8) else {
            throw self.error(entry, "\(name) is no member that was removed")
        }
        return id
    }

    private func lease(_ entry: BoltEntry) throws(BoltError) -> LeaseRecord {
        let lease = try self.message(LeaseRecord.self, entry.value, at: entry.valueOffset)
        let id = entry.key.reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        guard entry.key.count == 8, UInt64(bitPattern: lease.id) == id else {
            throw self.error(entry, "lease \(hexadecimal(id)) has another id in its row")
        }
        guard lease.ttl > 0, lease.remainingTTL >= 0, lease.remainingTTL <= lease.ttl else {
            throw self.error(
                entry, "lease \(hexadecimal(id)) has \(lease.remainingTTL) s left of \(lease.ttl) s")
        }
        return lease
    }

    private func message<Message: WireMessage>(
        _ type: Message.Type, _ bytes: ArraySlice<UInt8>, at offset: Int64
    ) throws(BoltError) -> Message {
        do throws(WireError) {
            return try Message(decoding: bytes)
        } catch {
            throw BoltError(file: self.file, offset: offset, what: "this row is no \(type): \(error)")
        }
    }

    private func error(_ entry: BoltEntry, _ what: String) -> BoltError {
        BoltError(file: self.file, offset: entry.valueOffset, what: what)
    }
}

/// Ids as etcd writes them: without padding.
func hexadecimal(_ id: UInt64) -> String { String(id, radix: 16) }

extension MemberRecord {
    /// Reads a row's JSON; nil where it is none.
    init?(json: [UInt8]) {
        guard let member = try? ClusterMember(json: json) else { return nil }
        self.init(
            id: member.id, name: member.name, peerURLs: member.peerURLs, clientURLs: member.clientURLs,
            isLearner: member.isLearner)
    }
}
