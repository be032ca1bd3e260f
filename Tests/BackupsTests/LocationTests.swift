import Backups
import Platform
import Testing

@Suite struct LocationTests {
    @Test(arguments: [
        ("/a/b.snapshot", "/a/b.snapshot"), ("file:///a/b.snapshot", "/a/b.snapshot"), ("FILE://localhost/a", "/a"),
        ("file:///a%20b%C3%A9/%25", "/a bé/%"), ("/a%20b", "/a%20b"),
    ]) func pathsAndURIs(text: String, path: String) throws {
        let location = try SnapshotLocation.parse(text)
        #expect(location.path == path)
        #expect(try SnapshotLocation.parse(location.uri) == location)
    }

    @Test func aRelativePathCountsFromHere() throws {
        let here = try SnapshotLocation.parse("./x.db").path
        #expect(here.hasPrefix("/") && here.hasSuffix("/x.db") && !here.contains("/./"))
        #expect(try SnapshotLocation.parse("x.db").path == here)
    }

    @Test(arguments: [
        "", "s3://bucket/x", "http://a/b", "file://host/a", "file://", "file:///a%2", "file:///%zz", "file:///%FF", "/a\0b",
    ])
    func othersAreRefused(text: String) {
        let error = #expect(throws: BackupError.self) { try SnapshotLocation.parse(text) }
        #expect(error?.code == .refused)
    }

    @Test func aBareFileIsDescribedByItsContents() async throws {
        let disk = SimulatedDisk(seed: 1)
        let feed = Feed(revision: 9)
        try disk.makeDirectory("/tmp")
        try disk.open("/tmp/by-hand.db", .create).write(feed.bytes, at: 0)
        let location = try SnapshotLocation.parse("/tmp/by-hand.db")
        let manifest = try await location.verified(disk, inspect: Feed.inspect)
        #expect(manifest.name == "by-hand.db" && manifest.uri == "file:///tmp/by-hand.db")
        #expect(manifest.contents.revision == 9 && manifest.sizeBytes == Int64(feed.bytes.count))
        try disk.flip(1, at: 100, of: "/tmp/by-hand.db")
        let damaged = await #expect(throws: BackupError.self) { try await location.verified(disk, inspect: Feed.inspect) }
        #expect(damaged?.code == .damaged)
        let missing = await #expect(throws: BackupError.self) {
            try await SnapshotLocation(path: "/tmp/none").verified(disk, inspect: Feed.inspect)
        }
        #expect(missing?.code == .notFound)
    }

    @Test func aManifestBesideItIsCompared() async throws {
        let disk = SimulatedDisk(seed: 1)
        let manifest = try await DirectorySnapshotStore.of(disk).receive("a", Feed(revision: 1), at: 1)
        let location = try SnapshotLocation.parse(manifest.uri)
        #expect(try await location.verified(disk, inspect: Feed.inspect) == manifest)
        // Another whole snapshot in its place is refused; a manifest that cannot be read says nothing.
        try disk.edit("/backups/a.snapshot") { $0 = Feed(revision: 2).bytes }
        await #expect(throws: BackupError.self) { try await location.verified(disk, inspect: Feed.inspect) }
        try disk.edit("/backups/a.manifest.json") { $0.removeLast() }
        #expect(try await location.verified(disk, inspect: Feed.inspect).contents.revision == 2)
    }
}
