internal import ClusterAPI
internal import Platform
internal import Runtimes

extension Draft {
    /// Starts every member that belongs to the cluster and does not run. Always safe: a member's own data, or the
    /// cluster's list, says what it is.
    mutating func restartMembers() -> Bool {
        var starts: [MemberStart] = []
        var waiting = false
        for member in self.view.members {
            if member.isHealthy, self.memory.restarts[member.name] != nil { self.memory.restarts[member.name] = nil }
            guard let process = member.process, !member.isRunning, self.belongs(member) else { continue }
            switch process.data {
            case .lost: continue
            case .empty where member.entry == nil: continue
            case .empty, .present: break
            }
            if process.data == .present, let refusal = self.downgradeRefusal {
                self.block("Start \(member.name)", refusal, until: "spec.engine names another")
            } else if self.mayStart(member.name) {
                starts.append(self.memberStart(member.name, self.joinOptions(for: member)))
            } else {
                waiting = true
                let words = process.lastWords.map { ": \($0)" } ?? ""
                self.block("Start \(member.name)", "it ended by itself\(words)", until: "it is started again after a pause")
            }
        }
        if !starts.isEmpty {
            let names = starts.map(\.name).joined(separator: ", ")
            return self.act(.start(members: starts), why: "\(names) should run and does not.", yielding: self.view.isQuorate)
        }
        // Others go on meanwhile, unless there is no quorum to go on with.
        if waiting && !self.view.isQuorate { return self.wait("Waiting to start members again.", for: .milliseconds(500)) }
        return false
    }

    /// Whether a member's process should run: etcd lists it; or, with the list unknown, it has data or was listed last.
    private func belongs(_ member: MemberView) -> Bool {
        if let operation = self.operation, operation.member == member.name {
            switch operation.type {
            case .scaleDown, .replace: return false
            // Its start is a step of its growing.
            case .scaleUp where member.isLearner: return false
            default: break
            }
        }
        if self.view.membershipKnown { return member.entry != nil }
        return member.process?.data == .present || !(member.previous?.id ?? "").isEmpty
    }

    /// Whether the pause after the last start is over; it doubles while a member keeps ending.
    func mayStart(_ name: String) -> Bool {
        guard let attempt = self.memory.restarts[name] else { return true }
        let pause: Duration = attempt.count < 2 ? .milliseconds(500) : .milliseconds(min(500 << min(attempt.count, 6), 30_000))
        return attempt.last + pause <= self.now
    }
}
