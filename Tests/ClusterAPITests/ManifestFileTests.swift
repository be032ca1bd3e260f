import ClusterAPI
internal import Glibc
import Testing
import YAML

/// The files beside the sources say what the sources say.
@Suite struct ManifestFileTests {
    /// With `UPDATE=1` in the environment the files are written instead.
    @Test(arguments: CustomResourceDefinitions.all)
    func definitionsAreInStep(file: CustomResourceDefinitions.File) throws {
        let name = "manifests/\(file.name)"
        if unsafe getenv("UPDATE") != nil { try Repository.write(Array(file.text.utf8), to: name) }
        #expect(
            try String(decoding: Repository.read(name), as: UTF8.self) == file.text,
            "run again with UPDATE=1")
    }

    @Test func definitionsAreWhole() throws {
        for file in CustomResourceDefinitions.all {
            let documents = Node.read(yaml: Array(file.text.utf8))
            #expect(documents.count == 1 && documents.flatMap(\.errors) == [])
            let version = documents[0].root?["spec"]?["versions"]?[0]
            #expect(version?["subresources"]?["status"] != nil)
            let fields = Schema.leaves(of: try Schema.read(file.text)["spec"], at: "spec")
            #expect(
                fields.contains(
                    file.name == "etcdclusters.yaml" ? "spec.backup.store.directory.path" : "spec.clusterRef")
            )
        }
        #expect(
            CustomResourceDefinitions.all.map(\.name) == [
                "etcdclusters.yaml", "etcdsnapshots.yaml", "etcdrestores.yaml",
            ])
    }

    /// Each default of the schema is what an empty spec means.
    @Test func defaultsAreTheDefaults() throws {
        let schema = try Schema.read(CustomResourceDefinitions.all[0].text)
        let document = EtcdCluster(metadata: ObjectMeta(name: "a"), spec: EtcdClusterSpec()).document
        var checked = 0
        func walk(_ schema: Node?, _ value: Node?, _ path: String) {
            guard let value else { return }
            if let fallback = schema?["default"] {
                #expect(fallback == value, "\(path)")
                checked += 1
            }
            for entry in schema?["properties"]?.mapping?.entries ?? [] {
                walk(entry.value, value[entry.key], "\(path).\(entry.key)")
            }
        }
        walk(schema["spec"], document["spec"], "spec")
        #expect(checked >= 12)
    }

    @Test(arguments: [
        ("smallest", ["scratch"]), ("orders", ["orders"]), ("fullest", ["fullest"]),
        ("restore-into-new", ["orders-copy"]),
        ("two-clusters", ["sessions", "inventory"]),
    ])
    func examplesAreRead(name: String, clusters: [String]) throws {
        let reading = Manifest.read(try Repository.read("examples/\(name).yaml"), file: "\(name).yaml")
        #expect(reading.errors == [] && reading.warnings == [])
        #expect(reading.resources.map(\.resource.metadata.name) == clusters)
    }

    /// The fullest example shows every field there is.
    @Test func theFullestIsFull() throws {
        let root = try #require(
            Node.read(yaml: try Repository.read("examples/fullest.yaml")).first?.root)
        let shown = Schema.paths(in: root["spec"], at: "spec")
        let all = Schema.leaves(
            of: try Schema.read(CustomResourceDefinitions.all[0].text)["spec"], at: "spec")
        // Of a restore's target only one field can stand there.
        let targets = all.filter { $0.hasPrefix("spec.bootstrap.restore.target.") }
        #expect(targets.count == 4 && targets.intersection(shown).count == 1)
        let missing = all.subtracting(shown).subtracting(targets)
        #expect(missing.isEmpty, "\(missing.sorted())")
    }

    @Test func theUnitLetsMembersLive() throws {
        let unit = try String(decoding: Repository.read("manifests/quorate.service"), as: UTF8.self)
        #expect(unit.split(separator: "\n").contains("KillMode=process"))
    }
}
