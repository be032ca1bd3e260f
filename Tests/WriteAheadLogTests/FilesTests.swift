import EtcdWire
import Platform
import Synchronization
import Testing

@testable import WriteAheadLog

@Suite struct SnapshotFilesTests {
    private static func snapshot(_ index: UInt64) -> WALSnapshot { WALSnapshot(index: index, term: 2) }

    /// States at 10, 20 and 30.
    private func files(_ disk: SimulatedDisk = SimulatedDisk(seed: 1)) throws -> SnapshotFiles {
        try disk.makeDirectory("/snap")
        let files = SnapshotFiles("/snap", disk: disk)
        for index in [UInt64(20), 10, 30] {
            let metadata = RaftSnapshotMetadata(confState: ConfState(voters: [1]), index: index, term: 2)
            try files.save(RaftSnapshot(data: Array("state \(index)".utf8), metadata: metadata))
        }
        return files
    }

    private let candidates = [WALSnapshot(), snapshot(10), snapshot(20), snapshot(30)]

    @Test func theNewestThatTheLogNames() throws {
        let files = try self.files()
        #expect(try files.list() == [10, 20, 30].map(Self.snapshot))
        let newest = try files.newest(of: self.candidates)
        #expect(newest.snapshot == Self.snapshot(30) && newest.problems.isEmpty)
        #expect(newest.state?.data == Array("state 30".utf8))
        // A state that the log does not name, or names with another term, was never begun to be used.
        #expect(try files.newest(of: self.candidates.dropLast()).snapshot?.index == 20)
        let other = try files.newest(of: [Self.snapshot(10), WALSnapshot(index: 20, term: 1)])
        #expect(other.snapshot?.index == 10 && other.problems.map(\.error.code) == [.notFound])
        #expect(try files.newest(of: []) == SnapshotFiles.Newest(snapshot: nil, state: nil, problems: []))
    }

    @Test func everyByteOfAStateFlipped() throws {
        let disk = SimulatedDisk(seed: 1)
        let files = try self.files(disk)
        let path = files.path(Self.snapshot(30))
        let whole = try files.newest(of: self.candidates)
        var harmless = 0
        for offset in 0..<(try disk.contents(of: path).count) {
            for bit in 0..<8 {
                try disk.flip(1 << UInt8(bit), at: offset, of: path)
                let newest = try files.newest(of: self.candidates)
                // The checksum's own encoding has bits that count for nothing.
                if newest == whole {
                    harmless += 1
                } else {
                    #expect(newest.snapshot?.index == 20, "byte \(offset), bit \(bit)")
                    #expect(newest.problems.map(\.error.path) == [path] && newest.problems[0].error.code == .corrupt)
                }
                try disk.flip(1 << UInt8(bit), at: offset, of: path)
            }
        }
        #expect(harmless <= 3)
    }

    @Test func theBeginningDoesWithoutAState() throws {
        let disk = SimulatedDisk(seed: 1)
        let files = try self.files(disk)
        for index in [UInt64(10), 20, 30] { try files.moveAside(Self.snapshot(index)) }
        #expect(try files.list().isEmpty)
        let newest = try files.newest(of: self.candidates)
        #expect(newest.snapshot == WALSnapshot() && newest.state == nil && newest.problems.count == 3)
        #expect(try files.newest(of: Array(self.candidates.dropFirst())).snapshot == nil)
        #expect(try disk.list("/snap").allSatisfy { $0.hasSuffix(".snap.broken") })
    }

    @Test func purgingKeepsTheNewest() throws {
        let disk = SimulatedDisk(seed: 1)
        let files = try self.files(disk)
        for index in [UInt64(7), 300, 20] { try disk.open(files.receivedDatabasePath(index), .createNew).close() }
        try disk.open("/snap/db", .createNew).close()
        try disk.open("/snap/000000000000001.snap.db", .createNew).close()
        #expect(try files.receivedDatabases() == [7, 20, 300])
        try files.purge(keeping: 2)
        #expect(try files.list().map(\.index) == [20, 30])
        #expect(try files.receivedDatabases() == [20, 300])
        try files.purge(before: 30)
        #expect(try files.list().map(\.index) == [30])
        #expect(try disk.list("/snap").contains("db"))
        #expect(try disk.list("/snap").contains("000000000000001.snap.db"))
    }
}

@Suite struct UpkeepTests {
    @Test func purgingKeepsSoManySegments() throws {
        var workload = LogWorkload(seed: 3)
        workload.run(batches: 60, seed: 3, purges: false)
        let names = try LogReader.segments(LogWorkload.directory, disk: workload.disk)
        let newest = try #require(try LogReader.read(LogWorkload.directory, disk: workload.disk).validSnapshots.last)
        let (log, _) = try WriteAheadLog.open(
            LogWorkload.directory, after: WALSnapshot(), disk: workload.disk, configuration: workload.configuration)
        try log.purge(before: newest.index, keeping: 5)
        #expect(try LogReader.segments(LogWorkload.directory, disk: workload.disk) == names.suffix(5))
        try log.purge(before: newest.index, keeping: 50)
        try log.purge(before: 0)
        #expect(log.segmentCount == 5)
        try log.close()
        #expect(workload.problem(after: workload.disk) == nil)
    }

