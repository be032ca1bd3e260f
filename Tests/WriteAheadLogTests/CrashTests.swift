import EtcdWire
import Platform
import Testing

@testable import WriteAheadLog

/// A power cut after every operation, in eight forms each.
@Suite struct CrashTests {
    private static func run(seed: UInt64, stopAfter: Int, ignoringSyncs: Bool = false) -> LogWorkload {
        var workload = LogWorkload(seed: seed &+ UInt64(stopAfter))
        if ignoringSyncs { workload.disk.ignoreSyncs() }
        workload.disk.stop(after: stopAfter)
        workload.run(batches: 20, seed: seed)
        return workload
    }

    private static func problems(seed: UInt64, ignoringSyncs: Bool = false) -> [String] {
        let total = self.run(seed: seed, stopAfter: .max).disk.operationCount
        var problems: [String] = []
        for operation in 0...total {
            let workload = self.run(seed: seed, stopAfter: operation, ignoringSyncs: ignoringSyncs)
            let states = workload.disk.crashStates()
            // With nothing unsynced the eight are the same.
            for crash in workload.disk.unsyncedCount == 0 ? states[..<1] : states[...] {
                guard let problem = workload.problem(after: crash.disk) else { continue }
                problems.append("seed \(seed), stopped after \(operation), \(crash.kind): \(problem)")
            }
        }
        return problems
    }

    @Test(arguments: [UInt64(1), 2]) func nothingAcknowledgedIsLost(_ seed: UInt64) {
        #expect(Self.problems(seed: seed) == [])
    }

    /// Many segments removed at once: no crash leaves a gap between those that stay.
    @Test func purgingManySegmentsLeavesNoGap() throws {
        var workload = LogWorkload(seed: 9)
        workload.run(batches: 60, seed: 9, purges: false)
        let newest = try #require(
            try LogReader.read(LogWorkload.directory, disk: workload.disk).validSnapshots.last)
        let names = try workload.disk.list(LogWorkload.directory)
        let expected = try LogReader.read(LogWorkload.directory, after: newest, disk: workload.disk).entries
        let (log, _) = try WriteAheadLog.open(
            LogWorkload.directory, after: newest, disk: workload.disk, configuration: workload.configuration)
        workload.disk.observe { disk in
            for crash in disk.crashStates() {
                let found = try? LogReader.read(LogWorkload.directory, after: newest, disk: crash.disk).entries
                let whole = try? LogReader.read(LogWorkload.directory, disk: crash.disk)
                #expect(found == expected && whole != nil, "operation \(disk.operationCount), \(crash.kind)")
            }
        }
        try log.purge(before: newest.index)
        workload.disk.observe(nil)
        #expect(try workload.disk.list(LogWorkload.directory).count < names.count - 2)
    }

    /// After a sync that failed the cache still shows what the disk will never have. Whoever opens the log reads it there, and
    /// must find it after a power cut too: even where a commit index that was written with it, or before it, covers it.
    @Test(arguments: [false, true]) func whatAFailedSyncLeftIsWrittenAgain(_ commitsBefore: Bool) throws {
        let disk = SimulatedDisk(seed: 4)
        func entry(_ index: UInt64) -> RaftEntry { RaftEntry(term: 1, index: index, data: [UInt8](repeating: 7, count: 700)) }
        do {
            let log = try WriteAheadLog.create("/wal", metadata: [1], disk: disk)
            try log.append([entry(1), entry(2)], HardState(term: 1, vote: 1, commit: 1))
            // Written, and not synced.
            if commitsBefore { try log.append([], HardState(term: 1, vote: 1, commit: 2)) }
            disk.failSyncs(from: disk.operationCount + 1)
            #expect(throws: WALError.self) { try log.append([entry(3)], HardState(term: 1, vote: 1, commit: 3)) }
        }
        disk.failSyncs(from: .max)
        let (log, read) = try WriteAheadLog.open("/wal", after: WALSnapshot(), disk: disk)
        #expect(read.entries.map(\.index) == [1, 2, 3])
        let after = try LogReader.read("/wal", disk: disk.afterCrash(.nothingUnsynced))
        #expect(after.lastIndex == 3 && after.state == read.state)
        try log.close()
    }

    @Test func withoutSyncsItWouldBeSeen() {
        #expect(Self.problems(seed: 1, ignoringSyncs: true).count > 10)
    }

    /// A second power cut, at every operation of the recovery from the first.
    @Test(arguments: [UInt64(3)]) func recoveryCanBeInterrupted(_ seed: UInt64) throws {
        let total = Self.run(seed: seed, stopAfter: .max).disk.operationCount
        for operation in stride(from: 5, through: total, by: 19) {
            let workload = Self.run(seed: seed, stopAfter: operation)
            for kind in CrashKind.all {
                let whole = workload.disk.afterCrash(kind)
                _ = workload.problem(after: whole)
                for second in 0..<whole.operationCount {
                    let disk = workload.disk.afterCrash(kind)
                    disk.stop(after: second)
                    // The recovery ends with an append nobody was told of, so any end of it is right.
                    _ = workload.problem(after: disk)
                    for again in disk.crashStates() {
                        var later = workload
                        later.offered = workload.offered
                        let problem = later.problemIgnoringProbe(after: again.disk)
                        let place = "seed \(seed), \(operation) \(kind), then \(second) \(again.kind)"
                        #expect(problem == nil, "\(place): \(problem ?? "")")
                    }
                }
            }
        }
    }
}

