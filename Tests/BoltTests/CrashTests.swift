import Bolt
import Platform
import Testing

/// A power cut after every operation, in eight forms each.
@Suite struct CrashTests {
    struct Variant: CustomTestStringConvertible, Sendable {
        var seed: UInt64
        var syncFreelist = false
        var testDescription: String { "seed \(self.seed), freelist \(self.syncFreelist ? "written" : "not written")" }
        var options: BoltDatabase.Options { .init(pageSize: 1024, syncFreelist: self.syncFreelist) }
    }

    static let variants = (1...Environment.number("QUORATE_BOLT_CRASHES", default: 2)).map { number in
        Variant(seed: UInt64(number), syncFreelist: number % 2 == 0)
    }

    /// What a run came to before the power was cut.
    private struct Run {
        var disk: SimulatedDisk
        /// As last acknowledged.
        var committed = ModelBucket()
        /// What was being committed when it was cut.
        var inFlight: ModelBucket?
    }

    private static func run(_ variant: Variant, stopAfter: Int, ignoringSyncs: Bool = false) -> Run {
        var run = Run(disk: SimulatedDisk(seed: variant.seed &+ UInt64(truncatingIfNeeded: stopAfter)))
        if ignoringSyncs { run.disk.ignoreSyncs() }
        run.disk.stop(after: stopAfter)
        try? Self.work(&run, variant)
        return run
    }

    private static func work(_ run: inout Run, _ variant: Variant) throws {
        try run.disk.makeDirectory("/data")
        var workload = ModelWorkload(seed: variant.seed, keys: 150)
        var database = try BoltDatabase.open(ModelWorkload.path, disk: run.disk, options: variant.options)
        for round in 0..<14 {
            let snapshot = round % 3 == 0 ? try database.snapshot() : nil
            let transaction = try database.begin()
            try workload.change(transaction)
            run.inFlight = workload.expected
            try transaction.commit()
            (run.committed, run.inFlight) = (workload.expected, nil)
            snapshot?.close()
            if round == 6 { try database.defragment(transactionKeys: 20) }
            if round == 9 {
                try database.close()
                database = try BoltDatabase.open(ModelWorkload.path, disk: run.disk, options: variant.options)
            }
        }
    }

