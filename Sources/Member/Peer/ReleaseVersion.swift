/// A version of etcd: three numbers, and whatever may follow a `-` or a `+`, which is not looked at.
public struct ReleaseVersion: Sendable, Hashable, CustomStringConvertible {
    public var major: UInt32
    public var minor: UInt32
    public var patch: UInt32

    public init(_ major: UInt32, _ minor: UInt32, _ patch: UInt32) {
        (self.major, self.minor, self.patch) = (major, minor, patch)
    }

    /// Reads such as `3.5.1` or `3.6.0-rc.1`.
    public init?(_ text: String) {
        let numbers = text.prefix { $0 != "-" && $0 != "+" }.split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count == 3, numbers.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
            let major = UInt32(numbers[0]), let minor = UInt32(numbers[1]), let patch = UInt32(numbers[2])
        else { return nil }
        self.init(major, minor, patch)
    }

    public var description: String { "\(self.major).\(self.minor).\(self.patch)" }

    /// What compatibility goes by: the patch does not count.
    var release: Release { Release(major: self.major, minor: self.minor) }

    /// A version without its patch.
    struct Release: Comparable {
        var major: UInt32
        var minor: UInt32

        static func < (left: Release, right: Release) -> Bool { (left.major, left.minor) < (right.major, right.minor) }
    }
}
