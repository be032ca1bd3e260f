internal import EtcdWire
internal import Platform
internal import Recovery
internal import Store
internal import WriteAheadLog

/// A `.snap` file: its checksum is over all of it.
public struct SnapTarget: MutationTarget {
    public static let name = "snap"
    public static let share = 150

    private let disk: SimulatedDisk
    private let path: String
    private let snapshot: RaftSnapshot
    private let files: SnapshotFiles
    public let specimens: [Specimen]

    public init(seed: UInt64) throws {
        self.disk = SimulatedDisk(seed: seed)
        try self.disk.makeDirectory("/snap")
        self.files = SnapshotFiles("/snap", disk: self.disk)
        let members = (1...1 + seed % 4).map { number in
            ClusterMember(id: number, peerURLs: ["http://127.0.0.1:\(number)"], name: "m\(number)", clientURLs: ["http://h:1"])
        }
        let tree = V2Membership(members: members, removed: [77], clusterVersion: "3.5.0")
        let state = ConfState(voters: members.map(\.id))
        // From 3.6 on there is no tree.
        self.snapshot = RaftSnapshot(
            data: seed % 5 == 4 ? [] : tree.json(),
            metadata: RaftSnapshotMetadata(confState: state, index: 1000 + seed, term: 2))
        try self.files.save(self.snapshot)
        self.path = "/snap/\(try self.disk.list("/snap")[0])"
        self.specimens = [Specimen(try self.disk.contents(of: self.path), marks: [0, 6])]
    }

    public func verdict(of bytes: [UInt8], for specimen: Int, _ mutation: Mutation) -> Verdict {
        do {
            try self.disk.edit(self.path) { $0 = bytes }
            let name = WALSnapshot(index: self.snapshot.metadata.index, term: self.snapshot.metadata.term)
            return try self.files.load(name) == self.snapshot ? .same : .wrong("another state is read")
        } catch let error as WALError {
            return .refused(file: error.path, offset: error.offset)
        } catch {
            return .wrong("\(error)")
        }
    }
}
