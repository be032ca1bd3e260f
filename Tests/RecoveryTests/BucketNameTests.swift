import Bolt
import Mutations
import Platform
import Recovery
import Testing

/// A bucket whose name or kind is damaged would be taken for one that is not there.
@Suite struct BucketNameTests {
    private static func damage(_ made: Fabricated, at offset: Int64, to byte: UInt8) throws -> [Finding] {
        let disk = made.disk.afterCrash(.everything)
        try disk.edit("\(made.path)/member/snap/db") { $0[Int(offset)] = byte }
        return try Inspect.run("\(made.path)/member/snap/db", disk: disk).findings.filter(\.isDamage)
    }

    @Test func namesAndKindsOfBuckets() throws {
        let made = try Fabricated(seed: 3, steps: 30, applied: .max)
        let file = try made.disk.open("\(made.path)/member/snap/db", .read)
        let root = try BoltFile(file).root
        var cursor = root.cursor()
        var place: Int64 = 0
        while let entry = try cursor.next() {
            let name = String(decoding: entry.key, as: UTF8.self)
            let first = try #require(entry.key.first)
            #expect(try Self.damage(made, at: entry.offset, to: first) == [])
            let last = entry.offset + Int64(entry.key.count) - 1
            let renamed = try Self.damage(made, at: last, to: UInt8(ascii: "~"))
            #expect(!renamed.isEmpty && renamed.allSatisfy { $0.offset >= 0 }, "\(name) renamed")
            // Others are missed before, or are no longer in order.
            if ["alarm", "authRoles", "authUsers", "cluster", "lease", "members_removed"].contains(name) {
                #expect(renamed.contains { $0.offset == entry.offset && $0.what.contains("\(name) is missing") }, "\(renamed)")
            }
            // The first field of an element is its flags.
            let flags = entry.offset / 4096 * 4096 + 16 + 16 * place
            let changed = try Self.damage(made, at: flags, to: 0)
            #expect(!changed.isEmpty, "\(name) as a key")
            place += 1
        }
        #expect(place == 10)
    }
}
