// swift-tools-version: 6.2
import PackageDescription

/// Fuzz targets, and runs of damage by the hundred thousand. Apart from the main package, since a fuzz target has no `main`
/// of its own and is compiled with the sanitizer. Run:
///
///     scripts/fuzz record 60
///     scripts/mutate 100000
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .strictMemorySafety(),
]

let package = Package(
    name: "Fuzz",
    dependencies: [
        .package(name: "quorate", path: "..")
    ],
    targets: [
        .executableTarget(
            name: "Fuzz", dependencies: [.product(name: "QuorateMutations", package: "quorate")],
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]),
        .executableTarget(
            name: "Mutate", dependencies: [.product(name: "QuorateMutations", package: "quorate")], swiftSettings: settings),
    ]
)
