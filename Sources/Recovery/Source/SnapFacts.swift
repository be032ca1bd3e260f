public import EtcdWire
internal import Platform
internal import Store
internal import WriteAheadLog

/// A `.snap` file: how far the log had come, and who the members were.
public struct SnapFacts: Sendable, Hashable {
    public var path: String
    public var index: UInt64
    public var term: UInt64
    public var confState: ConfState?
    /// Ids of the members in the older store within it.
    public var members: [UInt64] = []

    init(path: String, index: UInt64, term: UInt64) {
        (self.path, self.index, self.term) = (path, index, term)
    }
}

enum SnapWalk {
    /// Reads all `.snap` files of a directory.
    static func run(_ directory: String, disk: any Disk) throws(RecoveryError) -> (snaps: [SnapFacts], findings: [Finding]) {
        let files = SnapshotFiles(directory, disk: disk)
        var snaps: [SnapFacts] = []
        var findings: [Finding] = []
        do throws(WALError) {
            for name in try files.list() {
                var facts = SnapFacts(path: Self.path(directory, name), index: name.index, term: name.term)
                do throws(WALError) {
                    let snapshot = try files.load(name)
                    facts.confState = snapshot.metadata.confState
                    facts.members = try Self.members(snapshot.data, of: facts.path)
                    if let what = Self.contradiction(facts) { findings.append(Finding(facts.path, at: 0, what)) }
                } catch {
                    guard error.code != .disk else { throw error }
                    findings.append(Finding(RecoveryError(error)))
                }
                snaps.append(facts)
            }
        } catch {
            throw RecoveryError(error)
        }
        return (snaps, findings)
    }

    private static func path(_ directory: String, _ name: WALSnapshot) -> String {
        func padded(_ value: UInt64) -> String {
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return "\(directory)/\(padded(name.term))-\(padded(name.index)).snap"
    }

    private static func contradiction(_ facts: SnapFacts) -> String? {
        guard let state = facts.confState, !facts.members.isEmpty else { return nil }
        let known = Set(state.voters + state.learners + state.learnersNext + state.votersOutgoing)
        let missing = facts.members.first { !known.contains($0) } ?? known.sorted().first { !facts.members.contains($0) }
        return missing.map { "its members and its confState differ in \(hexadecimal($0))" }
    }

    /// The members in the tree of the older store.
    private static func members(_ json: [UInt8], of path: String) throws(WALError) -> [UInt64] {
        // From 3.6 on there may be none.
        guard !json.isEmpty else { return [] }
        do throws(StoreError) {
            return try V2Membership(json: json).members.map(\.id)
        } catch {
            throw WALError(.corrupt, path, at: 0, error.message)
        }
    }
}
