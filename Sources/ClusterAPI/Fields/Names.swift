internal import YAML

extension Format where Value == String {
    /// A DNS label (RFC 1123): what names of resources are.
    static var label: Format {
        let schema: Mapping = ["pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63]
        return .text(schema: schema) { text in
            isLabel(text, isLowercase: true)
                ? nil : "must be 1 to 63 lower-case letters, digits and -, with a letter or digit first and last"
        }
    }

    /// A value of a label: what Kubernetes takes.
    static var labelValue: Format {
        .text { text in
            text.isEmpty || isQualifiedName(text[...]) ? nil : "must be at most 63 letters, digits, -, _ and ., or empty"
        }
    }

    /// A path of this machine; what it leads to is not looked at.
    static var path: Format {
        .text(schema: ["minLength": 1]) { text in
            if text.isEmpty { return "must not be empty" }
            if text.utf8.count > 4096 { return "must be at most 4096 bytes" }
            return text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
                ? "must not have control characters" : nil
        }
    }

    /// An IP address or a host name that members can be reached by.
    static var host: Format {
        .text(schema: ["minLength": 1]) { text in
            let addresses = ["0.0.0.0", "::", "[::]"]
            if addresses.contains(text) { return "must be an address that members can be reached by" }
            return isIPv4(text) || isIPv6(text) || isHostName(text) ? nil : "must be an IP address or a host name"
        }
    }

    /// `3.4`, `3.5`, or with a patch number.
    static var engineVersion: Format {
        .text(schema: ["pattern": "^3[.][45]([.][0-9]{1,5})?$"]) { text in
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            let isVersion =
                (2...3).contains(parts.count) && parts[0] == "3" && (parts[1] == "4" || parts[1] == "5")
                && parts.dropFirst(2).allSatisfy { (1...5).contains($0.utf8.count) && isDigits($0) }
            return isVersion ? nil : "must be 3.4 or 3.5, or with a patch such as 3.5.1"
        }
    }

    static var cron: Format {
        .text { text in
            do throws(CronError) {
                _ = try Cron(text)
                return nil
            } catch {
                return error.message
            }
        }
    }

    /// The form of a time zone's name; whether the machine has its rules is for the controller to see.
    static var timeZone: Format {
        .text(schema: ["minLength": 1]) { text in
            let allowed = text.utf8.allSatisfy { isAlphanumeric($0) || [0x2B, 0x2D, 0x5F, 0x2F].contains($0) }
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            let isName = allowed && text.utf8.count <= 64 && parts.allSatisfy { !$0.isEmpty }
            return isName ? nil : "must be a time zone such as Europe/Berlin or UTC"
        }
    }

    /// A snapshot: a path, or a `file:///` URI.
    static var source: Format {
        .text(schema: ["minLength": 1]) { text in
            if text.isEmpty { return "must not be empty" }
            if text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
                return "must not have control characters"
            }
            let isFile = text.hasPrefix("file:///") || text.hasPrefix("file://localhost/")
            if text.contains("://"), !isFile { return "must be a path, or a URI that begins with file:///" }
            return text.utf8.count > 4096 ? "must be at most 4096 bytes" : nil
        }
    }
}

/// What is wrong with the key of a label or an annotation; nil when nothing is.
func labelKeyComplaint(_ key: String) -> String? {
    let parts = key.split(separator: "/", omittingEmptySubsequences: false)
    let isPrefixed = parts.count == 2 && isHostName(String(parts[0])) && isQualifiedName(parts[1])
    if isPrefixed || parts.count == 1 && isQualifiedName(parts[0]) { return nil }
    return "must be a name of at most 63 letters, digits, -, _ and ., with an optional prefix such as example.com/"
}

private func isQualifiedName(_ text: Substring) -> Bool {
    guard let first = text.utf8.first, let last = text.utf8.last, text.utf8.count <= 63 else { return false }
    return isAlphanumeric(first) && isAlphanumeric(last)
        && text.utf8.allSatisfy { isAlphanumeric($0) || [0x2D, 0x2E, 0x5F].contains($0) }
}

func isLabel(_ text: some StringProtocol, isLowercase: Bool) -> Bool {
    let bytes = Array(text.utf8)
    guard (1...63).contains(bytes.count) else { return false }
    return bytes[0] != 0x2D && bytes[bytes.count - 1] != 0x2D
        && bytes.allSatisfy { $0 == 0x2D || isAlphanumeric($0) && !(isLowercase && (0x41...0x5A).contains($0)) }
}

func isHostName(_ text: String) -> Bool {
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    // A last label of digits would make it an address, and an address was tried before.
    guard text.utf8.count <= 253, let last = labels.last, !isDigits(last) else { return false }
    return labels.allSatisfy { isLabel($0, isLowercase: false) }
}

func isIPv4(_ text: some StringProtocol) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4
        && parts.allSatisfy { part in
            guard isDigits(part), part.utf8.count <= 3, part.utf8.first != 0x30 || part.utf8.count == 1 else { return false }
            return Int(part).map { $0 <= 255 } ?? false
        }
}

/// RFC 4291 2.2, without a zone.
func isIPv6(_ text: String) -> Bool {
    let halves = text.split(separator: "::", maxSplits: .max, omittingEmptySubsequences: false)
    guard (1...2).contains(halves.count), text.utf8.count <= 45 else { return false }
    var groups = 0
    for (index, half) in halves.enumerated() where !half.isEmpty {
        let parts = half.split(separator: ":", omittingEmptySubsequences: false)
        for (position, part) in parts.enumerated() {
            if index == halves.count - 1, position == parts.count - 1, part.contains(".") {
                guard isIPv4(part) else { return false }
                groups += 2
            } else {
                guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy(isHexadecimal) else { return false }
                groups += 1
            }
        }
    }
    return halves.count == 2 ? groups <= 7 : groups == 8
}

func isDigits(_ text: some StringProtocol) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
}

func isAlphanumeric(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)
}

private func isHexadecimal(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
}
