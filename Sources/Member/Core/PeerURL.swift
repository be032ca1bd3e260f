/// The URL where a member is reached by the others: `scheme://host:port`, and nothing behind it.
package enum PeerURL {
    private static let schemes = ["http://", "https://", "unix://", "unixs://"]

    /// Whether etcd takes it for a peer URL (`types.NewURLs`). A port may be a service's name, or left empty.
    package static func isValid(_ text: String) -> Bool {
        let text = text.trimmingPrefix { $0.isWhitespace }
        guard let scheme = self.schemes.first(where: { text.hasPrefix($0) }) else { return false }
        let address = text.dropFirst(scheme.count).prefix { !"?#".contains($0) }
        guard !address.contains("/"), let colon = address.lastIndex(of: ":") else { return false }
        let host = address[..<colon].split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        return isBracketed || !host.contains { ":[] ".contains($0) }
    }
}
