import EtcdWire
import Glibc
import Platform
import Testing

@testable import WriteAheadLog

/// Everything readers give out of a log that may be damaged is true.
@Suite struct SurveyTests {
    /// All records of a log up to its first damage.
    private static func items(_ disk: SimulatedDisk) -> (items: [LogItem], error: WALError?) {
        var items: [LogItem] = []
        do throws(WALError) {
            try LogReader.forEach(ReplacingLog.directory, disk: disk) { item throws(WALError) in
                items.append(item)
                return true
            }
            return (items, nil)
        } catch {
            return (items, error)
        }
    }

    /// What a survey of these records has to say.
    private static func expected(
        _ items: [LogItem]
    ) -> (state: HardState, snapshots: [WALSnapshot], lastIndex: UInt64, term: UInt64) {
        var (state, snapshots, lastIndex, term): (HardState, [WALSnapshot], UInt64, UInt64) = (HardState(), [], 0, 0)
        for item in items {
            switch item.kind {
            case .state(let found): state = found
            case .snapshot(let found): snapshots.append(found)
            case .entry(let entry): (lastIndex, term) = (entry.index, entry.term)
            case .crc, .metadata: break
            }
        }
        return (state, snapshots, lastIndex, term)
    }

    /// Nil where all that is given out is true.
    private static func problem(_ disk: SimulatedDisk, truth: [LogItem], entries: [RaftEntry]) throws(WALError) -> String? {
        let (found, error) = self.items(disk)
        guard truth.starts(with: found) else { return "a record is not as it was written" }
        if error == nil, found.count < truth.count, found.count < truth.count - 2 { return "records are gone" }
        if let error, error.offset == nil { return "no offset: \(error)" }
        let survey = try LogReader.survey(ReplacingLog.directory, disk: disk)
        let expected = self.expected(found)
        guard survey.state == expected.state, survey.snapshots == expected.snapshots, survey.lastIndex == expected.lastIndex,
            survey.lastTerm == expected.term
        else { return "the survey tells other than the records" }
        switch survey.end {
        case .clean: if error != nil || !survey.findings.isEmpty { return "clean, in spite of \(error?.description ?? "")" }
        case .torn(_, let offset): if error != nil || offset < found.last?.end ?? 0 { return "torn within records" }
        case .damaged(let file, let offset, let what):
            guard let error, error.path == file, error.offset == offset, error.message == what, survey.findings == [error]
            else { return "damaged at \(file) \(offset): \(what), and not as the cursor tells" }
        }
        if error == nil {
            var cursor = try LogReader.entries(ReplacingLog.directory, after: 0, disk: disk)
            let rest = try cursor.rest()
            if found.count == truth.count, rest != entries { return "entries differ" }
        } else if (try? LogReader.entries(ReplacingLog.directory, after: 0, disk: disk)) != nil {
            return "entries of a damaged log"
        }
        return nil
    }

    /// Every bit of what says how long a record is and of what kind; of every other byte one, or all where
    /// `QUORATE_EVERY_BIT` is set.
    @Test(arguments: [UInt64(1), 7]) func everyByteFlipped(seed: UInt64) throws {
        let log = try ReplacingLog(seed: seed, batches: 8)
        let (truth, error) = Self.items(log.disk)
        #expect(error == nil && truth.count > 20)
        let names = try LogReader.segments(ReplacingLog.directory, disk: log.disk)
        #expect(names.count > 1)
        let everyBit = unsafe getenv("QUORATE_EVERY_BIT") != nil
        var random = SeededRandom(seed: seed)
        var (problems, flips): ([String], Int) = ([], 0)
        for name in names {
            let path = "\(ReplacingLog.directory)/\(name)"
            let items = truth.filter { $0.segment == name }
            let heads = Set(items.flatMap { $0.offset..<$0.offset + 10 })
            let end = min((items.last?.end ?? 0) + 16, Int64(try log.disk.contents(of: path).count))
            for offset in 0..<end {
                let bits = everyBit || heads.contains(offset) ? Array(0..<8) : [Int.random(in: 0..<8, using: &random)]
                for bit in bits {
                    try log.disk.flip(1 << UInt8(bit), at: Int(offset), of: path)
                    if let problem = try Self.problem(log.disk, truth: truth, entries: log.entries) {
                        problems.append("seed \(seed), \(path), byte \(offset), bit \(bit): \(problem)")
                    }
                    try log.disk.flip(1 << UInt8(bit), at: Int(offset), of: path)
                    flips += 1
                }
            }
        }
        #expect(problems.prefix(5) == [])
        #expect(flips > 1500)
    }

