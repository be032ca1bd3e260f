internal import Glibc
internal import TestSupport

/// What the members of a stage run.
enum StageEngine: String, Sendable, CaseIterable, CustomStringConvertible {
    case etcd34 = "etcd 3.4"
    case etcd35 = "etcd 3.5"
    /// The `quorate` under test.
    case native

    /// The level that it keeps, and the release whose tools look at it.
    var version: EtcdVersion { self == .etcd34 ? .v34 : .v35 }
    var description: String { self.rawValue }

    /// The engines of those named that tests are to run on; all that there are where `QUORATE_E2E_ENGINES` is `all`.
    static func among(_ usual: StageEngine...) -> [StageEngine] {
        let isAll = unsafe getenv("QUORATE_E2E_ENGINES").map { unsafe String(cString: $0) } == "all"
        return (isAll ? Self.allCases : usual).filter(\.version.isEnabled)
    }
}
