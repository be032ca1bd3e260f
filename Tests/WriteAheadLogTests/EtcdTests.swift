import EtcdWire
import Platform
import TestSupport
import Testing

@testable import WriteAheadLog

/// Logs that etcd itself wrote, and etcd on logs written here.
@Suite(.serialized) struct EtcdTests {
    private static let disk = RealDisk()

    private static func contents(_ path: String) throws -> [UInt8] {
        let file = try self.disk.open(path, .read)
        return try file.read(at: 0, count: Int(try file.size()))
    }

    /// A member with several snapshots in its log.
    private static func member(_ version: EtcdVersion) async throws -> EtcdProcess {
        let member = try await EtcdProcess.start(try EtcdBinary.find(version), extra: ["--snapshot-count=5"])
        for number in 0..<20 { try await member.etcdctl("put", "key\(number % 9)", "value\(number)") }
        return member
    }

    /// Requests of every kind that a member of one takes.
    private static func fill(_ member: EtcdProcess) async throws {
        try await member.etcdctl("del", "key1")
        try await member.etcdctl("compaction", "5")
        let lease = try await member.etcdctl("lease", "grant", "600").split(separator: " ")[1]
        try await member.etcdctl("put", "leased", "value", "--lease=\(lease)")
        try await member.etcdctl("lease", "revoke", "\(lease)")
        try await member.etcdctl("role", "add", "reader")
        try await member.etcdctl("role", "grant-permission", "reader", "read", "key", "--prefix")
        try await member.etcdctl("user", "add", "ann", "--no-password")
        try await member.etcdctl("user", "add", "bob:secret")
        try await member.etcdctl("user", "grant-role", "ann", "reader")
        try await member.etcdctl("user", "revoke-role", "ann", "reader")
        try await member.etcdctl("role", "revoke-permission", "reader", "key", "--prefix")
        try await member.etcdctl("user", "delete", "bob")
        try await member.etcdctl("role", "delete", "reader")
        try await member.etcdctl("user", "add", "root:secret")
        try await member.etcdctl("user", "grant-role", "root", "root")
        try await member.etcdctl("auth", "enable")
        try await member.etcdctl("--user=root:secret", "put", "authenticated", "value")
        try await member.etcdctl("--user=root:secret", "auth", "disable")
        try await member.etcdctl("alarm", "list")
        let added = try await member.etcdctl("member", "add", "other", "--learner", "--peer-urls=http://127.0.0.1:1")
        try await member.etcdctl("member", "remove", "\(added.split(separator: " ")[1])")
    }

    private static func wal(_ member: EtcdProcess) -> String { "\(member.dataDirectory)/member/wal" }

    private static func files(_ member: EtcdProcess) -> SnapshotFiles {
        SnapshotFiles("\(member.dataDirectory)/member/snap", disk: self.disk)
    }

    // MARK: etcd's logs, read here

    @Test(arguments: EtcdVersion.enabled) func itsLogIsReadRight(_ version: EtcdVersion) async throws {
        let member = try await Self.member(version)
        try await Self.fill(member)
        member.kill()
        let wal = Self.wal(member)
        let survey = try LogReader.survey(wal, disk: Self.disk)
        #expect(survey.findings == [] && survey.missing == [])
        let metadata = try #require(survey.metadata)
        #expect(metadata.nodeID != 0 && metadata.clusterID != 0 && survey.state.vote == metadata.nodeID)
        #expect(survey.snapshots.count >= 4 && survey.snapshots[0] == WALSnapshot())
        let voters = version == .v34 ? nil : ConfState(voters: [metadata.nodeID])
        #expect(survey.snapshots.dropFirst().allSatisfy { $0.confState == voters })

        var cursor = try LogReader.entries(wal, after: 0, disk: Self.disk)
        let entries = try cursor.rest()
        #expect(entries.map(\.index) == Array(1...survey.lastIndex))
        for snapshot in survey.validSnapshots {
            let contents = try LogReader.read(wal, after: snapshot, disk: Self.disk)
            #expect(contents.entries == Array(entries.dropFirst(Int(snapshot.index))))
        }
        let kinds = Set(try entries.map(Self.checkedKind))
        let expected: Set<String> = [
            "nothing", "add member", "v2", "put", "delete", "compact", "grant lease", "revoke lease", "add role",
            "grant role", "add user", "revoke role", "revoke from", "delete user", "delete role", "enable auth",
            "authenticate user", "disable auth", "list alarms", "add learner", "remove member",
        ]
        #expect(kinds.isSuperset(of: expected), "missing: \(expected.subtracting(kinds).sorted())")

        // Its bytes are what this log would have written: the same frames, one after another.
        let bytes = try Self.contents("\(wal)/\(SegmentName(sequence: 0, index: 0))")
        let records = StoredRecord.all(bytes)
        var (crc, again): (UInt32, [UInt8]) = (0, [])
        for record in records { Frame.append(record.kind, record.data, crc: &crc, to: &again) }
        #expect(again.elementsEqual(bytes[..<(records.last?.end ?? 0)]) && bytes.count == 64_000_000)
    }