extension LogWorkload {
    /// Like ``problem(after:)``, where an interrupted recovery may have left the entry it tries out at the end.
    func problemIgnoringProbe(after disk: SimulatedDisk) -> String? {
        do {
            guard try disk.stat(Self.directory) != nil else { return self.acknowledged.isEmpty ? nil : "no log" }
            let summary = try LogReader.read(Self.directory, disk: disk, configuration: self.configuration)
            let start = summary.validSnapshots.last ?? WALSnapshot()
            let (_, contents) = try WriteAheadLog.open(
                Self.directory, after: start, disk: disk, configuration: self.configuration)
            let kept = self.offered.prefix(Int(start.index)) + contents.entries.filter { $0.term == 1 }
            guard kept.count >= self.acknowledged.count else {
                return "\(self.acknowledged.count) acknowledged, \(kept.count) found"
            }
            return kept.elementsEqual(self.offered.prefix(kept.count)) ? nil : "entries differ from those offered"
        } catch {
            return "\(error)"
        }
    }
}

/// Damage to what was durable: the same answer, or a refusal that names file and offset. Never fewer entries.
@Suite struct DamageTests {
    /// 1 when it was refused.
    private func check(
        _ disk: SimulatedDisk, _ expected: LogContents, _ place: String, _ configuration: WALConfiguration
    ) -> Int {
        do throws(WALError) {
            let found = try LogReader.read(
                LogWorkload.directory, after: WALSnapshot(), disk: disk, configuration: configuration)
            #expect(found.entries == expected.entries, "\(place): read \(found.entries.count) entries")
            return 0
        } catch {
            #expect(error.path.hasPrefix(LogWorkload.directory), "\(place): \(error)")
            #expect(error.offset != nil || error.code != .corrupt, "\(place): \(error)")
            return 1
        }
    }

    @Test func everyByteFlipped() throws {
        var workload = LogWorkload(seed: 5)
        workload.run(batches: 7, seed: 5, purges: false)
        let expected = try LogReader.read(LogWorkload.directory, after: WALSnapshot(), disk: workload.disk)
        #expect(expected.entries == workload.acknowledged)
        var random = SeededRandom(seed: 5)
        var refused = 0
        for name in try workload.disk.list(LogWorkload.directory) {
            let path = "\(LogWorkload.directory)/\(name)"
            for offset in 0..<(try workload.disk.contents(of: path).count) {
                let mask = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
                try workload.disk.flip(mask, at: offset, of: path)
                refused += self.check(workload.disk, expected, "\(path) byte \(offset) mask \(mask)", workload.configuration)
                try workload.disk.flip(mask, at: offset, of: path)
            }
        }
        #expect(refused > 1000)
    }

