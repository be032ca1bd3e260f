import ClusterAPI
import Platform
import Testing
import YAML

/// Every field of every spec with every kind of value: a clear error at the field, or a value that comes back whole.
@Suite struct SweepTests {
    /// Values that some field takes, and that none does, as they stand in a file.
    static let values = [
        "", "null", "~", "true", "false", "yes", "0", "1", "3", "9", "10", "-1", "-0", "45", "100000",
        "100001", "1000000000", "2147483648",
        "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
        "18446744073709551616",
        "340282366920938463463374607431768211456", "1.5", "1e3", "1e400", ".nan", ".inf", "-.inf",
        "0x10", "0o17", "''", "' '", "x",
        "'\\0'", "\"\\0\"", "\"\\u0085\"", "\"a\\nb\"", "é", "日本", "./data", "../..", "/", "file:///a",
        "s3://b", "'://'", "127.0.0.1",
        "999.1.1.1", "'::1'", "':::'", "'1::2::3'", "localhost", "a..b", "-a", "UTC", "Europe/Berlin",
        "../../etc/passwd", "'3.5'",
        "'3.5.99999'", "3.5", "'3.5.123456'", "'3'", "'3.5.'", "Etcd", "Native", "etcd", "Retain",
        "Periodic", "Revision", "Approve", "1h",
        "0s", "1ns", "1s", "10s", "50s", "51s", "99999999999999999999h", "9223372036854775807ns",
        "2562048h", "1h1h", "-1s", "1.5h", "h",
        "1", "1 h", "1H", "5m3", "45%", "100%", "101%", "'%'", "-1%", "99999999999999999999%", "1Gi",
        "{revision: 7}", "8Ei", "7Ei", "1.5Gi", "0.1Ki",
        "1.0000000001Gi", "'.5Gi'", "1e3Gi", "1Zi", "1gi", "'* * * * *'", "'@hourly'", "'@every 5m'",
        "'60 * * * *'", "'* * 31 2 *'",
        "'*/0 * * * *'", "'5-1 * * * *'", "'1,2,3'", "[]", "[1]", "{}", "{a: b}", "{path: x}",
        "{mode: Periodic, retention: 1h}",
        "2026-11-22T23:02:56Z", "&a x", "*a", "!!int 3", "|\n      text",
        "'" + String(repeating: "x", count: 5_000) + "'",
        String(repeating: "9", count: 400),
        "[" + String(repeating: "[", count: 30) + String(repeating: "]", count: 30) + "]",
    ]

    private static func fields(_ index: Int) throws -> [String] {
        let schema = try Schema.read(CustomResourceDefinitions.all[index].text)
        return Schema.nodes(of: schema["spec"], at: "spec").sorted()
    }

    /// A file in which one field has one value, and what is required beside it is there.
    private static func file(_ kind: String, _ field: String, _ value: String) -> String {
        let keys = field.split(separator: ".").dropFirst()
        var text = "apiVersion: quorate.dev/v1alpha1\nkind: \(kind)\nmetadata: {name: orders}\nspec:\n"
        if kind != "EtcdCluster", field != "spec.clusterRef" { text += "  clusterRef: orders\n" }
        for (depth, key) in keys.enumerated() {
            text +=
                String(repeating: "  ", count: depth + 1) + key + ":"
                + (depth == keys.count - 1 ? " \(value)\n" : "\n")
        }
        let margin = String(repeating: "  ", count: keys.count)
        if field.hasSuffix("compaction.mode") {
            text += margin + "retention: \(value == "Revision" ? "10" : "1h")\n"
        }
        if field.hasSuffix("options.heartbeatInterval") { text += margin + "electionTimeout: 50s\n" }
        return text
    }

