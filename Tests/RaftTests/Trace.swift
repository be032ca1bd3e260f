import EtcdWire
import Raft

/// How the traces of scenarios word things. A place in the log is written `term.index`.
enum Trace {
    static func entry(_ entry: RaftEntry) -> String {
        let place = "\(entry.term).\(entry.index)"
        switch entry.kind {
        case .normal: return entry.data.isEmpty ? place : "\(place) \"\(String(decoding: entry.data, as: UTF8.self))\""
        case .confChange:
            guard let change = try? ConfChange(decoding: entry.data) else { return "\(place) change?" }
            return "\(place) change \(self.change(change.kind, change.nodeID))"
        case .confChangeV2:
            guard let change = try? ConfChangeV2(decoding: entry.data) else { return "\(place) changes?" }
            if change.changes.isEmpty { return "\(place) leave" }
            let words = change.changes.map { self.change($0.kind, $0.nodeID) }.joined(separator: " ")
            return "\(place) changes \(words)" + (change.transition == .auto ? "" : " \(change.transition)")
        }
    }

    private static func change(_ kind: ConfChange.Kind, _ id: UInt64) -> String {
        switch kind {
        case .addNode: "+\(id)"
        case .removeNode: "-\(id)"
        case .addLearnerNode: "~\(id)"
        case .updateNode: "!\(id)"
        }
    }

    static func entries(_ entries: ArraySlice<RaftEntry>) -> String {
        entries.map(self.entry).joined(separator: ", ")
    }

    static func snapshot(_ snapshot: RaftSnapshot) -> String {
        let metadata = snapshot.metadata
        return "snapshot at \(metadata.term).\(metadata.index) of \(self.configuration(metadata.confState))"
    }

    static func configuration(_ state: ConfState) -> String {
        func list(_ ids: [UInt64]) -> String { ids.map { "\($0)" }.joined(separator: " ") }
        var words = "(\(list(state.voters)))"
        if !state.votersOutgoing.isEmpty { words += "&(\(list(state.votersOutgoing)))" }
        if !state.learners.isEmpty { words += " learners (\(list(state.learners)))" }
        if !state.learnersNext.isEmpty { words += " then learners (\(list(state.learnersNext)))" }
        if state.autoLeave { words += " to be left by itself" }
        return words
    }

    static func who(_ id: UInt64) -> String {
        switch id {
        case RaftNode.appendStorage: "log"
        case RaftNode.applyStorage: "state"
        default: "\(id)"
        }
    }

    static func message(_ message: RaftMessage) -> String {
        var text = "\(self.who(message.from))→\(self.who(message.to)) \(message.kind)"
        if message.term != 0 { text += " t\(message.term)" }
        if message.reject { text += " no" }
        if message.index != 0 { text += message.logTerm == 0 ? " \(message.index)" : " \(message.logTerm).\(message.index)" }
        if message.reject, message.kind == .appendResponse { text += " hint \(message.rejectHint)" }
        if message.vote != 0 { text += " vote \(message.vote)" }
        if message.commit != 0 { text += " commit \(message.commit)" }
        if !message.context.isEmpty {
            let number = message.kind == .heartbeat || message.kind == .heartbeatResponse
            text += number ? " read \(message.context[0])" : " \(String(decoding: message.context, as: UTF8.self))"
        }
        if !message.entries.isEmpty { text += " [\(self.entries(message.entries))]" }
        if let snapshot = message.snapshot { text += " \(self.snapshot(snapshot))" }
        return text
    }

    static func progress(_ progress: RaftStatus.Progress) -> String {
        var text = "\(progress.id): \(progress.state.rawValue), match \(progress.match), next \(progress.next)"
        if progress.isLearner { text += ", learner" }
        if progress.isPaused { text += ", paused" }
        if progress.pendingSnapshot != 0 { text += ", snapshot \(progress.pendingSnapshot)" }
        if !progress.isRecentlyActive { text += ", silent" }
        if progress.inflight > 0 { text += ", \(progress.inflight) in flight\(progress.inflightIsFull ? ", full" : "")" }
        return text
    }

    /// What a ready asks of a member, a line for each kind of work.
    static func ready(_ ready: Ready, of id: UInt64) -> [String] {
        var lines: [String] = []
        if let state = ready.softState { lines.append("\(id) is \(state.role.rawValue), leader \(state.leader)") }
        var stored: [String] = []
        if let state = ready.hardState { stored.append("term \(state.term) vote \(state.vote) commit \(state.commit)") }
        if let snapshot = ready.snapshot { stored.append(self.snapshot(snapshot)) }
        if !ready.entries.isEmpty { stored.append("[\(self.entries(ready.entries))]") }
        if !stored.isEmpty {
            lines.append("\(id) stores \(stored.joined(separator: ", "))\(ready.mustSync ? ", durably" : "")")
        }
        for read in ready.readStates {
            lines.append("\(id) may read \(String(decoding: read.context, as: UTF8.self)) at \(read.index)")
        }
        if !ready.committedEntries.isEmpty { lines.append("\(id) applies [\(self.entries(ready.committedEntries))]") }
        lines += (ready.messages + ready.messagesAfterAppend).map(self.message)
        return lines.isEmpty ? ["\(id) has nothing to do"] : lines
    }
}