    /// Why a disk found after a power cut is not as it must be.
    private static func problem(_ run: Run, _ variant: Variant, _ disk: SimulatedDisk) -> String? {
        do {
            guard try disk.stat("/data") != nil else { return run.committed == ModelBucket() ? nil : "no directory" }
            let database = try BoltDatabase.open(ModelWorkload.path, disk: disk, options: variant.options)
            let snapshot = try database.snapshot()
            var whole = try ModelBucket(snapshot.root)
            snapshot.close()
            // A recovery that was interrupted may have written what is written below.
            var found = whole
            found.buckets[[1]] = nil
            guard found == run.committed || found == run.inFlight else {
                return "\(found.entryCount) keys found, \(run.committed.entryCount) committed"
            }
            guard try disk.report(ModelWorkload.path).entries == whole.entryCount else { return "a check counts otherwise" }
            // It can be gone on with.
            let transaction = try database.begin()
            try transaction.createBucketIfMissing([1]).put([2], [3])
            try transaction.commit()
            whole.buckets[[1], default: ModelBucket()].keys[[2]] = [3]
            guard try disk.report(ModelWorkload.path).entries == whole.entryCount else {
                return "another commit leaves something else"
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    private static func problems(_ variant: Variant, ignoringSyncs: Bool = false) -> [String] {
        let total = self.run(variant, stopAfter: .max).disk.operationCount
        var problems: [String] = []
        for operation in 0...total {
            let run = self.run(variant, stopAfter: operation, ignoringSyncs: ignoringSyncs)
            let states = run.disk.crashStates()
            // With nothing unsynced the eight are the same.
            for crash in run.disk.unsyncedCount == 0 ? states[..<1] : states[...] {
                guard let problem = self.problem(run, variant, crash.disk) else { continue }
                problems.append("\(variant.testDescription), stopped after \(operation), \(crash.kind): \(problem)")
            }
        }
        return problems
    }

    @Test(arguments: Self.variants) func nothingCommittedIsLost(_ variant: Variant) {
        #expect(Self.problems(variant) == [])
    }

    @Test func withoutSyncsItWouldBeSeen() {
        #expect(Self.problems(Self.variants[0], ignoringSyncs: true).count > 10)
    }

    /// A second power cut, at every operation of opening and going on with what the first left.
    @Test func recoveryCanBeInterrupted() {
        let variant = Self.variants[0]
        let total = Self.run(variant, stopAfter: .max).disk.operationCount
        for operation in stride(from: 9, through: total, by: 23) {
            let run = Self.run(variant, stopAfter: operation)
            for kind in [CrashKind.nothingUnsynced, .subset(1), .lastWriteTorn, .metadataFirst] {
                let whole = run.disk.afterCrash(kind)
                _ = Self.problem(run, variant, whole)
                for second in 0..<whole.operationCount {
                    let disk = run.disk.afterCrash(kind)
                    disk.stop(after: second)
                    _ = Self.problem(run, variant, disk)
                    for crash in disk.crashStates() {
                        let problem = Self.problem(run, variant, crash.disk)
                        #expect(problem == nil, "\(operation) \(kind), then \(second) \(crash.kind): \(problem ?? "")")
                    }
                }
            }
        }
    }

    /// A second power cut while what the first left is opened.
    @Test func makingAFileCanBeInterruptedTwice() throws {
        let variant = Self.variants[0]
        for first in 0..<12 {
            let run = Self.run(variant, stopAfter: first)
            guard run.committed == ModelBucket() else { break }
            for kind in [CrashKind.nothingUnsynced, .everything, .lastWriteTorn] {
                for second in 0..<12 {
                    let disk = run.disk.afterCrash(kind)
                    disk.stop(after: second)
                    _ = Self.problem(run, variant, disk)
                    for crash in disk.crashStates() {
                        let problem = Self.problem(run, variant, crash.disk)
                        #expect(problem == nil, "\(first) \(kind), then \(second) \(crash.kind): \(problem ?? "")")
                    }
                }
            }
        }
    }
}

/// Operations that fail, once and from then on.
@Suite struct FaultTests {
    private static let options = BoltDatabase.Options(pageSize: 1024)

    /// Every operation of some commits fails in turn: the commit throws, and either all goes on as if it had not been tried, or
    /// nothing does.
    @Test(arguments: [5, 28] as [Int32], [false, true]) func failedOperations(code: Int32, sticky: Bool) throws {
        for fault in 1... {
            let disk = SimulatedDisk(seed: 1)
            try disk.makeDirectory("/data")
            let database = try BoltDatabase.open(ModelWorkload.path, disk: disk, options: Self.options)
            let start = disk.operationCount
            disk.fail(operation: start + fault, code: code, sticky: sticky)
            var workload = ModelWorkload(seed: 4)
            var committed = ModelBucket()
            var failure: BoltError?
            for _ in 0..<6 {
                do throws(BoltError) {
                    let transaction = try database.begin()
                    try workload.change(transaction)
                    try transaction.commit()
                    committed = workload.expected
                } catch {
                    #expect(error.cause?.code == code && error.file == ModelWorkload.path)
                    failure = failure ?? error
                    workload.expected = committed
                }
            }
            guard let failure else { break }
            #expect(fault < 200)
            if failure.cause?.operation == "fdatasync" {
                #expect(throws: failure) { try database.begin() }
                #expect(throws: failure) { try database.snapshot() }
            } else if !sticky, let snapshot = try? database.snapshot() {
                #expect(try ModelBucket(snapshot.root) == committed, "operation \(fault)")
                #expect(try disk.checked(ModelWorkload.path) == committed, "operation \(fault)")
                snapshot.close()
                try database.begin().rollback()
                #expect(try database.inUseBytes == disk.report(ModelWorkload.path).pages * 1024, "operation \(fault)")
            }
        }
    }

    @Test func aFailedSyncIsTheLastWord() throws {
        let disk = SimulatedDisk(seed: 1)
        try disk.makeDirectory("/data")
        let database = try BoltDatabase.open(ModelWorkload.path, disk: disk, options: Self.options)
        let open = try database.begin()
        try open.createBucketIfMissing([1]).put([2], [3])
        disk.failSyncs(from: disk.operationCount + 1)
        let failure = try #require(throws: BoltError.self) { try open.commit() }
        #expect(failure.cause?.operation == "fdatasync")
        for _ in 0..<2 {
            #expect(throws: failure) { try database.begin() }
            #expect(throws: failure) { try database.snapshot() }
            #expect(throws: failure) { try database.defragment() }
        }
        try database.close()
    }
}
