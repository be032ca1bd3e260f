import ClusterAPI
import Platform
import Testing
import YAML

/// What is written is read back, every field of it.
@Suite struct RoundTripTests {
    @Test(arguments: 0..<60 as Range<UInt64>)
    func nothingIsLost(seed: UInt64) throws {
        var make = Maker(seed: seed)
        for _ in 0..<5 {
            let cluster = make.cluster()
            #expect(try EtcdCluster(json: cluster.json()) == cluster, "seed \(seed)")
            let read = try #require(Node.read(yaml: Array(cluster.yaml().utf8)).first?.root)
            #expect(try EtcdCluster(document: read, file: "") == cluster, "seed \(seed)")
            #expect(try EtcdCluster(json: cluster.json()).json() == cluster.json(), "seed \(seed)")
            let snapshot = make.snapshot()
            #expect(try EtcdSnapshot(json: snapshot.json()) == snapshot, "seed \(seed)")
            let restore = make.restore()
            #expect(try EtcdRestore(json: restore.json()) == restore, "seed \(seed)")
            let event = make.event()
            #expect(try Event(json: event.json()) == event, "seed \(seed)")
            let plan = make.plan()
            #expect(try Plan(json: plan.json()) == plan, "seed \(seed)")
        }
    }

    /// The makers above must not be poorer than the types: every field that the schema has shows in what they write.
    @Test func everyFieldIsMade() throws {
        var missing: Set<String> = []
        for file in CustomResourceDefinitions.all {
            let schema = try Schema.read(file.text)
            missing.formUnion(Schema.leaves(of: schema["spec"], at: "\(file.name) spec"))
            missing.formUnion(Schema.leaves(of: schema["status"], at: "\(file.name) status"))
        }
        #expect(missing.count > 60)
        var make = Maker(seed: 1)
        for _ in 0..<400 {
            for (name, document) in [
                ("etcdclusters.yaml", make.cluster().document),
                ("etcdsnapshots.yaml", make.snapshot().document),
                ("etcdrestores.yaml", make.restore().document),
            ] {
                missing.subtract(Schema.paths(in: document["spec"], at: "\(name) spec"))
                missing.subtract(Schema.paths(in: document["status"], at: "\(name) status"))
            }
        }
        #expect(missing.isEmpty, "\(missing.sorted())")
    }

    @Test func equalValuesGiveEqualBytes() {
        let names = (0..<50).map { "k\($0)" }
        var one = ObjectMeta(name: "a")
        var other = ObjectMeta(name: "a")
        for name in names { one.labels[name] = "v" }
        for name in names.reversed() { other.labels[name] = "v" }
        let spec = EtcdClusterSpec()
        #expect(
            EtcdCluster(metadata: one, spec: spec).json()
                == EtcdCluster(metadata: other, spec: spec).json())
    }

    /// An older program reads what a newer one stored; but never a spec that it does not understand.
    @Test func newerStatusIsReadAndNewerSpecIsNot() throws {
        var make = Maker(seed: 3)
        var cluster = make.cluster()
        cluster.status.members = [MemberStatus(name: "orders-0")]
        cluster.status.operation = nil
        var document = try #require(cluster.document.mapping)
        var metadata = try #require(document["metadata"]?.mapping)
        metadata["managedFields"] = [.mapping(["manager": "kubectl"])]
        document["metadata"] = .mapping(metadata)
        var status = try #require(document["status"]?.mapping)
        status["mood"] = "good"
        status["phase"] = "Dreaming"
        status["members"] = [.mapping(["name": "orders-0", "state": "Dozing", "dreams": [1, 2]])]
        document["status"] = .mapping(status)
        let read = try EtcdCluster(document: .mapping(document), file: "")
        #expect(read.spec == cluster.spec)
        #expect(read.status.phase == .pending && read.status.members.map(\.state) == [.unhealthy])

        status["operation"] = .mapping([
            "type": "Dream", "step": "a", "startedAt": "2026-11-22T23:02:56Z",
        ])
        document["status"] = .mapping(status)
        #expect(throws: SpecErrors.self) { try EtcdCluster(document: .mapping(document), file: "") }

        status["operation"] = nil
        document["status"] = .mapping(status)
        var spec = try #require(document["spec"]?.mapping)
        spec["dreams"] = true
        document["spec"] = .mapping(spec)
        #expect {
            try EtcdCluster(json: Node.mapping(document).json())
        } throws: {
            ($0 as? SpecErrors)?.errors.map(\.path) == ["spec.dreams"]
        }
    }

    @Test func absentFieldsHaveTheirDefaults() throws {
        let json =
            #"{"apiVersion":"quorate.dev/v1alpha1","kind":"EtcdCluster","metadata":{"name":"a","labels":null},"spec":{}}"#
        let expected = EtcdCluster(metadata: ObjectMeta(name: "a"), spec: EtcdClusterSpec())
        #expect(try EtcdCluster(json: Array(json.utf8)) == expected)
        #expect(throws: SpecErrors.self) { try EtcdSnapshot(json: Array(json.utf8)) }
        #expect(throws: SpecErrors.self) { try EtcdCluster(json: Array("nothing".utf8)) }
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (1, "1970-01-01T00:00:00.000000001Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (1_500_000_000, "1970-01-01T00:00:01.5Z"),
            (9_223_372_036_854_775_807, "2262-04-11T23:47:16.854775807Z"),
        ] as [(Int64, String)])
    func timesAreExact(nanoseconds: Int64, text: String) {
        let time = Timestamp(nanoseconds: nanoseconds)
        #expect(time.rfc3339 == text)
        #expect(Timestamp(rfc3339: text) == time)
    }
}
