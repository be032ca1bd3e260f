internal import Bolt
internal import EtcdWire
internal import Platform
internal import Recovery
internal import Store
internal import WriteAheadLog

/// What is fed with any bytes at all: it reads them or refuses them, and must do no worse. Files that once did stand in
/// `Corpus/`, and are read in the tests.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// A database file, with its meta pages' checksums made right.
    case database
    /// Leaf, branch and freelist pages, behind meta pages that are sound.
    case page
    /// A segment of a log as it is.
    case segment
    /// Records with sound frames and checksums, and anything in them.
    case record
    /// A `.snap` file, with its checksum made right.
    case snap
    /// An entry's request: read, written, described, and applied to a store.
    case request
    /// The first byte names one of the other messages.
    case message
    /// What another member sends: the first byte names the stream, and how its bytes are cut.
    case peer
    /// A client's connection: the first byte names how its bytes are cut.
    case http2
    /// Members, versions and states that are kept as JSON.
    case json

    /// More bytes than this say nothing new.
    public static let limit = 1 << 20

    public func run(_ bytes: [UInt8]) {
        guard bytes.count <= Self.limit else { return }
        switch self {
        case .database: Self.database(bytes)
        case .page: Self.page(bytes)
        case .segment: Self.segment(bytes)
        case .record: Self.record(bytes)
        case .snap: Self.snap(bytes)
        case .request: Self.request(bytes)
        case .message: Self.message(bytes)
        case .peer: Self.peer(bytes)
        case .http2: Self.http2(bytes)
        case .json: Self.json(bytes)
        }
    }

    /// Inputs to begin with, of which each leads somewhere.
    public func seeds() throws -> [[UInt8]] {
        switch self {
        case .database, .page:
            let images = try (0..<4 as Range<UInt64>).map { try DatabaseImage(seed: $0).specimen.bytes }
            return self == .database ? images : images.map { Array($0.dropFirst(8192)) }
        case .segment: return try (0..<4 as Range<UInt64>).flatMap { try LogTarget(seed: $0).specimens.map(\.bytes) }
        case .record: return try Self.recordSeeds()
        case .snap:
            return try (0..<5 as Range<UInt64>).map { seed in
                try SnapshotFile(decoding: SnapTarget(seed: seed).specimens[0].bytes).data
            }
        case .request:
            var random = SeededRandom(seed: 1)
            return Samples.requests(&random).map { $0.encoded() }
        case .message:
            var random = SeededRandom(seed: 1)
            let samples = Samples.stored(&random) + Samples.answers(&random)
            return samples.enumerated().map { [UInt8($0)] + $1.encoded() }
        case .peer: return Self.peerSeeds()
        case .http2: return Self.http2Seeds()
        case .json:
            let member = ClusterMember(id: 7, peerURLs: ["http://h:1"], name: "m", clientURLs: ["http://h:2"])
            let tree = V2Membership(members: [member], removed: [8], clusterVersion: "3.5.0")
            let state = ConfState(voters: [7], learners: [8])
            return [member.json(), tree.json(), state.json(), DowngradeInfo(targetVersion: "3.4", isEnabled: true).json()]
        }
    }

    private static func recordSeeds() throws -> [[UInt8]] {
        let made = try Fabricated(seed: 1, steps: 20, applied: 0)
        var seeds: [[UInt8]] = []
        for start in stride(from: 0, to: made.entries.count, by: 4) {
            let data = made.entries[start..<min(start + 4, made.entries.count)].map { $0.encoded() }
            seeds.append(data.flatMap { [2, UInt8($0.count & 0xFF)] + $0.prefix(255) } + [3, 6, 8, 2, 16, 7, 24, 4])
        }
        return seeds
    }

    // MARK: Databases

    private static let databasePath = "/fuzz/db"

    private static func database(_ bytes: [UInt8]) {
        var bytes = bytes
        // The first page tells how far in the second stands.
        let size = bytes.count >= 28 ? Int(bytes[24]) | Int(bytes[25]) << 8 | Int(bytes[26]) << 16 : 4096
        for start in [0, size] where start + 80 <= bytes.count {
            let sum = FNV1a.checksum(bytes[start + 16..<start + 72])
            for index in 0..<8 { bytes[start + 72 + index] = UInt8(truncatingIfNeeded: sum >> UInt64(index * 8)) }
        }
        self.use(bytes)
    }

    /// Pages of 1024 bytes from page 2 on; the first byte names the root, the second the freelist.
    private static func page(_ bytes: [UInt8]) {
        guard bytes.count >= 2 else { return }
        let pages = max(1, (bytes.count + 1023) / 1024)
        let disk = SimulatedDisk(seed: 1)
        do {
            try disk.makeDirectory("/fuzz")
            try BoltDatabase.open(self.databasePath, disk: disk, options: .init(pageSize: 1024)).close()
            var image = Array(try disk.contents(of: self.databasePath).prefix(2048))
            image += bytes + [UInt8](repeating: 0, count: pages * 1024 - bytes.count)
            for meta in [0, 1024] {
                func put(_ value: UInt64, at: Int) {
                    for index in 0..<8 { image[meta + at + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8)) }
                }
                put(2 + UInt64(bytes[0]) % UInt64(pages), at: 32)
                put(bytes[1] == 0xFF ? .max : 2 + UInt64(bytes[1]) % UInt64(pages), at: 48)
                put(2 + UInt64(pages), at: 56)
                put(FNV1a.checksum(image[meta + 16..<meta + 72]), at: 72)
            }
            self.use(image)
        } catch {
            preconditionFailure("an empty database is made: \(error)")
        }
    }

    /// In every way there is: looked at, walked over, written on, compacted.
    private static func use(_ bytes: [UInt8]) {
        let disk = SimulatedDisk(seed: 1)
        try? disk.makeDirectory("/fuzz")
        guard let file = try? disk.open(self.databasePath, .create), (try? file.write(bytes, at: 0)) != nil else { return }
        try? file.close()
        _ = try? Inspect.run(self.databasePath, disk: disk)
        guard let database = try? BoltDatabase.open(self.databasePath, disk: disk) else { return }
        if let snapshot = try? database.snapshot() {
            for name in (try? snapshot.bucketNames()) ?? [] {
                _ = try? snapshot.value([1], in: name)
                try? snapshot.forEach(in: name, from: [], to: nil) { (_, _) throws(BoltError) in true }
            }
            snapshot.close()
        }
        for round in 0..<2 as Range<UInt8> {
            guard let transaction = try? database.begin() else { break }
            for name in ((try? transaction.bucketNames()) ?? []).prefix(3) {
                try? transaction.put([round, 1], [2], in: name)
                try? transaction.remove([round], in: name)
            }
            _ = try? transaction.createBucketIfMissing([7, round])
            do { try transaction.commit() } catch { transaction.rollback() }
        }
        try? database.defragment(transactionKeys: 50)
        try? database.close()
    }

    // MARK: Logs

    private static func segment(_ bytes: [UInt8]) {
        let disk = SimulatedDisk(seed: 1)
        let path = "/fuzz/\(SegmentName(sequence: 0, index: 0))"
        try? disk.makeDirectory("/fuzz")
        guard let file = try? disk.open(path, .create), (try? file.write(bytes, at: 0)) != nil else { return }
        try? file.close()
        let read = try? LogReader.read("/fuzz", after: WALSnapshot(), disk: disk)
        _ = try? LogReader.survey("/fuzz", disk: disk)
        _ = try? Verify.run("/fuzz", disk: disk)
        _ = try? Restore.run(RestoreRequest(from: ["/fuzz"], to: "/new"), disk: disk)
        let configuration = WALConfiguration(preallocates: false)
        guard let opened = try? WriteAheadLog.open("/fuzz", after: WALSnapshot(), disk: disk, configuration: configuration)
        else { return }
        precondition(read?.entries == opened.1.entries, "what opens a log finds what reads it")
        let next = RaftEntry(term: .max, index: (opened.1.entries.last?.index ?? 0) &+ 1, data: [1])
        guard next.index > 0, (try? opened.0.append([next], HardState(term: .max, vote: 1, commit: 0))) != nil else { return }
        try? opened.0.close()
        let again = try? LogReader.read("/fuzz", after: WALSnapshot(), disk: disk)
        precondition(again?.entries.last == next, "what was appended is read")
    }

    /// A type, a length and as many bytes of data, again and again.
    private static func record(_ bytes: [UInt8]) {
        var segment: [UInt8] = []
        var crc: UInt32 = 0
        func add(_ kind: UInt8, _ data: [UInt8]) {
            crc = kind == 4 ? crc : CRC32C.checksum(data, continuing: crc)
            var writer = ProtoWriter()
            writer.uint64(1, UInt64(kind), always: true)
            writer.uint64(2, UInt64(crc), always: true)
            if kind != 4 { writer.bytes(3, data) }
            let padding = (8 - writer.bytes.count % 8) % 8
            let field = UInt64(writer.bytes.count) | (padding > 0 ? UInt64(0x80 | padding) << 56 : 0)
            for index in 0..<8 { segment.append(UInt8(truncatingIfNeeded: field >> UInt64(index * 8))) }
            segment += writer.bytes + [UInt8](repeating: 0, count: padding)
        }
        add(4, [])
        add(1, WALMetadata(nodeID: 1, clusterID: 2).encoded())
        add(5, WALSnapshot().encoded())
        var rest = bytes[...]
        while rest.count >= 2 {
            let (kind, count) = (rest[rest.startIndex] % 6, Int(rest[rest.startIndex + 1]))
            rest = rest.dropFirst(2)
            add(kind, Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        self.segment(segment)
    }

    private static func snap(_ bytes: [UInt8]) {
        let disk = SimulatedDisk(seed: 1)
        let name = WALSnapshot(index: (try? RaftSnapshot(decoding: bytes))?.metadata.index ?? 1, term: 2)
        let files = SnapshotFiles("/fuzz", disk: disk)
        try? disk.makeDirectory("/fuzz")
        for content in [SnapshotFile(crc: CRC32C.checksum(bytes), data: bytes).encoded(), bytes] {
            var state = RaftSnapshot()
            (state.metadata.index, state.metadata.term) = (name.index, name.term)
            guard (try? files.save(state)) != nil, let path = try? disk.list("/fuzz").first.map({ "/fuzz/\($0)" }) else {
                return
            }
            try? disk.edit(path) { $0 = content }
            if let found = try? files.load(name) {
                precondition(found.metadata.index == name.index, "the state is the one that its name says")
                if let tree = try? V2Membership(json: found.data) {
                    precondition((try? V2Membership(json: tree.json())) == tree, "a tree is read as it was written")
                }
            }
        }
    }

    // MARK: Messages

    private static func request(_ bytes: [UInt8]) {
        self.roundTrip(InternalRaftRequest.self, bytes)
        guard let store = try? AppliedStore() else { return }
        for part in [bytes, Array(bytes.prefix(bytes.count / 2)), bytes] {
            for isChange in [false, true] {
                let problem = store.apply(part, isChange: isChange)
                precondition(problem == nil, problem ?? "")
            }
        }
    }

    private static let messages: [any WireMessage.Type] = {
        var random = SeededRandom(seed: 1)
        let samples = Samples.stored(&random) + Samples.answers(&random) + Samples.requests(&random)
        return samples.map { type(of: $0) } + [
            V2Request.self, TxnRequest.self, Compare.self, RangeRequest.self, WatchRequest.self, LeaseKeepAliveRequest.self,
            MemberAddRequest.self, MemberUpdateRequest.self, AuthRoleGrantPermissionRequest.self, AuthUserAddRequest.self,
            ResponseOp.self, LeaseTimeToLiveResponse.self, MembersResponse.self,
        ]
    }()

    private static func message(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let type = self.messages[Int(first) % self.messages.count]
        self.roundTrip(type, Array(bytes.dropFirst()))
    }

    private static func roundTrip<Message: WireMessage>(_: Message.Type, _ bytes: [UInt8]) {
        do throws(WireError) {
            let encoded = try Message(decoding: bytes).encoded()
            precondition((try? Message(decoding: encoded).encoded()) == encoded, "a message is read as it was written")
        } catch {
            precondition((0...bytes.count).contains(error.offset), "\(error): the place is within the message")
        }
    }

    private static func json(_ bytes: [UInt8]) {
        if let member = try? ClusterMember(json: bytes) {
            precondition((try? ClusterMember(json: member.json())) == member, "a member is read as it was written")
        }
        if let tree = try? V2Membership(json: bytes) {
            precondition((try? V2Membership(json: tree.json())) == tree, "a tree is read as it was written")
        }
        if let state = try? ConfState(json: bytes) {
            precondition((try? ConfState(json: state.json())) == state, "a state is read as it was written")
        }
        if let info = try? DowngradeInfo(json: bytes) {
            precondition((try? DowngradeInfo(json: info.json())) == info, "it is read as it was written")
        }
    }
}
