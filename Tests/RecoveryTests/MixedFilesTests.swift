import Mutations
import Platform
import Recovery
import Testing

/// Files that are sound, each by itself, but not of one member or one time.
@Suite struct MixedFilesTests {
    private static let out = "/new"

    private static func segments(_ made: Fabricated) throws -> [String] {
        let log = "\(made.path)/member/wal"
        return try made.disk.list(log).filter { $0.hasSuffix(".wal") }.map { "\(log)/\($0)" }
    }

    private static func restore(_ disk: SimulatedDisk, _ made: Fabricated) throws -> RestoreReport {
        try Restore.run(RestoreRequest(from: [made.path], to: Self.out, bump: .by(0)), disk: disk)
    }

    private static func refused(_ disk: SimulatedDisk, _ made: Fabricated, _ what: String) throws {
        let error = #expect(throws: RecoveryError.self, "\(what)") { try Self.restore(disk, made) }
        // Where the beginning is missing there is no file to name.
        #expect(
            error?.file.hasPrefix(made.path) == true || error?.code == .unreachable, "\(what): \(String(describing: error))")
        #expect(try !Verify.run(made.path, disk: disk).isSound, "\(what)")
        #expect(try disk.stat(Self.out) == nil, "\(what)")
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func segmentsThatDoNotBelongTogether(seed: UInt64) throws {
        let made = try Fabricated(seed: seed, steps: 150, applied: 0)
        let other = try Fabricated(seed: seed + 100, steps: 150, applied: 0)
        let stranger = try Fabricated(seed: seed, steps: 150, applied: 0, member: 8)
        let paths = try Self.segments(made)
        try #require(paths.count > 2)
        for place in paths.indices {
            if place < paths.count - 1 {
                let disk = made.disk.afterCrash(.everything)
                try disk.remove(paths[place])
                try Self.refused(disk, made, "segment \(place) of seed \(seed) is missing")
            }
            let disk = made.disk.afterCrash(.everything)
            let twin = try disk.contents(of: paths[(place + 1) % paths.count])
            try disk.edit(paths[place]) { $0 = twin }
            try Self.refused(disk, made, "segment \(place) of seed \(seed) is another of the same log")
            for log in [other, stranger] {
                let foreign = try Self.segments(log)
                guard foreign.indices.contains(place) else { continue }
                let disk = made.disk.afterCrash(.everything)
                let bytes = try log.disk.contents(of: foreign[place])
                try disk.edit(paths[place]) { $0 = bytes }
                try Self.refused(disk, made, "segment \(place) of seed \(seed) is another log's")
            }
        }
    }

    /// An older database is caught up by the log; that of another member is not taken for one's own.
    @Test(arguments: 0..<12 as Range<UInt64>)
    func databasesOfAnotherTime(seed: UInt64) throws {
        let made = try Fabricated(seed: seed, steps: 60, applied: 40)
        let older = try Fabricated(seed: seed, steps: 60, applied: 20)
        let stranger = try Fabricated(seed: seed + 1, steps: 60, applied: 40, member: 8)
        let path = "\(made.path)/member/snap/db"
        let wanted = try Self.restore(made.disk.afterCrash(.everything), made)
        var disk = made.disk.afterCrash(.everything)
        let bytes = try older.disk.contents(of: path)
        try disk.edit(path) { $0 = bytes }
        #expect(try Self.restore(disk, made).hashKV == wanted.hashKV)
        disk = made.disk.afterCrash(.everything)
        let foreign = try stranger.disk.contents(of: path)
        try disk.edit(path) { $0 = foreign }
        let error = #expect(throws: RecoveryError.self) { try Self.restore(disk, made) }
        #expect(error?.code == .refused || error?.code == .damaged, "\(String(describing: error))")
    }
}
