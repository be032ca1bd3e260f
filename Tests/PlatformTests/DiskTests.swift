import Platform
import Synchronization
import Testing

/// A directory of the machine that goes away with its owner.
final class TemporaryDirectory {
    let path: String
    private let disk = RealDisk()

    init() throws {
        self.path = "/tmp/quorate-platform-\(UInt64.random(in: .min ... .max))"
        try self.disk.makeDirectory(self.path)
    }

    deinit { try? self.remove(self.path) }

    private func remove(_ path: String) throws {
        if try self.disk.stat(path)?.isDirectory == true {
            for name in try self.disk.list(path) { try self.remove("\(path)/\(name)") }
        }
        try self.disk.remove(path)
    }
}

/// What every disk must do, asked of the real and the simulated one alike.
@Suite struct DiskContractTests {
    enum Kind: CaseIterable { case real, simulated }

    private func withDisk(_ kind: Kind, _ body: (any Disk, String) throws -> Void) throws {
        switch kind {
        case .real:
            let directory = try TemporaryDirectory()
            try body(RealDisk(), directory.path)
        case .simulated:
            let disk = SimulatedDisk(seed: 1)
            try disk.makeDirectory("/data")
            try body(disk, "/data")
        }
    }

    @Test(arguments: Kind.allCases) func bytes(_ kind: Kind) throws {
        try self.withDisk(kind) { disk, root in
            let file = try disk.open("\(root)/a", .createNew)
            try file.write([1, 2, 3], at: 2)
            #expect(try file.size() == 5)
            #expect(try file.read(at: 0, count: 100) == [0, 0, 1, 2, 3])
            #expect(try file.read(at: 5, count: 1) == [])
            try file.allocate(to: 8)
            #expect(try file.read(at: 4, count: 9) == [3, 0, 0, 0])
            try file.allocate(to: 2)
            #expect(try file.size() == 8)
            try file.truncate(to: 3)
            try file.sync()
            try file.close()
            #expect(throws: DiskError.self) { try file.write([1], at: 0) }
            #expect(try disk.open("\(root)/a", .read).read(at: 0, count: 9) == [0, 0, 1])
            #expect(try disk.stat("\(root)/a")?.size == 3)
            #expect(try disk.stat("\(root)/a")?.isDirectory == false)
        }
    }

    @Test(arguments: Kind.allCases) func names(_ kind: Kind) throws {
        try self.withDisk(kind) { disk, root in
            try disk.makeDirectory("\(root)/x/y/z")
            try disk.makeDirectory("\(root)/x/y")
            #expect(try disk.stat("\(root)/x/y/z")?.isDirectory == true)
            #expect(try disk.stat("\(root)/nothing") == nil)
            for name in ["b", "a", "c"] { try disk.open("\(root)/\(name)", .create).close() }
            #expect(try disk.list(root) == ["a", "b", "c", "x"])
            try disk.rename("\(root)/a", to: "\(root)/b")
            try disk.rename("\(root)/x/y", to: "\(root)/w")
            try disk.syncDirectory(root)
            try disk.remove("\(root)/c")
            try disk.remove("\(root)/x")
            #expect(try disk.list(root) == ["b", "w"])
            #expect(try disk.list("\(root)/w") == ["z"])
        }
    }

    @Test(arguments: Kind.allCases) func refusals(_ kind: Kind) throws {
        try self.withDisk(kind) { disk, root in
            func code(_ body: () throws -> Void) -> Int32? {
                do { try body() } catch let error as DiskError { return error.code } catch {}
                return nil
            }
            try disk.open("\(root)/a", .createNew).close()
            try disk.makeDirectory("\(root)/d/e")
            #expect(code { _ = try disk.open("\(root)/a", .createNew) } == 17)
            #expect(code { _ = try disk.open("\(root)/b", .readWrite) } == 2)
            #expect(code { _ = try disk.open("\(root)/b/c", .create) } == 2)
            #expect(code { try disk.makeDirectory("\(root)/a") } == 20)
            #expect(code { try disk.remove("\(root)/d") } == 39)
            #expect(code { try disk.rename("\(root)/b", to: "\(root)/c") } == 2)
            #expect(code { _ = try disk.list("\(root)/b") } == 2)
            do throws(DiskError) {
                _ = try disk.open("\(root)/b", .read)
                Issue.record("opened what is not there")
            } catch {
                #expect(error.description == "\(root)/b: open: No such file or directory")
            }
        }
    }

