internal import Glibc

/// The etcd releases that tests run against.
public enum EtcdVersion: String, Sendable, CaseIterable, CustomStringConvertible {
    case v34 = "3.4"
    case v35 = "3.5"

    public var description: String { self.rawValue }

    /// Whether a test that needs this release is to run: it is here, or it must be (`CI` is set), and then its lack fails.
    public var isEnabled: Bool {
        unsafe getenv("CI") != nil || EtcdBinary.found[self] != nil
    }

    /// The releases whose tests are to run.
    public static let enabled = Self.allCases.filter(\.isEnabled)
}

/// Where an etcd release's programs are.
public struct EtcdBinary: Sendable, Hashable {
    public let version: EtcdVersion
    public let directory: String

    public var etcd: String { "\(self.directory)/etcd" }
    public var etcdctl: String { "\(self.directory)/etcdctl" }
    /// Comes with 3.5 and later.
    public var etcdutl: String { "\(self.directory)/etcdutl" }

    /// Looks in the directory that `QUORATE_ETCD_34` or `QUORATE_ETCD_35` names, else in the usual place.
    public static func find(_ version: EtcdVersion) throws -> EtcdBinary {
        guard let binary = Self.found[version] else {
            throw TestSupportError(
                "etcd \(version) is not in \(Self.directory(of: version)); set \(Self.variable(of: version))")
        }
        return binary
    }

    static let found: [EtcdVersion: EtcdBinary] = {
        var found: [EtcdVersion: EtcdBinary] = [:]
        for version in EtcdVersion.allCases {
            let binary = EtcdBinary(version: version, directory: Self.directory(of: version))
            guard let output = try? Command.runAndWait(binary.etcd, ["--version"]),
                output.text.contains("etcd Version: \(version.rawValue).")
            else { continue }
            found[version] = binary
        }
        return found
    }()

    private static func variable(of version: EtcdVersion) -> String {
        switch version {
        case .v34: "QUORATE_ETCD_34"
        case .v35: "QUORATE_ETCD_35"
        }
    }

    private static func directory(of version: EtcdVersion) -> String {
        if let value = unsafe getenv(Self.variable(of: version)) { return unsafe String(cString: value) }
        switch version {
        case .v34: return "/usr/bin"
        case .v35: return "\(Self.repository)/.tools/etcd-3.5.1"
        }
    }

    /// The directory of Package.swift.
    private static let repository: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()
}

/// A test's surroundings are not as they must be.
public struct TestSupportError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}