    /// The first words of what an entry does, after a check that encoding it again gives its own bytes.
    private static func checkedKind(_ entry: RaftEntry) throws -> String {
        let content = try EntryContent(entry)
        let encoded: [UInt8] =
            switch content {
            case .nothing: []
            case .request(let request): request.encoded()
            case .v2(let request): request.encoded()
            case .confChange(let change): change.encoded()
            case .confChangeV2(let change): change.encoded()
            }
        #expect(encoded == entry.data, "\(content.summary)")
        let words = content.summary.split(separator: " ")
        return ["put", "delete", "v2", "nothing", "compact"].contains(words[0]) && !["user", "role"].contains(words[1])
            ? String(words[0]) : "\(words[0]) \(words[1])"
    }

    @Test(arguments: EtcdVersion.enabled) func itsSnapshotFilesAreReadAndWrittenRight(_ version: EtcdVersion) async throws {
        let member = try await Self.member(version)
        member.kill()
        let contents = try LogReader.read(Self.wal(member), disk: Self.disk)
        let files = Self.files(member)
        let newest = try files.newest(of: contents.validSnapshots)
        #expect(newest.problems == [] && newest.snapshot == contents.validSnapshots.last)
        let copies = SnapshotFiles("\(member.directory.path)/copies", disk: Self.disk)
        try Self.disk.makeDirectory(copies.directory)
        for snapshot in try files.list() {
            let state = try files.load(snapshot)
            #expect(String(decoding: state.data.prefix(9), as: UTF8.self) == #"{"Root":{"#)
            #expect(state.metadata.confState.voters.count == 1)
            try copies.save(state)
            #expect(try Self.contents(copies.path(snapshot)) == Self.contents(files.path(snapshot)))
        }
        #expect(try copies.list().count >= 3)

        // With the newest damaged, the one before it does.
        let damaged = try #require(newest.snapshot)
        let file = try Self.disk.open(files.path(damaged), .readWrite)
        try file.write([0xFF], at: 200)
        let older = try files.newest(of: contents.validSnapshots)
        #expect(older.snapshot == contents.validSnapshots.dropLast().last)
        #expect(older.problems.map(\.snapshot) == [damaged] && older.problems[0].error.path == files.path(damaged))
        try files.moveAside(damaged)
        #expect(try !files.list().contains { $0.index == damaged.index })
        try member.start()
        try await member.waitUntilHealthy()
    }

