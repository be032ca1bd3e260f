internal import ClusterAPI
internal import EtcdWire
internal import Platform
internal import Runtimes

/// One member, with all that is known of it put together: its place, its entry in etcd's list, its answer.
struct MemberView: Hashable {
    var name: String
    /// Nil when it has no place on the machine.
    var process: MemberProcess?
    /// Nil when etcd's list does not hold it, or is not known.
    var entry: Member?
    /// Nil when it did not answer.
    var answer: StatusResponse?
    /// What the status last said of it.
    var previous: MemberStatus?

    var isRunning: Bool { self.process?.pid != nil }
    var endpoint: String? { self.process?.place.clientURL }
    var isLearner: Bool { self.entry?.isLearner ?? (self.answer?.isLearner ?? (self.previous?.state == .learner)) }
    /// It answers and follows a leader.
    var isHealthy: Bool { self.isRunning && (self.answer?.leader ?? 0) != 0 }
    /// Its data is gone and will not come back by a restart.
    var isLost: Bool {
        guard let process = self.process else { return true }
        return process.data == .lost
    }

    var id: UInt64? {
        if let id = self.entry?.id { return id }
        if let id = self.answer?.header.memberID, id != 0 { return id }
        return self.previous.flatMap { UInt64($0.id, radix: 16) }
    }
}

/// A cluster put together from an observation and the last status.
struct ClusterView {
    /// Every member of etcd's list (when known; of the last status when not), and every place; sorted by name.
    var members: [MemberView]
    /// Whether the leader's member list is known.
    var membershipKnown: Bool
    var clusterID: UInt64?
    /// The name of the member that leads, when it answers.
    var leader: String?

    init(_ input: DecisionInput) {
        let observed = input.observed
        let previous = input.cluster.status.members
        var members: [MemberView] = []
        for process in observed.processes {
            let place = process.place
            let entry = observed.membership?.members.first { $0.peerURLs.contains(place.peerURL) }
            let answer = observed.probes.first { $0.name == place.name }?.status
            members.append(
                MemberView(
                    name: place.name, process: process, entry: entry, answer: answer,
                    previous: previous.first { $0.name == place.name }))
        }
        if let membership = observed.membership {
            let placed = Set(members.compactMap { $0.entry?.id })
            for entry in membership.members where !placed.contains(entry.id) {
                let id = String(entry.id, radix: 16)
                let known = previous.first { $0.id == id }
                let name = known?.name ?? (entry.name.isEmpty ? "member-\(id)" : entry.name)
                members.append(MemberView(name: name, process: nil, entry: entry, answer: nil, previous: known))
            }
        } else {
            let placed = Set(members.map(\.name))
            for member in previous where !placed.contains(member.name) && !member.id.isEmpty {
                members.append(MemberView(name: member.name, process: nil, entry: nil, answer: nil, previous: member))
            }
        }
        self.members = members.sorted { $0.name.naturallyPrecedes($1.name) }
        self.membershipKnown = observed.membership != nil
        self.clusterID = observed.membership?.clusterID
        self.leader =
            self.members.first { view in
                guard let answer = view.answer, answer.leader != 0 else { return false }
                return answer.leader == answer.header.memberID
            }?.name
    }

    subscript(name: String) -> MemberView? {
        self.members.first { $0.name == name }
    }

    /// The members that vote: from etcd's list when known; else those the last status knew, or whose data is there.
    var voters: [MemberView] {
        if self.membershipKnown {
            return self.members.filter { $0.entry != nil && !$0.isLearner }
        }
        return self.members.filter { member in
            guard !member.isLearner else { return false }
            return !(member.previous?.id ?? "").isEmpty || member.process?.data == .present
        }
    }

    var learners: [MemberView] {
        self.members.filter { $0.entry != nil && $0.isLearner }
    }

    /// Members of etcd's list.
    var listed: [MemberView] {
        self.members.filter { $0.entry != nil }
    }

    static func quorum(of voters: Int) -> Int {
        voters / 2 + 1
    }

    /// The leader answers, gave its member list, and a majority of voters follows it.
    var isQuorate: Bool {
        guard self.membershipKnown, let leader = self.leader.flatMap({ self[$0] }), let leaderID = leader.answer?.leader else {
            return false
        }
        let voters = self.voters
        let following = voters.filter { $0.isHealthy && $0.answer?.leader == leaderID }
        return following.count >= Self.quorum(of: voters.count)
    }

    /// How many more voters may fail before quorum is lost; negative when it is lost.
    var tolerance: Int {
        let voters = self.voters
        return voters.filter(\.isHealthy).count - Self.quorum(of: voters.count)
    }

    /// The endpoints to send a cluster-wide call to: the leader first, then healthy voters.
    var endpoints: [String] {
        let healthy = self.voters.filter(\.isHealthy)
        let leader = healthy.filter { $0.name == self.leader }
        return (leader + healthy.filter { $0.name != self.leader }).compactMap(\.endpoint)
    }

    /// The highest store revision that any member answered with.
    var revision: Int64 {
        self.members.compactMap { $0.answer?.header.revision }.max() ?? 0
    }
}

extension String {
    /// Orders `orders-2` before `orders-10`.
    func naturallyPrecedes(_ other: String) -> Bool {
        func split(_ name: String) -> (String, Int)? {
            guard let dash = name.lastIndex(of: "-"), let number = Int(name[name.index(after: dash)...]) else { return nil }
            return (String(name[..<dash]), number)
        }
        if let left = split(self), let right = split(other), left.0 == right.0 { return left.1 < right.1 }
        return self < other
    }
}
