import ClusterAPI
import EmbeddedStore
import Logging
import Operator
import Platform
import Reconcile
import Testing

@testable import Console

@Suite("Spec files that are refused")
struct SpecFilesTests {
    private struct Desk {
        let disk = SimulatedDisk(seed: 1)
        let store: EmbeddedStore
        let objects: ObjectStore
        let files: SpecFiles

        init() async throws {
            self.store = try await EmbeddedStore.open(directory: "/store", disk: SimulatedDisk(seed: 2))
            self.objects = ObjectStore(self.store)
            try self.disk.makeDirectory("/specs")
            self.files = SpecFiles(
                ["/specs"], disk: self.disk, clock: SystemClock(), log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        }

        func write(_ text: String, to name: String = "/specs/orders.yaml") async throws {
            let file = try self.disk.open(name, .create)
            try file.truncate(to: 0)
            try file.write(Array(text.utf8), at: 0)
            try file.close()
            await self.files.look(self.objects)
        }

        /// What was told about an object.
        func rejections(_ reference: String) async throws -> [Event] {
            try await self.objects.list(StoredEvent.self).items.map(\.event)
                .filter { $0.regarding == reference && $0.reason == "SpecRejected" }
        }
    }

    private static func cluster(_ name: String, _ spec: String) -> String {
        "apiVersion: quorate.dev/v1alpha1\nkind: EtcdCluster\nmetadata: {name: \(name)}\nspec: {\(spec)}\n"
    }

    @Test("The objects of the file are told what is wrong and where, once of each content")
    func tellsObjects() async throws {
        let desk = try await Desk()
        let other = Self.cluster("stock", "replicas: 1")
        try await desk.write(Self.cluster("orders", "replicas: 3") + "---\n" + other)
        #expect(try await desk.objects.list(EtcdCluster.self).items.count == 2)
        #expect(try await desk.rejections("EtcdCluster/orders").isEmpty)

        let bad = Self.cluster("orders", "replicas: 12") + "---\n" + other + "---\n" + Self.cluster("new", "replicas: 3")
        try await desk.write(bad)
        for name in ["orders", "stock"] {
            let events = try await desk.rejections("EtcdCluster/\(name)")
            #expect(events.count == 1 && events[0].count == 1 && events[0].type == .warning)
            #expect(events[0].message.hasPrefix("/specs/orders.yaml:4:18: spec.replicas: 12"), "\(events[0].message)")
        }
        // What never was made is told nothing.
        #expect(try await desk.rejections("EtcdCluster/new").isEmpty)
        #expect(try await desk.objects.list(EtcdCluster.self).items.count == 2)

        // The same errors again are no news; other errors are.
        try await desk.write(bad + "\n# seen again\n")
        #expect(try await desk.rejections("EtcdCluster/orders").map(\.count) == [1])
        try await desk.write(Self.cluster("orders", "replicas: 13"))
        #expect(try await desk.rejections("EtcdCluster/orders").count == 2)
        // Good, and bad again as before: news again.
        try await desk.write(Self.cluster("orders", "replicas: 5"))
        try await desk.write(Self.cluster("orders", "replicas: 13"))
        #expect(try await desk.rejections("EtcdCluster/orders").map(\.count).sorted() == [1, 2])
        try await desk.store.close()
    }

    @Test("A file of which nothing can be read tells the objects that it last held")
    func unreadable() async throws {
        let desk = try await Desk()
        try await desk.write(Self.cluster("orders", "replicas: 3"))
        try await desk.write("a: [")
        let events = try await desk.rejections("EtcdCluster/orders")
        #expect(events.count == 1 && events[0].message.hasPrefix("/specs/orders.yaml:"), "\(events)")
        try await desk.store.close()
    }

    @Test("Many errors are told in part, with their number")
    func many() async throws {
        let desk = try await Desk()
        try await desk.write(Self.cluster("orders", "replicas: 3"))
        let fields = (1...20).map { "wrong\($0): 1" }.joined(separator: ", ")
        try await desk.write(Self.cluster("orders", fields))
        let events = try await desk.rejections("EtcdCluster/orders")
        #expect(events.count == 1 && events[0].message.contains("; and 15 more. "), "\(events)")
        try await desk.store.close()
    }
}
