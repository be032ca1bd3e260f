public import Platform

/// Names that are made from a resource's own, such as those of a cluster's scheduled snapshots.
public enum DerivedName {
    /// The most bytes of a resource's name: that of a DNS label.
    public static let limit = 63
    /// Digits of the hash that stands for what was cut off.
    private static let hashDigits = 8

    /// `orders-scheduled-20261122t230256z` from `orders` and `scheduled-20261122t230256z`.
    ///
    /// Where that would be longer than a name may be, the first part is cut, and a hash of all of it follows, so that two
    /// long names that begin alike stay apart: `a-very-long-na-1k3v90xq-scheduled-20261122t230256z`. The same parts always
    /// give the same name.
    /// - Parameters:
    ///   - base: A resource's name.
    ///   - suffix: Lower-case letters, digits and `-`, at most 40 bytes, a letter or digit first and last.
    public static func name(_ base: String, _ suffix: String) -> String {
        let whole = "\(base)-\(suffix)"
        guard whole.utf8.count > self.limit else { return whole }
        let room = self.limit - suffix.utf8.count - self.hashDigits - 2
        precondition(room > 0, "the suffix \(suffix) leaves no room for a name")
        var kept = base.utf8.prefix(room)
        while kept.last == UInt8(ascii: "-") { kept = kept.dropLast() }
        let digits = String(FNV1a.checksum(base.utf8), radix: 36).utf8.suffix(self.hashDigits)
        let zeros = String(repeating: "0", count: self.hashDigits - digits.count)
        return "\(Substring(kept))-\(zeros)\(Substring(digits))-\(suffix)"
    }
}

extension Timestamp {
    /// This moment, to the second, as a part of a name: `20261122t230256z`.
    public var namePart: String {
        self.description.lowercased().filter { $0 != "-" && $0 != ":" }
    }
}