    /// A member that joins a restored cluster is sent a snapshot: its log begins after it.
    @Test(arguments: EtcdVersion.enabled) func aLogThatBeginsWithALeadersSnapshot(_ version: EtcdVersion) async throws {
        let binary = try EtcdBinary.find(version)
        let source = try await EtcdProcess.start(binary)
        try await source.etcdctl("put", "key", "value")
        let snapshot = "\(source.directory.path)/snapshot"
        try await source.etcdctl("snapshot", "save", snapshot)
        source.kill()
        let ports = try Loopback.freePorts(4)
        let leader = try EtcdProcess(binary, name: "leader", ports: Array(ports[..<2]))
        let url = "leader=\(leader.peerURL)"
        let output = try await Command.run(
            version == .v34 ? binary.etcdctl : binary.etcdutl,
            [
                "snapshot", "restore", snapshot, "--data-dir=\(leader.dataDirectory)", "--name=leader",
                "--initial-cluster=\(url)", "--initial-advertise-peer-urls=\(leader.peerURL)",
            ])
        #expect(output.status == 0, "\(output.text)")
        try leader.start()
        try await leader.waitUntilHealthy()
        for number in 0..<5 { try await leader.etcdctl("put", "key\(number)", "value") }
        let joiner = try EtcdProcess(binary, name: "joiner", ports: Array(ports[2...]), cluster: [url], isJoining: true)
        try await leader.etcdctl("member", "add", "joiner", "--peer-urls=\(joiner.peerURL)")
        try joiner.start()
        try await joiner.waitUntilHealthy()
        for number in 0..<5 { try await joiner.etcdctl("put", "key\(number)", "again") }
        leader.kill()
        joiner.kill()

        let survey = try LogReader.survey(Self.wal(joiner), disk: Self.disk)
        #expect(survey.findings == [] && survey.snapshots.count == 2)
        let base = try #require(survey.snapshots.last)
        #expect(base.index > 1 && survey.firstIndex == base.index + 1 && survey.lastIndex > survey.firstIndex)
        var (ours, theirs) = (
            try LogReader.entries(Self.wal(joiner), after: base.index, disk: Self.disk),
            try LogReader.entries(Self.wal(leader), after: base.index, disk: Self.disk)
        )
        let entries = try ours.rest()
        #expect(entries.count == Int(survey.lastIndex - base.index))
        let common = min(entries.count, Int(survey.state.commit - base.index))
        #expect(common >= 5)
        #expect(try theirs.rest().prefix(common) == entries[..<common])
        do throws(WALError) {
            _ = try LogReader.entries(Self.wal(joiner), after: 0, disk: Self.disk)
            Issue.record("entries that only the leader has")
        } catch {
            #expect(error.code == .gap && error.message.contains("entries 1 to \(base.index) are missing"))
        }
        #expect(try Self.files(joiner).newest(of: survey.validSnapshots).snapshot == base)
    }

    // MARK: Locks

    @Test(arguments: EtcdVersion.enabled) func aRunningMembersLogIsLocked(_ version: EtcdVersion) async throws {
        let member = try await Self.member(version)
        let wal = Self.wal(member)
        func open() throws(WALError) -> WriteAheadLog {
            let contents = try LogReader.read(wal, disk: Self.disk)
            return try WriteAheadLog.open(wal, after: contents.validSnapshots.last ?? WALSnapshot(), disk: Self.disk).log
        }
        do throws(WALError) {
            _ = try open()
            Issue.record("opened the log of a member that runs")
        } catch {
            #expect(error.code == .locked)
        }
        // Reading needs no lock. What it is just writing may look torn.
        let survey = try await poll(within: .seconds(10), "the log is read while its member runs") {
            let survey = try LogReader.survey(wal, disk: Self.disk)
            return survey.findings.isEmpty ? survey : nil
        }
        #expect(survey.lastIndex > 20)
        member.kill()
        let log = try open()
        try member.start()
        do {
            try await member.waitUntilHealthy()
            Issue.record("a member runs on a log that is open here")
        } catch is TestSupportError {
            #expect(member.log.contains("already locked"))
        }
        try log.close()
        try member.start()
        try await member.waitUntilHealthy()
    }

    // MARK: etcd on logs written here