    @Test(arguments: Kind.allCases) func mappings(_ kind: Kind) throws {
        try self.withDisk(kind) { disk, root in
            let file = try disk.open("\(root)/a", .createNew)
            try file.write([1, 2, 3], at: 0)
            let mapping = try file.map(100_000)
            #expect(mapping.count == 100_000)
            #expect(unsafe [UInt8](mapping.bytes[..<3]) == [1, 2, 3])
            // It shows what is written later, where the file has grown too.
            try file.write([9], at: 1)
            try file.truncate(to: 50_000)
            try file.write([7, 8], at: 40_000)
            #expect(unsafe [UInt8](mapping.bytes[..<4]) == [1, 9, 3, 0])
            #expect(unsafe [UInt8](mapping.bytes[39_999..<40_003]) == [0, 7, 8, 0])
            // And what another handle writes, and after its own is closed.
            try file.close()
            try disk.open("\(root)/a", .readWrite).write([5], at: 2)
            #expect(unsafe mapping.bytes[2] == 5)
            #expect(throws: DiskError.self) { try file.map(100) }
            #expect(throws: DiskError.self) { try disk.open("\(root)/a", .read).map(0) }
        }
    }

    /// A mapping keeps the file open, but not locked.
    @Test(arguments: Kind.allCases) func aMappedFileIsUnlockedByClosing(_ kind: Kind) throws {
        try self.withDisk(kind) { disk, root in
            let first = try disk.open("\(root)/lock", .create)
            try first.write([1], at: 0)
            let second = try disk.open("\(root)/lock", .create)
            #expect(try first.tryFlock())
            #expect(try !second.tryFlock())
            let mapping = try first.map(4096)
            try first.close()
            #expect(try second.tryFlock())
            let third = try disk.open("\(root)/lock", .create)
            #expect(try !third.tryFlock())
            #expect(unsafe mapping.bytes[0] == 1)
        }
    }

    @Test(arguments: Kind.allCases) func locks(_ kind: Kind) throws {
        try self.withDisk(kind) { disk, root in
            let first = try disk.open("\(root)/lock", .create)
            let second = try disk.open("\(root)/lock", .create)
            #expect(try first.tryLock())
            #expect(try first.tryLock())
            #expect(try !second.tryLock())
            try first.close()
            #expect(try second.tryLock())
        }
    }
}

/// What a crash keeps.
@Suite struct SimulatedDiskTests {
    private func disk() throws -> SimulatedDisk {
        let disk = SimulatedDisk(seed: 7)
        try disk.makeDirectory("/d")
        return disk
    }

    @Test func unsyncedBytesAreLost() throws {
        let disk = try self.disk()
        let file = try disk.open("/d/f", .create)
        try disk.syncDirectory("/d")
        try file.write([1, 2], at: 0)
        try file.sync()
        try file.write([3, 4], at: 1)
        #expect(try disk.contents(of: "/d/f") == [1, 3, 4])
        #expect(try disk.afterCrash(.nothingUnsynced).contents(of: "/d/f") == [1, 2])
        #expect(try disk.afterCrash(.everything).contents(of: "/d/f") == [1, 3, 4])
        #expect(try disk.afterCrash(.metadataFirst).contents(of: "/d/f") == [1, 2, 0])
    }

