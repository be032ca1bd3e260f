internal import EtcdWire
internal import Platform
internal import Recovery
internal import WriteAheadLog

/// A data directory whose log or database is damaged, restored: the same, or refused.
public struct DirectoryTarget: MutationTarget {
    public static let name = "directory"
    public static let share = 30

    private let made: Fabricated
    private let paths: [String]
    private let applied: Int
    private let log: LogTarget
    public let specimens: [Specimen]

    public init(seed: UInt64) throws {
        let steps = 10 + Int(seed % 5) * 12
        self.applied = [0, 5, steps, steps / 2][Int(seed / 5 % 4)]
        self.made = try Fabricated(seed: seed, steps: steps, applied: self.applied, preallocates: seed % 2 == 0)
        self.log = try LogTarget(self.made)
        let directory = "\(self.made.path)/member/wal"
        let disk = self.made.disk
        self.paths = try disk.list(directory).filter { $0.hasSuffix(".wal") }.map { "\(directory)/\($0)" }
        self.specimens = try self.paths.map { Specimen(try disk.contents(of: $0)) }
    }

    public func verdict(of bytes: [UInt8], for specimen: Int, _ mutation: Mutation) -> Verdict {
        let disk = self.made.disk.afterCrash(.everything)
        do {
            try disk.edit(self.paths[specimen]) { $0 = bytes }
            let report = try Restore.run(RestoreRequest(from: [self.made.path], to: "/new", bump: .by(0)), disk: disk)
            let count = self.made.entries.count
            guard let hash = self.made.hashes[report.index]?.hash, hash == report.hashKV else {
                return .wrong("HashKV \(report.hashKV ?? 0) at entry \(report.index)")
            }
            if report.index == count { return .same }
            guard report.index >= self.applied else {
                return .cut("entry \(report.index) of \(self.applied) that were applied")
            }
            // The log alone says whether so much may be cut.
            if case .torn = self.log.verdict(of: bytes, for: specimen, mutation) { return .torn }
            return .cut("\(report.index) entries of \(count)")
        } catch let error as RecoveryError {
            return .refused(file: error.file, offset: error.offset)
        } catch {
            return .wrong("\(error)")
        }
    }
}