    @Test(arguments: EtcdVersion.enabled) func itGoesOnWhereThisLogEnds(_ version: EtcdVersion) async throws {
        let member = try await Self.member(version)
        let wal = Self.wal(member)
        /// Appends entries that say nothing, over a cut.
        func append(_ sizes: [Int]) throws -> UInt64 {
            let summary = try LogReader.read(wal, disk: Self.disk)
            let start = try #require(summary.validSnapshots.last)
            let (log, contents) = try WriteAheadLog.open(wal, after: start, disk: Self.disk)
            var state = contents.state
            var index = contents.lastIndex
            for size in sizes {
                index += 1
                let range = RangeRequest(key: [UInt8](repeating: 0x61, count: size), serializable: true)
                let data = size == 0 ? [] : InternalRaftRequest(operation: .range(range)).encoded()
                if size == 0 { try log.cut() }
                state.commit = size == 0 ? index : state.commit
                try log.append([RaftEntry(term: state.term, index: index, data: data)], state)
            }
            try log.close()
            return index
        }
        member.kill()
        let last = try append([0, 0])
        try member.start()
        try await member.waitUntilHealthy()
        try await member.etcdctl("put", "after", "that")
        let survey = try LogReader.survey(wal, disk: Self.disk)
        #expect(survey.findings == [] && survey.segments.count == 3 && survey.lastIndex > last)

        // A torn write: cut by etcd, and the next one here. Each then goes on.
        for isRepairedHere in [false, true] {
            member.kill()
            let index = try append([3000])
            let newest = try #require(try LogReader.segments(wal, disk: Self.disk).last)
            let path = "\(wal)/\(newest)"
            let record = try #require(StoredRecord.all(try Self.contents(path)).last { $0.kind == .entry })
            let file = try Self.disk.open(path, .readWrite)
            let sector = Int64((record.offset / 512 + 2) * 512)
            try file.write([UInt8](repeating: 0, count: 512), at: sector)
            try file.close()
            let torn = try LogReader.survey(wal, disk: Self.disk)
            #expect(torn.end == .torn(file: path, offset: Int64(record.offset)) && torn.lastIndex == index - 1)
            if isRepairedHere { #expect(try WriteAheadLog.repair(wal, disk: Self.disk) == torn.end) }
            try member.start()
            try await member.waitUntilHealthy()
            #expect(try Self.disk.stat(path + ".broken") != nil)
            try Self.disk.remove(path + ".broken")
            try await member.etcdctl("put", "after", "a torn write")
        }
    }

    /// What a restore writes, from the same members, record by record and byte by byte.
    @Test(arguments: EtcdVersion.enabled) func aRestoredMembersFiles(_ version: EtcdVersion) async throws {
        let member = try await EtcdProcess.start(try EtcdBinary.find(version))
        let (snapshot, restored) = ("\(member.directory.path)/snapshot", "\(member.directory.path)/restored")
        try await member.etcdctl("put", "key", "value")
        try await member.etcdctl("snapshot", "save", snapshot)
        let output = try await Command.run(
            version == .v34 ? member.binary.etcdctl : member.binary.etcdutl,
            [
                "snapshot", "restore", snapshot, "--data-dir=\(restored)", "--name=b",
                "--initial-cluster=a=http://127.0.0.1:1,b=http://127.0.0.1:2,c=http://127.0.0.1:3",
                "--initial-advertise-peer-urls=http://127.0.0.1:2", "--initial-cluster-token=again",
            ])
        #expect(output.status == 0, "\(output.text)")
        let theirs = "\(restored)/member/wal"
        let contents = try LogReader.read(theirs, after: WALSnapshot(), disk: Self.disk)
        #expect(contents.entries.count == 3 && contents.state.commit == 3 && contents.snapshots.count == 2)

        let ours = "\(member.directory.path)/forged/member"
        try Self.disk.makeDirectory("\(ours)/snap")
        let log = try WriteAheadLog.create("\(ours)/wal", metadata: contents.metadata, disk: Self.disk)
        let ids = try contents.entries.map { entry in
            guard case .confChange(let change) = try EntryContent(entry) else { return UInt64(0) }
            return change.nodeID
        }
        #expect(ids == ids.sorted())
        #expect(ids.contains(try WALMetadata(decoding: contents.metadata).nodeID))
        try log.append(contents.entries, HardState(term: 1, vote: ids[0], commit: 3))
        let confState = ConfState(voters: ids)
        try log.append(WALSnapshot(index: 3, term: 1, confState: version == .v34 ? nil : confState))
        try log.close()
        let name = "\(SegmentName(sequence: 0, index: 0))"
        #expect(try Self.contents("\(ours)/wal/\(name)") == Self.contents("\(theirs)/\(name)"))

        let files = SnapshotFiles("\(restored)/member/snap", disk: Self.disk)
        let state = try files.load(WALSnapshot(index: 3, term: 1))
        #expect(state.metadata == RaftSnapshotMetadata(confState: confState, index: 3, term: 1))
        let copies = SnapshotFiles("\(ours)/snap", disk: Self.disk)
        try copies.save(RaftSnapshot(data: state.data, metadata: state.metadata))
        let path = copies.path(WALSnapshot(index: 3, term: 1))
        #expect(try Self.contents(path) == Self.contents(files.path(WALSnapshot(index: 3, term: 1))))
    }
}