    @Test func theSameDamageIsRefusedWithFileAndOffset() throws {
        var workload = LogWorkload(seed: 5)
        workload.run(batches: 12, seed: 5, purges: false)
        let last = try #require(try workload.disk.list(LogWorkload.directory).last)
        let path = "\(LogWorkload.directory)/\(last)"
        let entry = try #require(StoredRecord.all(try workload.disk.contents(of: path)).last { $0.kind == .entry })
        try workload.disk.flip(4, at: entry.offset + 30, of: path)
        do throws(WALError) {
            _ = try WriteAheadLog.open(
                LogWorkload.directory, after: WALSnapshot(), disk: workload.disk, configuration: workload.configuration)
            Issue.record("opened a damaged log")
        } catch {
            #expect(error.code == .corrupt)
            #expect(error.path == path)
            #expect(error.offset == Int64(entry.offset))
            #expect(error.description.contains("\(path): at byte \(entry.offset): the record is damaged"))
        }
        #expect(try workload.disk.list(LogWorkload.directory).last == last, "nothing was moved or cut")
    }

    /// A value of zeros looks like sectors never written; the commit index that follows says that they had been.
    @Test func damageBelowTheDurableMarkIsNeverTakenForATornWrite() throws {
        let disk = SimulatedDisk(seed: 4)
        let configuration = WALConfiguration(segmentBytes: 20_000, commitIsDurable: true)
        let log = try WriteAheadLog.create("/wal", metadata: [1], disk: disk, configuration: configuration)
        for index in UInt64(1)...2 {
            let entry = RaftEntry(term: 1, index: index, data: [1] + [UInt8](repeating: 0, count: 2000))
            try log.append([entry], HardState(term: 1, vote: 1, commit: index - 1))
        }
        let path = "/wal/\(SegmentName(sequence: 0, index: 0))"
        let bytes = try disk.contents(of: path)
        let first = try #require(StoredRecord.all(bytes)[3...].first)
        try disk.flip(1, at: first.offset + 40, of: path)
        do throws(WALError) {
            _ = try LogReader.read("/wal", disk: disk, configuration: configuration)
            Issue.record("an acknowledged entry was cut")
        } catch {
            #expect(error.code == .corrupt)
            #expect(error.offset == Int64(first.offset))
            #expect(error.message.contains("had been made durable"))
        }
    }

    /// A sector of zeros in the last batch may never have been written. One in a batch before was: the next began after it.
    @Test(arguments: [1, 2, 3]) func aLostSectorBeforeALaterBatchIsDamage(size: Int) throws {
        let configuration = WALConfiguration(segmentBytes: 200_000)
        for lost in 1...3 {
            let disk = SimulatedDisk(seed: 4)
            let log = try WriteAheadLog.create("/wal", metadata: [1], disk: disk, configuration: configuration)
            var entries: [RaftEntry] = []
            for _ in 1...3 {
                let batch = (0..<size).map { place in
                    RaftEntry(term: 1, index: UInt64(entries.count + place + 1), data: [UInt8](repeating: 9, count: 1500))
                }
                entries += batch
                try log.append(batch, HardState(term: 1, vote: 1, commit: UInt64(entries.count - size)))
            }
            let path = "/wal/\(SegmentName(sequence: 0, index: 0))"
            let stored = StoredRecord.all(try disk.contents(of: path)).filter { $0.kind == .entry }
            let first = stored[(lost - 1) * size]
            let sector = (first.offset / 512 + 1) * 512
            try disk.edit(path) { $0.replaceSubrange(sector..<sector + 512, with: [UInt8](repeating: 0, count: 512)) }
            do throws(WALError) {
                let found = try LogReader.read("/wal", after: WALSnapshot(), disk: disk, configuration: configuration)
                #expect(lost == 3 && found.entries == Array(entries.prefix(2 * size)), "batch \(lost) of \(size)")
            } catch {
                #expect(lost < 3 && error.code == .corrupt && error.offset == Int64(first.offset), "batch \(lost) of \(size)")
                #expect(error.message.contains("a later batch follows"))
            }
        }
    }