    @Test(arguments: [0, 1, 2])
    func everyValueInEveryField(index: Int) throws {
        let kind = ["EtcdCluster", "EtcdSnapshot", "EtcdRestore"][index]
        let fields = try Self.fields(index)
        #expect(fields.count >= [40, 1, 3][index])
        for field in fields {
            var (taken, refused) = (0, 0)
            for value in Self.values {
                let text = Self.file(kind, field, value)
                let reading = Manifest.read(text)
                let hint: Comment = "\(field): \(value.prefix(60))"
                for error in reading.errors {
                    #expect(error.line > 0 && error.column > 0 && !error.message.isEmpty, hint)
                    #expect(
                        error.path.isEmpty || field.hasPrefix(error.path) || error.path.hasPrefix(field), hint)
                    #expect(error.description.utf8.count < 600, hint)
                }
                if reading.errors.isEmpty {
                    taken += 1
                    #expect(reading.resources.count == 1, hint)
                    try Self.comesBack(reading.resources.map(\.resource), hint)
                } else {
                    refused += 1
                    #expect(reading.resources.isEmpty, hint)
                }
            }
            #expect(taken > 0 && refused > 0, "\(field): \(taken) taken, \(refused) refused")
        }
    }

    private static func comesBack(_ resources: [AnyResource], _ hint: Comment) throws {
        for resource in resources {
            let json = resource.document.json()
            switch resource {
            case .cluster(let cluster): #expect(try EtcdCluster(json: json) == cluster, hint)
            case .snapshot(let snapshot): #expect(try EtcdSnapshot(json: json) == snapshot, hint)
            case .restore(let restore): #expect(try EtcdRestore(json: json) == restore, hint)
            }
        }
    }

    /// The edges of each range: the last value that is taken, and the first that is not.
    @Test(
        arguments: [
            ("replicas", ["1", "9"], ["0", "10"]),
            (
                "engine.version", ["'3.4'", "'3.5'", "'3.5.0'", "'3.4.99999'"],
                ["'3.3'", "'3.6'", "'3.5.'", "'3.5.100000'", "'3.5.1.2'", "'4.5'"]
            ),
            (
                "runtime.process.host",
                [
                    "255.255.255.255", "'::1'", "'1:2:3:4:5:6:7:8'", "'1::8'", "'::ffff:1.2.3.4'", "a",
                    "a-b.c",
                ],
                [
                    "256.0.0.1", "1.2.3", "'1:2:3:4:5:6:7'", "'1:2:3:4:5:6:7:8:9'", "'1::2::3'", "'::12345'",
                    "a_b", "a-", "a..b", "'::'", "01.2.3.4",
                ]
            ),
            (
                "storage.quota", ["1", "2Gi", "1.5Gi", "9223372036854775807", "7Ei"],
                ["0", "-1", "8Ei", "9223372036854775808", "1.5", "0.3Ki"]
            ),
            (
                "options.heartbeatInterval", ["1ms", "10s", "0h0m0s200ms"],
                ["0s", "999us", "10s1ms", "1ms1us", "-1s"]
            ),
            ("options.electionTimeout", ["500ms", "50s"], ["499ms", "50s1ms", "499h"]),
            ("options.snapshotCount", ["1", "1000000000"], ["0", "1000000001"]),
            ("backup.retention.keepLast", ["1", "100000"], ["0", "100001"]),
            ("backup.retention.hourly", ["0", "100000"], ["-1", "100001"]),
            ("backup.retention.daily", ["0", "100000"], ["-1", "100001"]),
            (
                "maintenance.defragmentation.minFragmentation", ["0%", "100%"],
                ["101%", "-1%", "1.5%", "'%'"]
            ),
            ("maintenance.defragmentation.minReclaim", ["0", "7Ei"], ["-1", "8Ei"]),
            (
                "maintenance.compaction",
                ["{retention: 1s}", "{mode: Revision, retention: 1}", "{retention: 87600h}"],
                ["{retention: 0s}", "{mode: Revision, retention: 0}", "{retention: 87600h1s}", "{}"]
            ),
            ("recovery.quorumLoss.waitFor", ["1s", "87600h"], ["999ms", "87600h1ns"]),
            ("recovery.memberLoss.replaceAfter", ["1s", "87600h"], ["999ms", "87600h1ns"]),
            ("tls", ["{}"], ["{a: {}}", "[]", "''"]),
        ] as [(String, [String], [String])])
    func edges(field: String, taken: [String], refused: [String]) {
        for value in taken {
            let errors = Manifest.read(Self.file("EtcdCluster", "spec." + field, value)).errors
            #expect(errors.isEmpty, "\(field): \(value): \(errors)")
        }
        for value in refused {
            #expect(
                !Manifest.read(Self.file("EtcdCluster", "spec." + field, value)).errors.isEmpty,
                "\(field): \(value)")
        }
    }

    @Test(arguments: 0..<6 as Range<UInt64>)
    func mutatedFilesNeverTrap(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let originals = try ["orders", "two-clusters"].map { name in
            // Without comments, so that most mutations hit something.
            try Repository.read("examples/\(name).yaml").split(separator: 0x0A).map { line in
                Array(line.prefix { $0 != 0x23 })
            }.filter { !$0.isEmpty }.joined(separator: [0x0A])
        }.map { Array($0) }
        for turn in 0..<1_000 {
            var bytes = originals[turn % 2]
            for _ in 0..<Int.random(in: 1...4, using: &random) { Self.mutate(&bytes, &random) }
            let reading = Manifest.read(bytes, file: "f")
            for error in reading.errors {
                #expect(error.line > 0 && error.column > 0 && error.file == "f", "seed \(seed)")
            }
            if reading.errors.isEmpty {
                try Self.comesBack(reading.resources.map(\.resource), "seed \(seed)")
            }
        }
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func mutatedObjectsNeverTrap(seed: UInt64) {
        var make = Maker(seed: seed)
        var random = SeededRandom(seed: seed)
        for _ in 0..<150 {
            let original = make.cluster().json()
            for _ in 0..<4 {
                var bytes = original
                Self.mutate(&bytes, &random)
                guard let cluster = try? EtcdCluster(json: bytes) else { continue }
                #expect((try? EtcdCluster(json: cluster.json())) == cluster, "seed \(seed)")
            }
        }
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
        let at = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
        case 1:
            bytes.insert(Array("{}[],:-*/9%&|'\"# \n".utf8).randomElement(using: &random) ?? 0, at: at)
        case 2 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 3 where at < bytes.count: bytes.remove(at: at)
        case 4: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 0...20, using: &random)))
        default:
            let from = Int.random(in: 0...bytes.count, using: &random)
            bytes.insert(contentsOf: bytes[from..<min(bytes.count, from + 20)], at: at)
        }
    }
}
