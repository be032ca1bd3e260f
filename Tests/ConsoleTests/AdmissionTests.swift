import ClusterAPI
import Console
import Platform
import Testing

@Suite struct AdmissionTests {
    private let now = Timestamp(seconds: 1_795_388_576)

    private func desired(_ replicas: Int = 3) -> EtcdCluster {
        var cluster = EtcdCluster(metadata: ObjectMeta(name: "orders"), spec: EtcdClusterSpec())
        cluster.spec.replicas = replicas
        return cluster
    }

    private func stored() throws -> EtcdCluster {
        var cluster = try Admission.apply(existing: nil, desired: self.desired(), now: self.now, uid: "u1")
        cluster.metadata.resourceVersion = "7"
        return cluster
    }

    @Test func fillsInWhatTheServerKnows() throws {
        var wish = self.desired()
        wish.metadata.uid = "mine"
        wish.metadata.generation = 99
        wish.metadata.deletionTimestamp = self.now
        wish.status.phase = .running
        let cluster = try Admission.apply(existing: nil, desired: wish, now: self.now, uid: "u1")
        #expect(cluster.metadata.uid == "u1")
        #expect(cluster.metadata.generation == 1)
        #expect(cluster.metadata.creationTimestamp == self.now)
        #expect(cluster.metadata.deletionTimestamp == nil)
        #expect(cluster.metadata.finalizers == [Admission.membersFinalizer])
        #expect(cluster.status == EtcdClusterStatus())
    }

    @Test func theGenerationCountsChangesOfTheSpecAlone() throws {
        let stored = try self.stored()
        #expect(try Admission.apply(existing: stored, desired: self.desired(), now: self.now, uid: "u2") == stored)
        var labelled = self.desired()
        labelled.metadata.labels = ["team": "a"]
        let second = try Admission.apply(existing: stored, desired: labelled, now: self.now, uid: "u2")
        #expect(second.metadata.generation == 1 && second.metadata.labels == ["team": "a"])
        let third = try Admission.apply(existing: second, desired: self.desired(5), now: self.now, uid: "u2")
        #expect(third.metadata.generation == 2 && third.metadata.uid == "u1" && third.spec.replicas == 5)
        #expect(third.metadata.labels == ["team": "a"])
    }

    @Test func theControllersOwnStays() throws {
        var stored = try self.stored()
        stored.metadata.annotations = ["quorate.dev/base": "/data", "note": "old"]
        stored.status.phase = .running
        var wish = self.desired()
        wish.metadata.annotations = ["quorate.dev/base": "/tmp", "quorate.dev/other": "x"]
        wish.status.phase = .deleting
        let replaced = try Admission.replace(stored, with: wish)
        #expect(replaced.metadata.annotations == ["quorate.dev/base": "/data"])
        #expect(replaced.metadata.finalizers == stored.metadata.finalizers)
        #expect(replaced.status == stored.status)
        let status = try Admission.replaceStatus(stored, with: wish)
        #expect(status.status.phase == .deleting && status.metadata == stored.metadata && status.spec == stored.spec)
    }

    @Test func changesOfWhatWasAreRefused() throws {
        let stored = try self.stored()
        var old = self.desired()
        old.metadata.resourceVersion = "6"
        #expect(throws: AdmissionError.self) { try Admission.replace(stored, with: old) }
        old.metadata.resourceVersion = "7"
        #expect(throws: Never.self) { try Admission.replace(stored, with: old) }
        old.metadata.uid = "u0"
        #expect(throws: AdmissionError.self) { try Admission.replace(stored, with: old) }
    }

    @Test func membersAreNotLeftBehind() throws {
        var stored = try self.stored()
        var moved = self.desired()
        moved.spec.runtime.process.dataDirectory = "/elsewhere"
        #expect(throws: Never.self) { try Admission.replace(stored, with: moved) }
        stored.status.clusterID = "abc"
        let error = #expect(throws: AdmissionError.self) { try Admission.replace(stored, with: moved) }
        #expect(error?.description.contains("spec.runtime.process.dataDirectory") == true)
    }

    @Test func anEngineThatIsLeftOutStays() throws {
        var old = self.desired()
        old.spec.engine.type = .etcd
        let stored = try Admission.apply(existing: nil, desired: old, now: self.now, uid: "u1")
        // Whatever new clusters are made with.
        #expect(try Admission.apply(existing: stored, desired: self.desired(), now: self.now, uid: "u2") == stored)
        var native = self.desired()
        native.spec.engine.type = .native
        let moved = try Admission.apply(existing: stored, desired: native, now: self.now, uid: "u2")
        #expect(moved.spec.engine.type == .native && moved.metadata.generation == 2)
        #expect(try Admission.apply(existing: moved, desired: self.desired(), now: self.now, uid: "u2") == moved)
        #expect(try self.stored().spec.engine.type == Engine.standard)
    }

    @Test func whatANewerEtcdWroteIsNotGivenToAnOlder() throws {
        var stored = try self.stored()
        stored.status.clusterID = "abc"
        stored.status.members = [MemberStatus(name: "orders-1"), MemberStatus(name: "orders-2")]
        var older = self.desired()
        (older.spec.engine.type, older.spec.engine.version) = (.etcd, "3.4")
        // Nobody ran yet, or all ran what is asked for.
        #expect(throws: Never.self) { try Admission.replace(stored, with: older) }
        stored.status.members[1].version = "3.4.23"
        #expect(throws: Never.self) { try Admission.replace(stored, with: older) }
        stored.status.members[0].version = "3.5.1"
        let error = #expect(throws: AdmissionError.self) { try Admission.replace(stored, with: older) }
        #expect(error?.description.contains("spec.engine.version: etcd 3.4 cannot read what 3.5.1 wrote") == true)
    }

    @Test func deletionWaitsForFinalizers() throws {
        var stored = try self.stored()
        guard case .mark(let marked) = Admission.delete(stored, now: self.now) else {
            Issue.record("removed with a finalizer left")
            return
        }
        #expect(marked.metadata.deletionTimestamp == self.now)
        guard case .mark(let again) = Admission.delete(marked, now: self.now + .seconds(9)) else { return }
        #expect(again == marked)
        var wish = self.desired()
        wish.metadata.finalizers = ["more.dev/work"]
        #expect(try Admission.replace(marked, with: wish).metadata.finalizers == marked.metadata.finalizers)
        stored.metadata.finalizers = []
        guard case .remove = Admission.delete(stored, now: self.now) else {
            Issue.record("kept with no finalizer left")
            return
        }
    }
}
