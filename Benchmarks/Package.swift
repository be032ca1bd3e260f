// swift-tools-version: 6.2
import PackageDescription

/// Measurements, apart from the main package so that its graph stays small. Run:
///
///     swift run -c release --package-path Benchmarks Benchmarks
let package = Package(
    name: "Benchmarks",
    dependencies: [
        .package(name: "quorate", path: "..")
    ],
    targets: [
        .systemLibrary(name: "CLMDB", providers: [.apt(["liblmdb-dev"])]),
        .executableTarget(
            name: "Benchmarks",
            dependencies: ["CLMDB", .product(name: "QuorateRooms", package: "quorate")],
            swiftSettings: [
                .swiftLanguageMode(.v6),
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("InternalImportsByDefault"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
                .strictMemorySafety(),
            ]),
    ]
)
