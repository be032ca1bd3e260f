import Backups
import Crypto
import Platform
import Testing

@Suite struct StoreTests {
    private let disk = SimulatedDisk(seed: 1)
    private var store: DirectorySnapshotStore { .of(self.disk) }

    private func damaged() async throws -> [String: String] { try await self.store.list().damaged }

    @Test func anEmptyOrMissingDirectoryListsNothing() async throws {
        #expect(try await self.store.list() == SnapshotListing(snapshots: [], damaged: [:]))
        try self.disk.makeDirectory("/backups")
        #expect(try await self.store.list() == SnapshotListing(snapshots: [], damaged: [:]))
    }

    @Test(arguments: [1, 31, 32, 33, 512, 100_000]) func aStreamInPiecesOfAnySize(pieces: Int) async throws {
        let feed = Feed(revision: 7)
        let manifest = try await self.store.receive("orders-1", feed, at: 77, pieces: pieces)
        #expect(manifest.uri == "file:///backups/orders-1.snapshot")
        #expect(manifest.sizeBytes == Int64(feed.bytes.count))
        #expect(manifest.contents.revision == 7)
        #expect(manifest.contents.raftIndex == .max)
        #expect(manifest.labels == Feed.labels(77))
        #expect(
            manifest.sha256 == feed.bytes.suffix(32).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined())
        #expect(manifest.previous == "")
        #expect(try self.disk.contents(of: "/backups/orders-1.snapshot") == feed.bytes)
        #expect(try await self.store.list() == SnapshotListing(snapshots: [manifest], damaged: [:]))
        try await self.store.verify(manifest)
    }

    @Test func anyLabelComesBackAsItWas() async throws {
        let writer = try await self.store.begin("odd")
        try await writer.write(Feed(revision: 1).bytes)
        var labels = Feed.labels(0, cluster: "\"\\\u{1}\n\u{2028}é🌳")
        labels.takenAt = Timestamp(nanoseconds: 1_795_391_615_000_000_007)
        let manifest = try await writer.finish(labels)
        #expect(manifest.labels == labels)
        #expect(try await self.store.list().snapshots == [manifest])
    }

    @Test func eachManifestHoldsTheHashOfTheOneBefore() async throws {
        for (index, name) in ["b", "a", "c"].enumerated() {
            // The clock goes back once.
            try await self.store.receive(name, Feed(revision: UInt8(index)), at: index == 1 ? 5 : Int64(10 + index))
        }
        let listed = try await self.store.list().snapshots
        #expect(listed.map(\.name) == ["a", "b", "c"])
        #expect(listed.map(\.previousName) == ["b", "", "a"])
        for manifest in listed where !manifest.previous.isEmpty {
            let bytes = try self.disk.contents(of: "/backups/\(manifest.previousName).manifest.json")
            #expect(
                manifest.previous
                    == SHA256.hash(data: bytes).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined())
        }
    }

    @Test func aBrokenStreamIsRefused() async throws {
        var flipped = Feed(revision: 1).bytes
        flipped[700] ^= 1
        let whole = Feed(revision: 1).bytes
        for bytes in [[], Array(whole.dropLast()), Array(whole.dropLast(32)), Array(whole.dropLast(512)), whole + [0], flipped]
        {
            let writer = try await self.store.begin("s")
            try await writer.write(bytes)
            let error = await #expect(throws: BackupError.self) { try await writer.finish(Feed.labels(1)) }
            #expect(error?.code == .incomplete)
            #expect(try self.disk.list("/backups") == [])
            await #expect(throws: BackupError.self) { try await writer.write([1]) }
            await #expect(throws: BackupError.self) { try await writer.finish(Feed.labels(1)) }
        }
        let error = await #expect(throws: BackupError.self) {
            try await self.store.receive("s", Feed(revision: 255), at: 1)
        }
        #expect(error?.code == .damaged)
        #expect(try self.disk.list("/backups") == [])
    }

    @Test(arguments: ["", ".", "..", "a/b", "/a", ".hidden", "a\0", "a b", "é", String(repeating: "x", count: 201)])
    func aNameThatIsNoneIsRefused(name: String) async {
        let error = await #expect(throws: BackupError.self) { try await self.store.begin(name) }
        #expect(error?.code == .refused)
    }

    @Test func aNameIsGivenOnce() async throws {
        let first = try await self.store.begin("s")
        await #expect(throws: BackupError.self) { try await self.store.begin("s") }
        // One of another name is not swept away with what was left behind.
        let second = try await self.store.begin("t")
        try await first.write(Feed(revision: 1).bytes)
        try await second.write(Feed(revision: 2).bytes)
        _ = try await first.finish(Feed.labels(1))
        _ = try await second.finish(Feed.labels(2))
        #expect(try await self.store.names() == ["s", "t"])
        let error = await #expect(throws: BackupError.self) { try await self.store.begin("s") }
        #expect(error?.code == .refused)
    }

    @Test func removalKeepsTheChainAndTheLastGoodOne() async throws {
        var manifests: [SnapshotManifest] = []
        for index in 0..<4 as Range<UInt8> {
            manifests.append(try await self.store.receive("s\(index)", Feed(revision: index), at: Int64(index)))
        }
        try await self.store.remove(manifests[1])
        try await self.store.remove(manifests[0])
        #expect(try await self.store.list() == SnapshotListing(snapshots: Array(manifests[2...]), damaged: [:]))
        let again = await #expect(throws: BackupError.self) { try await self.store.remove(manifests[0]) }
        #expect(again?.code == .notFound)
        try await self.store.remove(manifests[3])
        let last = await #expect(throws: BackupError.self) { try await self.store.remove(manifests[2]) }
        #expect(last?.code == .refused)
        #expect(try await self.store.list() == SnapshotListing(snapshots: [manifests[2]], damaged: [:]))
        let next = try await self.store.receive("s4", Feed(revision: 4), at: 4)
        #expect(next.previousName == "s2")
        #expect(try await self.store.list() == SnapshotListing(snapshots: [manifests[2], next], damaged: [:]))
    }

    /// A snapshot whose manifest is damaged is no reason to remove the only other one.
    @Test func theLastGoodOneIsCountedAmongTheGood() async throws {
        let manifest = try await self.store.receive("a", Feed(revision: 1), at: 1)
        try await self.store.receive("b", Feed(revision: 2), at: 2)
        try self.disk.edit("/backups/b.snapshot") { $0.removeLast() }
        #expect(try await self.damaged().keys.sorted() == ["b.manifest.json"])
        let error = await #expect(throws: BackupError.self) { try await self.store.remove(manifest) }
        #expect(error?.code == .refused)
    }

    @Test func damageAndForeignFilesAreNamed() async throws {
        for (index, name) in ["a", "b", "c", "d", "e"].enumerated() {
            try await self.store.receive(name, Feed(revision: UInt8(index)), at: Int64(index))
        }
        try self.disk.edit("/backups/a.manifest.json") { $0[40] ^= 1 }
        try self.disk.remove("/backups/b.snapshot")
        try self.disk.rename("/backups/d.manifest.json", to: "/backups/x.manifest.json")
        for name in ["notes.txt", "hand.snapshot", "empty.manifest.json"] {
            try self.disk.open("/backups/\(name)", .create).close()
        }
        let listing = try await self.store.list()
        #expect(listing.snapshots.map(\.name) == ["c", "e"])
        #expect(
            listing.damaged.keys.sorted() == [
                "a.manifest.json", "b.manifest.json", "d.manifest.json", "d.snapshot", "empty.manifest.json", "hand.snapshot",
                "notes.txt", "x.manifest.json",
            ])
    }

    /// Each byte of a manifest, and each cut: the snapshot is left out, and told of.
    @Test func aChangedManifestIsSeen() async throws {
        try await self.store.receive("a", Feed(revision: 1), at: 1)
        let whole = try self.disk.contents(of: "/backups/a.manifest.json")
        for offset in whole.indices {
            try self.disk.edit("/backups/a.manifest.json") { $0[offset] ^= UInt8(1 << (offset % 8)) }
            let listing = try await self.store.list()
            #expect(listing.snapshots.isEmpty && listing.damaged.count == 1, "byte \(offset)")
            try self.disk.edit("/backups/a.manifest.json") { $0 = Array(whole.prefix(offset)) }
            #expect(try await self.store.list().snapshots.isEmpty, "cut at \(offset)")
            try self.disk.edit("/backups/a.manifest.json") { $0 = whole }
        }
        #expect(try await self.store.names() == ["a"])
    }

    /// A manifest that is sound in itself, but not the one that its successor followed.
    @Test func anExchangedManifestIsSeen() async throws {
        try await self.store.receive("a", Feed(revision: 1), at: 1)
        try await self.store.receive("b", Feed(revision: 2), at: 2)
        let other = SimulatedDisk(seed: 2)
        try await DirectorySnapshotStore.of(other).receive("a", Feed(revision: 1), at: 99)
        let exchanged = try other.contents(of: "/backups/a.manifest.json")
        try self.disk.edit("/backups/a.manifest.json") { $0 = exchanged }
        let listing = try await self.store.list()
        #expect(listing.snapshots.map(\.name) == ["b"])
        #expect(listing.damaged["a.manifest.json"]?.contains("was changed") == true)
    }

    @Test func verificationReadsEveryByte() async throws {
        let manifest = try await self.store.receive("a", Feed(revision: 1), at: 1)
        for offset in 0..<Int(manifest.sizeBytes) {
            try self.disk.flip(4, at: offset, of: "/backups/a.snapshot")
            let error = await #expect(throws: BackupError.self, "byte \(offset)") { try await self.store.verify(manifest) }
            #expect(error?.code == .damaged)
            try self.disk.flip(4, at: offset, of: "/backups/a.snapshot")
        }
        try await self.store.verify(manifest)
        // A whole snapshot, but another one.
        try self.disk.edit("/backups/a.snapshot") { $0 = Feed(revision: 2).bytes }
        await #expect(throws: BackupError.self) { try await self.store.verify(manifest) }
    }

    @Test func aDamagedRecordOfRemovalsIsMovedAside() async throws {
        var manifests: [SnapshotManifest] = []
        for index in 0..<3 as Range<UInt8> {
            manifests.append(try await self.store.receive("s\(index)", Feed(revision: index), at: Int64(index)))
        }
        try await self.store.remove(manifests[0])
        try self.disk.edit("/backups/chain.json") { $0[10] ^= 1 }
        #expect(try await self.damaged().keys.sorted() == ["chain.json", "s0.manifest.json"])
        try await self.store.remove(manifests[1])
        #expect(try await self.store.names() == ["s2"])
        #expect(try self.disk.list("/backups").contains("chain.json.damaged"))
    }

    @Test func roomIsAskedFor() async throws {
        let store = DirectorySnapshotStore(
            path: "/backups", disk: self.disk, freeBytes: { _ in 10 << 20 }, inspect: Feed.inspect)
        try await store.requireSpace(for: 8 << 20)
        let error = await #expect(throws: BackupError.self) { try await store.requireSpace(for: 12 << 20) }
        #expect(error?.code == .refused)
        #expect(error?.message.contains("10485760") == true)
        let unknown = DirectorySnapshotStore(path: "/backups", disk: self.disk, freeBytes: { _ in nil }, inspect: Feed.inspect)
        try await unknown.requireSpace(for: .max)
        #expect(try #require(freeBytes(at: "/no/such/directory")) > 0)
    }
}
