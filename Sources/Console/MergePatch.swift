internal import YAML

extension Node {
    /// This document changed by a JSON merge patch (RFC 7386): what the patch holds replaces, null removes.
    func merged(with patch: Node) -> Node {
        guard let changes = patch.mapping else { return patch }
        var result = self.mapping ?? [:]
        for entry in changes.entries {
            result[entry.key] = entry.value.isNull ? nil : (result[entry.key] ?? .null).merged(with: entry.value)
        }
        return .mapping(result)
    }
}
