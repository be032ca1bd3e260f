// swift-tools-version: 6.2
import PackageDescription

/// One set of switches for every target: language mode 6, visible existentials, imports that do not leak, and unsafe
/// code marked where it stands.
let common: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .strictMemorySafety(),
]

/// Where `CI` is set, a warning is an error.
let settings = common + (Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)])

func room(_ name: String, _ below: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: below, swiftSettings: settings)
}

func tests(_ name: String, _ rooms: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: rooms, exclude: exclude, swiftSettings: settings)
}

let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")

let package = Package(
    name: "quorate",
    products: [
        .executable(name: "quorate", targets: ["quorate"]),
        .library(
            name: "QuorateRooms",
            targets: ["Platform", "EtcdWire", "Bolt", "Store", "EmbeddedStore", "Operator", "Simulation"]),
        .library(name: "QuorateMutations", targets: ["Platform", "Mutations"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // Floor 1: what everything stands on.
        .target(name: "CPlatform"),
        room("Platform", ["CPlatform"]),
        .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        room("YAML", ["CLibYAML"]),
        room("EtcdWire"),
        // Floor 2: formats, protocols, and the words users see.
        room("Bolt", ["Platform", "CPlatform", "EtcdWire"]),
        room("WriteAheadLog", ["Platform", "EtcdWire"]),
        room("Raft", ["EtcdWire"]),
        room(
            "EtcdClient",
            [
                "Platform", "EtcdWire",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]),
        room(
            "GRPCServer",
            [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
            ]),
        room("ClusterAPI", ["Platform", "YAML"]),
        room("Backups", ["Platform", "EtcdWire", "YAML", crypto]),
        room("Runtimes", ["Platform", "CPlatform"]),
        // Floor 3: the state machine of the store, and controller machinery.
        room("Store", ["Platform", "YAML", "EtcdWire", "Bolt"]),
        room("Reconcile", ["Platform", "EtcdWire", "EtcdClient", log]),
        // Floor 4: the controller's memory.
        room(
            "EmbeddedStore",
            [
                "Platform", "EtcdWire", "EtcdClient", "Bolt", "WriteAheadLog", "Store",
                .product(name: "DequeModule", package: "swift-collections"),
            ]),
        room("Recovery", ["Platform", "YAML", "EtcdWire", "Bolt", "WriteAheadLog", "Backups", "Store", crypto]),
        room(
            "Member",
            [
                "Platform", "YAML", "EtcdWire", "Bolt", "WriteAheadLog", "Raft", "GRPCServer", "Store", crypto,
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        // Floor 5: what is decided, and the hands that carry it out.
        room(
            "Operator",
            ["Platform", "YAML", "EtcdWire", "EtcdClient", "ClusterAPI", "Backups", "Runtimes", "Reconcile", "Recovery", log]),
        // Floor 6: the faces.
        room(
            "Console",
            [
                "Platform", "YAML", "EtcdWire", "EtcdClient", "ClusterAPI", "Reconcile", "Operator", log,
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        room(
            "Simulation",
            [
                "Platform", "EtcdWire", "EtcdClient", "ClusterAPI", "Bolt", "Raft", "Store", "Member", "Operator", "Backups",
                "Runtimes", "Reconcile", log,
            ]),
        // Floor 7: wiring.
        .executableTarget(
            name: "quorate",
            dependencies: [
                "Platform", "YAML", "EtcdWire", "EtcdClient", "ClusterAPI", "Backups", "Runtimes", "Reconcile", "EmbeddedStore",
                "Recovery", "Member", "Operator", "Console", "Simulation", log,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings),
        .target(name: "TestSupport", dependencies: ["Platform"], path: "Tests/TestSupport", swiftSettings: settings),
        .target(
            name: "Mutations",
            dependencies: ["Platform", "EtcdWire", "Bolt", "WriteAheadLog", "GRPCServer", "Store", "Recovery", crypto],
            path: "Tests/Mutations", swiftSettings: settings),
        tests(
            "EtcdClientTests",
            [
                "Platform", "EtcdWire", "EtcdClient", "TestSupport", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ]),
        tests("TidyTests", []),
        tests(
            "QuorateTests",
            [
                "Platform", "YAML", "ClusterAPI", "Recovery", "quorate", log,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        tests("PlatformTests", ["Platform"]),
        tests(
            "EmbeddedStoreTests", ["Platform", "EtcdWire", "EtcdClient", "Bolt", "WriteAheadLog", "Store", "EmbeddedStore"]),
        tests(
            "GRPCServerTests",
            [
                "Platform", "GRPCServer", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
            ]),
        tests("WriteAheadLogTests", ["Platform", "EtcdWire", "WriteAheadLog", "TestSupport"]),
        tests("ReconcileTests", ["Reconcile", "Platform", "EtcdWire", "EtcdClient", "EmbeddedStore", log]),
        tests("RuntimesTests", ["Platform", "Runtimes", "quorate"]),
        tests("BoltTests", ["Platform", "Bolt", "TestSupport"]),
        tests("BackupsTests", ["Platform", "Backups", crypto]),
        tests(
            "RecoveryTests",
            [
                "Platform", "YAML", "EtcdWire", "Bolt", "WriteAheadLog", "Backups", "Store", "Recovery", "Mutations",
                "TestSupport",
            ]),
        tests(
            "MemberTests",
            [
                "Platform", "EtcdWire", "EtcdClient", "Raft", "Store", "Member", "TestSupport",
                .product(name: "GRPCCore", package: "grpc-swift-2"),
            ]),
        tests(
            "OperatorTests",
            [
                "Platform", "EtcdWire", "EtcdClient", "ClusterAPI", "Backups", "WriteAheadLog", "Runtimes", "Reconcile",
                "EmbeddedStore", "Recovery", "Operator", log,
            ]),
        tests("SimulationTests", ["Platform", "EtcdWire", "Store", "Simulation"], exclude: ["Linearizability/Histories"]),
        tests("EtcdWireTests", ["Platform", "EtcdWire"]),
        tests("PeerTests", ["Platform", "EtcdWire", "Store", "Member", "TestSupport"]),
        tests("RealClusterTests", ["Platform", "YAML", "EtcdWire", "Simulation", "TestSupport"]),
        // Clients see members through etcd's API alone; `quorate` is what they run.
        tests("ChaosTests", ["Platform", "EtcdWire", "EtcdClient", "Simulation", "TestSupport", "quorate"]),
        tests("RaftTests", ["EtcdWire", "Raft"], exclude: ["Scenarios"]),
        tests("StoreTests", ["Platform", "EtcdWire", "EtcdClient", "Bolt", "WriteAheadLog", "Store", "TestSupport"]),
        tests("YAMLTests", ["YAML"]),
        tests("ClusterAPITests", ["Platform", "YAML", "ClusterAPI"]),
        tests(
            "ConsoleTests",
            [
                "Console", "ClusterAPI", "YAML", "Operator", "Reconcile", "Platform", "EtcdWire", "EtcdClient", "EmbeddedStore",
                "TestSupport", log, .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        tests(
            "EndToEndTests",
            [
                "YAML", "EtcdWire", "EtcdClient", "ClusterAPI", "TestSupport", "quorate",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
    ]
)
