import ClusterAPI
import Testing
import YAML

/// What is wrong is told with its place, its field and what was expected.
@Suite struct ManifestErrorTests {
    @Test func readsAsTheManualSays() {
        let reading = Manifest.read(manifest("backup:\n  schedule: \"61 * * * *\""))
        #expect(
            reading.errors.map(\.description) == [
                #"orders.yaml:6:15: spec.backup.schedule: "61 * * * *": minute must be 0-59"#
            ])
        #expect(reading.resources.isEmpty)
    }

    @Test(arguments: [
        ("replicas: three", #"5:13: spec.replicas: "three": must be a whole number, 1 to 9"#),
        ("replicas: 3.0", "5:13: spec.replicas: 3.0: must be a whole number, 1 to 9"),
        ("replicas: 10", "5:13: spec.replicas: 10: must be 1 to 9"),
        ("replicas: -1", "5:13: spec.replicas: -1: must be 1 to 9"),
        ("replicas:", "5:12: spec.replicas: is empty: give a value, or remove the line"),
        ("replicas: [3]", "5:13: spec.replicas: a list: must be a whole number, 1 to 9"),
        ("replica: 3", "5:3: spec.replica: unknown field; did you mean replicas?"),
        ("Replicas: 3", "5:3: spec.Replicas: unknown field; did you mean replicas?"),
        ("engine: Etcd", #"5:11: spec.engine: "Etcd": must be a mapping"#),
        ("engine: {type: etcd}", #"5:18: spec.engine.type: "etcd": must be Native or Etcd; did you mean Etcd?"#),
        (
            "engine: {type: Native, version: '3.4'}",
            #"5:35: spec.engine.version: "3.4": the native engine keeps the API and disk of etcd 3.5: give version "3.5" or "#
                + "none, or type: Etcd"
        ),
        ("engine: {version: 3.5}", #"5:21: spec.engine.version: 3.5: must be a string; write "3.5""#),
        (
            "engine: {version: '3.6'}",
            #"5:21: spec.engine.version: "3.6": must be 3.4 or 3.5, or with a patch such as 3.5.1"#
        ),
        ("engine: {versoin: '3.5'}", "5:12: spec.engine.versoin: unknown field; did you mean version?"),
        (
            "engine: {zzz: 1}",
            "5:12: spec.engine.zzz: unknown field; known here: binaryDirectory, type, version"
        ),
        ("runtime: {kubernetes: {}}", "5:25: spec.runtime.kubernetes: not supported yet"),
        (
            "runtime:\n  process:\n    host: a b",
            #"7:13: spec.runtime.process.host: "a b": must be an IP address or a host name"#
        ),
        (
            "runtime: {process: {host: 0.0.0.0}}",
            #"5:29: spec.runtime.process.host: "0.0.0.0": must be an address that members can be reached by"#
        ),
        (
            "runtime: {process: {dataDirectory: ''}}",
            #"5:38: spec.runtime.process.dataDirectory: "": must not be empty"#
        ),
        ("storage: {quota: 0}", "5:20: spec.storage.quota: 0: must be 1 or more"),
        (
            "storage: {quota: 2GB}",
            #"5:20: spec.storage.quota: "2GB": must be a number of bytes such as 2Gi, 100Mi or 1G: there "#
                + #"is no unit "GB"; did you mean G?"#
        ),
        (
            "storage: {quota: 99999999999999999999}",
            "5:20: spec.storage.quota: 99999999999999999999: must be a number of bytes such as 2Gi, 100Mi or 1G"
        ),
        ("storage: {quota: 9000000Ti}", #"5:20: spec.storage.quota: "9000000Ti": is too large"#),
        (
            "options: {heartbeatInterval: 100}",
            "5:32: spec.options.heartbeatInterval: 100: must be a duration such as 100ms, 5m or 1h30m"
        ),
        (
            "options: {electionTimeout: 51s}",
            #"5:30: spec.options.electionTimeout: "51s": must be 5ms to 50s"#
        ),
        (
            "options: {electionTimeout: 499ms}",
            #"5:30: spec.options.electionTimeout: "499ms": electionTimeout must be at least 5 times heartbeatInterval, 500ms"#
        ),
        (
            "options: {heartbeatInterval: 300ms}",
            #"5:32: spec.options.heartbeatInterval: "300ms": electionTimeout must be at least 5 times "#
                + #"heartbeatInterval, 1s500ms"#
        ),
        ("options: {snapshotCount: 0}", "5:28: spec.options.snapshotCount: 0: must be 1 to 1000000000"),
        ("tls: {client: {}}", "5:8: spec.tls: not supported yet"),
        (
            "backup: {archive: {maxLag: 5}}",
            "5:30: spec.backup.archive.maxLag: 5: must be a duration such as 100ms, 5m or 1h30m"
        ),
        ("backup: {verification: {}}", "5:26: spec.backup.verification: not supported yet"),
        ("backup: {store: {s3: {bucket: b}}}", "5:24: spec.backup.store.s3: not supported yet"),
        ("backup: {store: {directory: {}}}", "5:31: spec.backup.store.directory.path: required"),
        (
            "backup: {schedule: '* * * *'}",
            #"5:22: spec.backup.schedule: "* * * *": must have five fields (minute hour day-of-month "#
                + #"month day-of-week), and has 4"#
        ),
        (
            "backup: {timeZone: ../etc}",
            #"5:22: spec.backup.timeZone: "../etc": must be a time zone such as Europe/Berlin or UTC"#
        ),
        ("backup: {suspend: yes}", #"5:21: spec.backup.suspend: "yes": must be true or false"#),
        (
            "backup: {retention: {keepLast: 0}}",
            "5:34: spec.backup.retention.keepLast: 0: must be 1 to 100000"
        ),
        (
            "maintenance: {compaction: {mode: Periodic}}",
            "5:29: spec.maintenance.compaction.retention: required"
        ),
        (
            "maintenance: {compaction: {mode: Periodic, retention: 10}}",
            "5:57: spec.maintenance.compaction.retention: 10: must be a duration such as 1h where mode is Periodic"
        ),
        (
            "maintenance: {compaction: {mode: Revision, retention: 1h}}",
            #"5:57: spec.maintenance.compaction.retention: "1h": must be a number of revisions such as "#
                + #"10000 where mode is Revision"#
        ),
        (
            "maintenance: {defragmentation: {minFragmentation: 45}}",
            "5:53: spec.maintenance.defragmentation.minFragmentation: 45: must be a percentage; write 45%"
        ),
        (
            "maintenance: {defragmentation: {minFragmentation: 101%}}",
            #"5:53: spec.maintenance.defragmentation.minFragmentation: "101%": must be 0% to 100%"#
        ),
        (
            "recovery: {quorumLoss: {mode: Automatc}}",
            #"5:33: spec.recovery.quorumLoss.mode: "Automatc": must be Manual, Approve or Automatic; did you mean Automatic?"#
        ),
        ("recovery: {quorumLoss: 5m}", #"5:26: spec.recovery.quorumLoss: "5m": must be a mapping"#),
        (
            "recovery: {quorumLos: {}}",
            "5:14: spec.recovery.quorumLos: unknown field; did you mean quorumLoss?"
        ),
        (
            "recovery: {memberLoss: {replaceAfter: 0s}}",
            #"5:41: spec.recovery.memberLoss.replaceAfter: "0s": must be 1s to 87600h"#
        ),
        (
            "recovery: {memberLoss: {replaceAfter: 1d}}",
            #"5:41: spec.recovery.memberLoss.replaceAfter: "1d": must be a duration such as 100ms, 5m or "#
                + #"1h30m: there is no unit "d""#
        ),
        (
            "recovery: {memberLoss: {replaceAfter: 1.5h}}",
            #"5:41: spec.recovery.memberLoss.replaceAfter: "1.5h": must be a duration such as 100ms, 5m "#
                + #"or 1h30m, in whole numbers"#
        ),
        (
            "bootstrap: {restore: {from: 's3://b/x'}}",
            #"5:31: spec.bootstrap.restore.from: "s3://b/x": must be a path, or a URI that begins with file:///"#
        ),
        (
            "bootstrap: {restore: {target: {}}}",
            "5:33: spec.bootstrap.restore.target.latest: "
                + "give exactly one of latest: true, revision, time, beforeDelete"
        ),
        (
            "bootstrap: {restore: {target: {revision: 9, time: 2026-11-22T14:03:22Z}}}",
            "5:44: spec.bootstrap.restore.target.revision: 9: "
                + "give exactly one of latest: true, revision, time, beforeDelete"
        ),
        (
            "bootstrap: {restore: {target: {latest: false}}}",
            "5:42: spec.bootstrap.restore.target.latest: false: must be true; for another moment name that instead"
        ),
        (
            "bootstrap: {restore: {target: {revision: 0}}}",
            "5:44: spec.bootstrap.restore.target.revision: 0: must be 1 or more"
        ),
        (
            "bootstrap: {restore: {target: {time: yesterday}}}",
            #"5:40: spec.bootstrap.restore.target.time: "yesterday": must be a time such as 2026-11-22T23:02:56Z"#
        ),
        (
            "bootstrap: {restore: {target: {beforeDelete: ''}}}",
            #"5:48: spec.bootstrap.restore.target.beforeDelete: "": is no key"#
        ),
        (
            "bootstrap: {restore: {target: {beforedelete: /a}}}",
            "5:34: spec.bootstrap.restore.target.beforedelete: unknown field; did you mean beforeDelete?"
        ),
        (
            "bootstrap: {restore: {target: {marker: deploy}}}",
            "5:42: spec.bootstrap.restore.target.marker: not supported yet: name a revision, a time, or beforeDelete"
        ),
        ("paused: 1", "5:11: spec.paused: 1: must be true or false"),
        (
            "deletionPolicy: Remove",
            #"5:19: spec.deletionPolicy: "Remove": must be Retain, SnapshotThenDelete or Delete"#
        ),
        ("replicas: 3\nreplicas: 5", #"6:3: spec: "replicas" is given twice, first in line 5"#),
        ("replicas: *three", "5:13: spec.replicas: aliases are not allowed: write the value out"),
    ])
    func tells(spec: String, expected: String) {
        let reading = Manifest.read(manifest(spec))
        // A refused alias leaves nothing behind, and that is told as well.
        #expect(reading.errors.first?.description == "orders.yaml:" + expected)
        #expect(reading.errors.count == 1 || spec.contains("*three"))
        #expect(reading.resources.isEmpty)
    }

    @Test(arguments: [
        ("a: 1", "1:1: kind: required: EtcdCluster, EtcdSnapshot or EtcdRestore"),
        ("- 1", "1:1: a list: must be a mapping with apiVersion, kind, metadata and spec"),
        (
            "kind: EtcdClutser",
            #"1:7: kind: "EtcdClutser": must be EtcdCluster, EtcdSnapshot or EtcdRestore; did you mean EtcdCluster?"#
        ),
        (
            "kind: EtcdSnapshot\napiVersion: v1\nmetadata: {name: a}\nspec: {clusterRef: b}",
            #"2:13: apiVersion: "v1": must be quorate.dev/v1alpha1"#
        ),
        (
            "kind: EtcdSnapshot\napiVersion: quorate.dev/v1alpha1\nmetadata: {name: A_b}\nspec: {clusterRef: b}",
            #"3:18: metadata.name: "A_b": must be 1 to 63 lower-case letters, digits and -, with a "#
                + #"letter or digit first and last"#
        ),
        (
            "kind: EtcdSnapshot\napiVersion: quorate.dev/v1alpha1\nmetadata: {name: a, selfLink: x}\nspec: {clusterRef: b}",
            "3:21: metadata.selfLink: unknown field; known here: annotations, creationTimestamp, deletionTimestamp, finalizers,"
                + " generation, labels, name, namespace, resourceVersion, uid"
        ),
        (
            "kind: EtcdSnapshot\napiVersion: quorate.dev/v1alpha1\nmetadata: {name: a, labels: {-x: y}}\nspec: {clusterRef: b}",
            "3:30: metadata.labels.-x: must be a name of at most 63 letters, digits, -, _ and ., with an "
                + "optional prefix such as"
                + " example.com/"
        ),
        (
            "kind: EtcdSnapshot\napiVersion: quorate.dev/v1alpha1\nmetadata: {name: a, labels: {x: 1}}\nspec: {clusterRef: b}",
            #"3:33: metadata.labels.x: 1: must be a string; write "1""#
        ),
        (
            "kind: EtcdSnapshot\napiVersion: quorate.dev/v1alpha1\nmetadata: {name: a}\nspec: {}",
            "4:7: spec.clusterRef: required"
        ),
        (
            "kind: EtcdSnapshot\napiVersion: quorate.dev/v1alpha1\nmetadata: {name: a}",
            "1:1: spec: required"
        ),
        (
            "kind: EtcdRestore\napiVersion: quorate.dev/v1alpha1\nmetadata: {name: a}\nspec: {clusterRef: b, mode: NewCluster}",
            "4:29: spec.mode: not supported yet: the cluster is restored in place; for a new one use spec.bootstrap.restore"
        ),
        ("a: [", "2:1: did not find expected node content, while parsing a flow node"),
    ])
    func tellsOfDocuments(text: String, expected: String) {
        let reading = Manifest.read(text + "\n")
        #expect(reading.errors.map(\.description) == ["orders.yaml:" + expected])
        #expect(reading.resources.isEmpty)
    }

    @Test func tellsAllAtOnceInTheOrderOfTheText() {
        let reading = Manifest.read(
            """
            apiVersion: quorate.dev/v1
            kind: EtcdCluster
            metadata: {name: Orders}
            spec:
              replicas: 12
              engine: {type: Other, version: 3.5}
              backup:
                schedule: "0 24 * * *"
                retain: {keepLast: 3}
            ---
            apiVersion: quorate.dev/v1alpha1
            kind: EtcdCluster
            metadata: {name: good}
            spec: {}
            ---
            apiVersion: quorate.dev/v1alpha1
            kind: EtcdCluster
            metadata: {name: bad}
            spec: {tls: {a: b}}
            """)
        #expect(
            reading.errors.map { "\($0.line):\($0.column) \($0.path)" } == [
                "1:13 apiVersion", "3:18 metadata.name", "5:13 spec.replicas", "6:18 spec.engine.type",
                "6:34 spec.engine.version",
                "8:15 spec.backup.schedule", "9:5 spec.backup.retain", "19:13 spec.tls",
            ])
        // The document between them is whole, and is told as well; whoever applies a file looks at the errors first.
        #expect(reading.resources.map(\.resource.metadata.name) == ["good"])
        #expect(reading.resources.map(\.mark.line) == [11])
    }

    @Test func namesTimeZonesThatNobodyKnows() {
        let text = manifest(
            """
            backup: {schedule: "0 3 * * *", timeZone: Europe/Berln}
            maintenance:
              defragmentation: {schedule: "0 3 * * *", timeZone: Mars/Base}
            """)
        let bytes = Array(text.utf8)
        let reading = Manifest.read(bytes, file: "orders.yaml", knowsZone: { _ in false })
        let verdict = "is no time zone of this machine: see /usr/share/zoneinfo"
        #expect(
            reading.errors.map(\.description) == [
                #"orders.yaml:5:45: spec.backup.timeZone: "Europe/Berln": \#(verdict)"#,
                #"orders.yaml:7:56: spec.maintenance.defragmentation.timeZone: "Mars/Base": \#(verdict)"#,
            ])
        #expect(reading.resources.isEmpty)
        #expect(Manifest.read(bytes, file: "orders.yaml", knowsZone: { _ in true }).errors.isEmpty)
        #expect(Manifest.read(bytes, file: "orders.yaml").errors.isEmpty)
        // What has no zone's form is one error, not two.
        let formless = Array(manifest("backup: {timeZone: ../etc}").utf8)
        #expect(Manifest.read(formless, file: "orders.yaml", knowsZone: { _ in false }).errors.count == 1)
    }

    @Test func saysWhatDocumentsAreAbout() {
        let reading = Manifest.read(
            manifest("replicas: 12") + "---\na: [1]\n---\n" + manifest("replicas: 1", metadata: "{name: b, namespace: n}"))
        #expect(
            reading.named == [
                ResourceIdentity(kind: "EtcdCluster", namespace: "default", name: "orders"),
                ResourceIdentity(kind: "EtcdCluster", namespace: "n", name: "b"),
            ])
    }

    @Test func refusesOneNameTwice() {
        let text = manifest("replicas: 1") + "---\n" + manifest("replicas: 3")
        let reading = Manifest.read(text)
        #expect(
            reading.errors.map(\.description) == [
                #"orders.yaml:9:18: metadata.name: EtcdCluster "orders" is in line 3 already"#
            ])
        let elsewhere =
            manifest("replicas: 1") + "---\n"
            + manifest("replicas: 3", metadata: "{name: orders, namespace: b}")
        #expect(Manifest.read(elsewhere).errors.isEmpty)
        #expect(Manifest.read(elsewhere).resources.count == 2)
    }

    @Test(arguments: [
        (
            "replicas: 4",
            "5:13: spec.replicas: 4: an even number of members tolerates no more failures than 3 do"
        ),
        (
            "storage: {quota: 9Gi}",
            #"5:20: spec.storage.quota: "9Gi": etcd warns above 8Gi: members start and recover slowly"#
        ),
        (
            "recovery: {quorumLoss: {mode: Automatic}}",
            "5:13: spec.recovery: quorumLoss.mode is Automatic, and without spec.backup there is nothing to recover from"
        ),
        (
            "backup: {timeZone: UTC}",
            #"5:22: spec.backup.timeZone: "UTC": says nothing without schedule"#
        ),
    ])
    func warns(spec: String, expected: String) {
        let reading = Manifest.read(manifest(spec))
        #expect(reading.errors.isEmpty && reading.resources.count == 1)
        #expect(reading.warnings.map(\.description) == ["orders.yaml:" + expected])
    }

    /// What `get -o yaml` prints can be applied again; what only the controller sets does not count.
    @Test func passesOverWhatTheControllerSets() throws {
        var cluster = EtcdCluster(metadata: ObjectMeta(name: "orders"), spec: EtcdClusterSpec())
        cluster.metadata.uid = "u"
        cluster.metadata.generation = 7
        cluster.metadata.resourceVersion = "12"
        cluster.status.readyReplicas = 3
        let reading = Manifest.read(cluster.yaml())
        #expect(reading.errors.isEmpty)
        #expect(
            reading.warnings.map(\.path) == [
                "metadata.uid", "metadata.resourceVersion", "metadata.generation", "status",
            ])
        let expected = EtcdCluster(metadata: ObjectMeta(name: "orders"), spec: EtcdClusterSpec())
        #expect(reading.resources.map(\.resource) == [.cluster(expected)])
    }

    @Test func anEmptyFileHasNothingInIt() {
        for text in ["", "# nothing\n", "---\n", "---\n---\n"] {
            let reading = Manifest.read(text)
            #expect(reading.resources.isEmpty && reading.errors.isEmpty, "\(text)")
        }
    }
}