    @Test func namesNeedTheirDirectorySynced() throws {
        let disk = try self.disk()
        let file = try disk.open("/d/tmp", .create)
        try file.write([1], at: 0)
        try file.sync()
        #expect(try disk.afterCrash(.nothingUnsynced).list("/d") == [])
        try disk.syncDirectory("/d")
        try disk.rename("/d/tmp", to: "/d/final")
        #expect(try disk.afterCrash(.nothingUnsynced).list("/d") == ["tmp"])
        #expect(try disk.afterCrash(.metadataFirst).list("/d") == ["final"])
        try disk.syncDirectory("/d")
        #expect(try disk.afterCrash(.nothingUnsynced).list("/d") == ["final"])
        try disk.makeDirectory("/e")
        try disk.rename("/d/final", to: "/e/final")
        try disk.syncDirectory("/e")
        #expect(try disk.afterCrash(.nothingUnsynced).list("/d") == ["final"])
        try disk.syncDirectory("/d")
        #expect(try disk.afterCrash(.nothingUnsynced).list("/e") == ["final"])
        try disk.remove("/e/final")
        #expect(try disk.afterCrash(.nothingUnsynced).list("/e") == ["final"])
        #expect(try disk.afterCrash(.everything).list("/e") == [])
    }

    @Test func theLastWriteTearsAtSectors() throws {
        var seen: Set<[Bool]> = []
        for seed in UInt64(0)..<64 {
            let disk = SimulatedDisk(seed: seed)
            let file = try disk.open("/f", .create)
            try disk.syncDirectory("/")
            try file.write([UInt8](repeating: 9, count: 1200), at: 100)
            let bytes = try disk.afterCrash(.lastWriteTorn).contents(of: "/f")
            #expect(bytes.count == 1300)
            let sectors = [100..<512, 512..<1024, 1024..<1300].map { Set(bytes[$0]) }
            #expect(sectors.allSatisfy { $0 == [9] || $0 == [0] }, "seed \(seed)")
            seen.insert(sectors.map { $0 == [9] })
        }
        #expect(seen.count == 8)
    }

    @Test func stopsAndFaults() throws {
        let disk = try self.disk()
        let file = try disk.open("/d/f", .create)
        let done = disk.operationCount
        disk.stop(after: done + 1)
        try file.write([1], at: 0)
        #expect(throws: DiskError.self) { try file.sync() }
        #expect(throws: DiskError.self) { try file.read(at: 0, count: 1) }
        #expect(disk.isStopped)
        #expect(disk.operationCount == done + 1)

        let second = try self.disk()
        let other = try second.open("/d/f", .create)
        second.fail(operation: second.operationCount + 1, code: 28)
        #expect(throws: DiskError.self) { try other.write([1], at: 0) }
        try other.write([2], at: 0)
        #expect(try other.read(at: 0, count: 1) == [2])
    }

    @Test func aFailedSyncLosesWhatReadersStillSee() throws {
        let disk = try self.disk()
        let file = try disk.open("/d/f", .create)
        try disk.syncDirectory("/d")
        try file.write([1], at: 0)
        disk.fail(operation: disk.operationCount + 1)
        #expect(throws: DiskError.self) { try file.sync() }
        try file.sync()
        #expect(try file.read(at: 0, count: 1) == [1])
        #expect(try disk.afterCrash(.everything).contents(of: "/d/f") == [])
    }

    @Test func ignoredSyncsKeepNothing() throws {
        let disk = try self.disk()
        let file = try disk.open("/d/f", .create)
        try disk.syncDirectory("/d")
        disk.ignoreSyncs()
        try file.write([1], at: 0)
        try file.sync()
        #expect(try disk.afterCrash(.nothingUnsynced).contents(of: "/d/f") == [])
    }

    @Test func fullDisk() throws {
        let disk = SimulatedDisk(seed: 1, capacity: 10)
        let file = try disk.open("/f", .create)
        try file.write([UInt8](repeating: 1, count: 10), at: 0)
        do throws(DiskError) {
            try file.write([1], at: 10)
            Issue.record("wrote past the capacity")
        } catch {
            #expect(error.code == 28)
        }
        try file.write([2], at: 0)
    }

    @Test func eightStatesThatFollowFromTheSeed() throws {
        func states() throws -> [[UInt8]] {
            let disk = try self.disk()
            let file = try disk.open("/d/f", .create)
            try disk.syncDirectory("/d")
            for start in 0..<6 { try file.write([UInt8](repeating: UInt8(start + 1), count: 600), at: Int64(start * 600)) }
            return try disk.crashStates().map { try $0.disk.contents(of: "/d/f") }
        }
        let first = try states()
        #expect(first.count == 8)
        #expect(Set(first).count >= 6)
        #expect(try states() == first)
    }
}