    /// Damage in an earlier segment ends what is verified there; segments behind are told of.
    @Test func damageInTheMiddle() throws {
        let log = try ReplacingLog(seed: 3, batches: 60)
        let (truth, _) = Self.items(log.disk)
        let names = try LogReader.segments(ReplacingLog.directory, disk: log.disk)
        let path = "\(ReplacingLog.directory)/\(names[1])"
        let victim = try #require(
            truth.last { item in
                if case .entry(let entry) = item.kind { item.segment == names[1] && entry.data.count > 20 } else { false }
            })
        try log.disk.flip(1, at: Int(victim.offset) + 30, of: path)
        let survey = try LogReader.survey(ReplacingLog.directory, disk: log.disk)
        let what = "the record is damaged, and later segments follow it"
        #expect(survey.end == .damaged(file: path, offset: victim.offset, what: what))
        #expect(survey.findings == [WALError(.corrupt, path, at: victim.offset, what)])
        #expect(survey.segments.map(\.name) == names)
        #expect(survey.segments[1].verified == victim.offset)
        #expect(survey.segments[2...].allSatisfy { $0.verified == 0 && $0.indexes == nil && $0.size > 0 })
        #expect(survey.lastIndex == Self.expected(truth.prefix { $0 != victim }).lastIndex)
    }

    @Test func missingSegments() throws {
        let log = try ReplacingLog(seed: 3, batches: 60)
        let names = try LogReader.segments(ReplacingLog.directory, disk: log.disk)
        for name in names[2...3] { try log.disk.remove("\(ReplacingLog.directory)/\(name)") }
        let survey = try LogReader.survey(ReplacingLog.directory, disk: log.disk)
        #expect(survey.missing == [names[2].sequence...names[3].sequence])
        #expect(
            survey.end
                == .damaged(
                    file: "\(ReplacingLog.directory)/\(names[4])", offset: 0,
                    what: "segments between \(names[1]) and \(names[4]) are missing"))
        #expect(survey.segments[1].verified > 0 && survey.segments[2].verified == 0)
        let last = try #require(survey.segments[1].indexes)
        #expect(survey.lastIndex <= last.upperBound && survey.firstIndex == 1)
    }

    /// A segment of another member's log, put in the place of one's own.
    @Test func aForeignSegment() throws {
        let log = try ReplacingLog(seed: 3, batches: 60)
        let name = try LogReader.segments(ReplacingLog.directory, disk: log.disk)[1]
        var (crc, bytes): (UInt32, [UInt8]) = (0, [])
        let first = try log.disk.contents(of: "\(ReplacingLog.directory)/\(SegmentName(sequence: 0, index: 0))")
        crc = try #require(StoredRecord.all(first).last.map { Self.crc(first, $0) })
        Frame.append(.crc, [], crc: &crc, to: &bytes)
        Frame.append(.metadata, WALMetadata(nodeID: 8, clusterID: 9).encoded(), crc: &crc, to: &bytes)
        try log.disk.edit("\(ReplacingLog.directory)/\(name)") { $0.replaceSubrange(0..<bytes.count, with: bytes) }
        let survey = try LogReader.survey(ReplacingLog.directory, disk: log.disk)
        #expect(survey.findings.map(\.code) == [.conflictingMetadata])
        #expect(survey.metadata?.nodeID == 7)
    }

    private static func crc(_ bytes: [UInt8], _ record: StoredRecord) -> UInt32 {
        Frame.record(Frame.lengthField(bytes, at: record.offset), bytes, at: record.offset)?.crc ?? 0
    }

    @Test func nothingToSurvey() throws {
        let disk = SimulatedDisk(seed: 1)
        for path in ["/none", "/empty", "/file"] {
            if path == "/empty" { try disk.makeDirectory(path) }
            if path == "/file" { try disk.open(path, .create).close() }
            do throws(WALError) {
                _ = try LogReader.survey(path, disk: disk)
                Issue.record("a survey of nothing")
            } catch {
                #expect(error.code == .notFound && error.path == path)
            }
        }
    }

    @Test func noiseNeverTraps() throws {
        var random = SeededRandom(seed: 8)
        for round in 0..<300 {
            let disk = SimulatedDisk(seed: 1)
            try disk.makeDirectory("/wal")
            var (crc, bytes): (UInt32, [UInt8]) = (0, [])
            Frame.append(.crc, [], crc: &crc, to: &bytes)
            Frame.append(.metadata, [8, 1, 16, 2], crc: &crc, to: &bytes)
            // Records whose checksums hold, and whose contents are anything.
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let kind = WALRecord.Kind(rawValue: Int64.random(in: 1...5, using: &random)) ?? .entry
                var data = RaftEntry(term: random.next() >> 60, index: random.next() >> 1, data: [1]).encoded()
                if round % 3 > 0 { data = WALSnapshot(index: random.next(), term: 1).encoded() }
                if round % 2 == 0 {
                    data[Int.random(in: 0..<data.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
                }
                Frame.append(kind, kind == .crc ? [] : data, crc: &crc, to: &bytes)
            }
            let file = try disk.open("/wal/\(SegmentName(sequence: .max, index: 0))", .create)
            try file.write(bytes, at: 0)
            let survey = try LogReader.survey("/wal", disk: disk)
            #expect(survey.segments.count == 1)
            if var entries = try? LogReader.entries("/wal", after: random.next() >> 40, disk: disk) { _ = try? entries.rest() }
            _ = try? WriteAheadLog.open("/wal", after: WALSnapshot(index: survey.lastIndex, term: 1), disk: disk)
        }
    }
}