    /// A torn tail is cut by a repair alone, and by nothing else; after a crash at any point of it, by the next.
    @Test func repairing() throws {
        let disk = SimulatedDisk(seed: 4)
        let log = try WriteAheadLog.create("/wal", metadata: [1], disk: disk, configuration: .small)
        let entries = (1...2).map { RaftEntry(term: 1, index: UInt64($0), data: [UInt8](repeating: 9, count: 2000)) }
        try log.append([entries[0]], HardState(term: 1, vote: 1, commit: 0))
        disk.ignoreSyncs()
        try log.append([entries[1]], HardState(term: 1, vote: 1, commit: 1))
        let path = "/wal/\(SegmentName(sequence: 0, index: 0))"
        let whole = try #require(StoredRecord.all(try disk.contents(of: path)).last { $0.kind == .entry })
        let torn = LogEnd.torn(file: path, offset: Int64(whole.offset))
        let total = disk.afterCrash(.lastWriteTorn)
        let end = try LogReader.survey("/wal", disk: total, configuration: .small).end
        #expect(end == torn, "the metadata is not etcd's, which is no reason to stop")
        #expect(try WriteAheadLog.repair("/wal", disk: total, configuration: .small) == torn)
        #expect(try WriteAheadLog.repair("/wal", disk: total, configuration: .small) == .clean)
        for operation in 0..<total.operationCount {
            let disk = disk.afterCrash(.lastWriteTorn)
            disk.stop(after: operation)
            _ = try? WriteAheadLog.repair("/wal", disk: disk, configuration: .small)
            for again in disk.crashStates() {
                let end = try WriteAheadLog.repair("/wal", disk: again.disk, configuration: .small)
                #expect(end == .clean || end == torn, "\(operation), \(again.kind): \(end)")
                let found = try LogReader.read("/wal", after: WALSnapshot(), disk: again.disk)
                #expect(found.entries == [entries[0]], "\(operation), \(again.kind)")
            }
        }
    }

    @Test func aGapIsToldOf() throws {
        let log = try ReplacingLog(seed: 2, batches: 30, joinsAt: 500)
        do throws(WALError) {
            _ = try LogReader.entries(ReplacingLog.directory, after: 40, disk: log.disk)
            Issue.record("entries across a gap")
        } catch {
            #expect(error.code == .gap && error.offset != nil)
            #expect(error.message == "entries 41 to 500 are missing: the log goes on with 501")
        }
    }

    /// However long the log, no more than a window of it is asked for at once.
    @Test func readingTakesLittleMemory() throws {
        let disk = ReadSizes(disk: SimulatedDisk(seed: 1))
        let configuration = WALConfiguration(segmentBytes: 3 << 20)
        let log = try WriteAheadLog.create("/wal", metadata: WALMetadata().encoded(), disk: disk, configuration: configuration)
        let data = [UInt8](repeating: 1, count: 100_000)
        for index in UInt64(1)...70 { try log.append([RaftEntry(term: 1, index: index, data: data)]) }
        #expect(log.segmentCount == 3)
        try log.close()
        var entries = try LogReader.entries("/wal", after: 0, disk: disk)
        #expect(try entries.rest().count == 70)
        #expect(try LogReader.survey("/wal", disk: disk).entryRecords == 70)
        #expect(disk.largest.value <= FileWindow.chunk)
        let long = [UInt8](repeating: 1, count: 2_000_000)
        let (again, _) = try WriteAheadLog.open("/wal", after: WALSnapshot(), disk: disk, configuration: configuration)
        try again.append([RaftEntry(term: 1, index: 71, data: long)])
        try again.close()
        var rest = try LogReader.entries("/wal", after: 70, disk: disk)
        #expect(try rest.next()?.data == long && rest.next() == nil)
    }
}

/// A disk that notes how much is read at once.
private struct ReadSizes: Disk {
    final class Largest: Sendable {
        private let sizes = Mutex(0)
        var value: Int { self.sizes.withLock { $0 } }
        func note(_ size: Int) { self.sizes.withLock { $0 = max($0, size) } }
    }

    final class File: DiskFile {
        private let file: any DiskFile
        private let largest: Largest

        init(file: any DiskFile, largest: Largest) { (self.file, self.largest) = (file, largest) }

        var path: String { self.file.path }
        func read(at offset: Int64, count: Int) throws(DiskError) -> [UInt8] {
            self.largest.note(count)
            return try self.file.read(at: offset, count: count)
        }
        func size() throws(DiskError) -> Int64 { try self.file.size() }
        func write(_ bytes: [UInt8], at offset: Int64) throws(DiskError) { try self.file.write(bytes, at: offset) }
        func truncate(to size: Int64) throws(DiskError) { try self.file.truncate(to: size) }
        func allocate(to size: Int64) throws(DiskError) { try self.file.allocate(to: size) }
        func sync() throws(DiskError) { try self.file.sync() }
        func tryLock() throws(DiskError) -> Bool { try self.file.tryLock() }
        func close() throws(DiskError) { try self.file.close() }
    }

    let disk: SimulatedDisk
    let largest = Largest()

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        File(file: try self.disk.open(path, mode), largest: self.largest)
    }
    func rename(_ from: String, to: String) throws(DiskError) { try self.disk.rename(from, to: to) }
    func remove(_ path: String) throws(DiskError) { try self.disk.remove(path) }
    func makeDirectory(_ path: String) throws(DiskError) { try self.disk.makeDirectory(path) }
    func syncDirectory(_ path: String) throws(DiskError) { try self.disk.syncDirectory(path) }
    func list(_ path: String) throws(DiskError) -> [String] { try self.disk.list(path) }
    func stat(_ path: String) throws(DiskError) -> FileInfo? { try self.disk.stat(path) }
}