    @Test func aTornTailIsKeptAsideAndCut() throws {
        let disk = SimulatedDisk(seed: 4)
        let configuration = WALConfiguration(segmentBytes: 20_000, commitIsDurable: true)
        let log = try WriteAheadLog.create("/wal", metadata: [1], disk: disk, configuration: configuration)
        let entries = (1...2).map { RaftEntry(term: 1, index: UInt64($0), data: [UInt8](repeating: 9, count: 2000)) }
        try log.append([entries[0]], HardState(term: 1, vote: 1, commit: 0))
        disk.ignoreSyncs()
        try log.append([entries[1]], HardState(term: 1, vote: 1, commit: 1))
        let torn = disk.afterCrash(.lastWriteTorn)
        let name = try #require(try torn.list("/wal").first)
        let before = try torn.contents(of: "/wal/\(name)")
        let (_, contents) = try WriteAheadLog.open("/wal", after: WALSnapshot(), disk: torn, configuration: configuration)
        #expect(contents.entries == [entries[0]])
        let broken = try torn.contents(of: "/wal/\(name).broken")
        #expect(broken.elementsEqual(before.prefix(broken.count)))
        #expect(before[broken.count...].allSatisfy { $0 == 0 })
    }

    /// Cut short anywhere in its last segment, a log gives a prefix of its entries, and all that another segment had.
    @Test func everyTruncation() throws {
        var workload = LogWorkload(seed: 6)
        workload.run(batches: 5, seed: 6, purges: false)
        let names = try workload.disk.list(LogWorkload.directory)
        let path = "\(LogWorkload.directory)/\(names[names.count - 1])"
        let whole = try workload.disk.contents(of: path)
        for size in stride(from: whole.count, to: 0, by: -1) {
            try workload.disk.edit(path) { $0.removeLast($0.count - size) }
            do throws(WALError) {
                let found = try LogReader.read(
                    LogWorkload.directory, after: WALSnapshot(), disk: workload.disk, configuration: workload.configuration)
                #expect(found.entries.elementsEqual(workload.acknowledged.prefix(found.entries.count)), "cut at \(size)")
            } catch {
                #expect(error.code == .corrupt && error.path == path && error.offset != nil, "cut at \(size): \(error)")
            }
        }
    }

    /// Bytes of no log at all never do worse than be refused.
    @Test func noise() throws {
        var random = SeededRandom(seed: 8)
        for round in 0..<300 {
            let disk = SimulatedDisk(seed: 1)
            try disk.makeDirectory("/wal")
            let file = try disk.open("/wal/\(SegmentName(sequence: 0, index: 0))", .create)
            var bytes: [UInt8] = []
            var crc: UInt32 = 0
            if round % 2 == 0 {
                Frame.append(.crc, [], crc: &crc, to: &bytes)
                Frame.append(.metadata, [1], crc: &crc, to: &bytes)
            }
            bytes += (0..<Int.random(in: 1...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            if round % 3 == 0 { bytes.append(contentsOf: [255, 255, 255, 255, 255, 255, 255, 0]) }
            try file.write(bytes, at: 0)
            #expect(throws: WALError.self, "round \(round)") { _ = try LogReader.read("/wal", disk: disk) }
        }
    }
}
