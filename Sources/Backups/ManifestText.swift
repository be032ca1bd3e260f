internal import Platform
internal import YAML

/// A JSON object in a file, followed by the SHA-256 of all that comes before it in the same file, so that every change shows:
/// manifests, and the record of removed ones.
enum SealedText {
    private static let opening = ",\n  \"checksum\": \""
    private static let closing = "\"\n}\n"

    static func write(_ object: Mapping) -> [UInt8] {
        // All but the line break and the brace that end it.
        let body = Node.mapping(object).json(isPretty: true).dropLast(3)
        return Array(body) + Array("\(self.opening)\(sha256(body))\(self.closing)".utf8)
    }

    static func read(_ bytes: [UInt8], of path: String) throws(BackupError) -> Node {
        let seal = self.opening.utf8.count + 64 + self.closing.utf8.count
        let body = bytes.dropLast(seal)
        guard bytes.suffix(seal).elementsEqual("\(self.opening)\(sha256(body))\(self.closing)".utf8) else {
            throw BackupError(
                .damaged, "\(path): at byte \(body.count): the checksum that ends it does not match what is before it")
        }
        do {
            return try Node.read(json: bytes)
        } catch {
            throw BackupError(.damaged, "\(path): \(error)")
        }
    }
}

extension SnapshotManifest {
    private static let apiVersion = "quorate.dev/v1alpha1"
    private static let kind = "SnapshotManifest"

    /// The manifest's file.
    func encoded() -> [UInt8] {
        SealedText.write([
            "apiVersion": .string(Self.apiVersion),
            "kind": .string(Self.kind),
            "name": .string(self.name),
            "cluster": .string(self.labels.cluster),
            "clusterID": .string(self.labels.clusterID),
            "member": .string(self.labels.member),
            "takenAt": .string(self.labels.takenAt.exact),
            "sizeBytes": .int(self.sizeBytes),
            "sha256": .string(self.sha256),
            "revision": .int(self.contents.revision),
            "compactRevision": .int(self.contents.compactRevision),
            "raftIndex": .int(self.contents.raftIndex),
            "raftTerm": .int(self.contents.raftTerm),
            "keys": .int(self.contents.keys),
            "rows": .int(self.contents.rows),
            "members": .sequence(self.contents.members.map { .string($0) }),
            "previousName": .string(self.previousName),
            "previous": .string(self.previous),
        ])
    }

    /// - Parameters:
    ///   - bytes: The manifest's file.
    ///   - uri: Where the snapshot it describes is, which is beside it, wherever the directory was moved.
    init(decoding bytes: [UInt8], of path: String, uri: String) throws(BackupError) {
        let reader = FieldReader(object: try SealedText.read(bytes, of: path), path: path)
        let (version, kind) = (try reader.text("apiVersion"), try reader.text("kind"))
        guard version == Self.apiVersion, kind == Self.kind else {
            throw BackupError(.damaged, "\(path): is a \(kind) of \(version), not a \(Self.kind) of \(Self.apiVersion)")
        }
        self.init(
            name: try reader.text("name"), uri: uri,
            labels: SnapshotLabels(
                cluster: try reader.text("cluster"), clusterID: try reader.text("clusterID"), member: try reader.text("member"),
                takenAt: try reader.time("takenAt")),
            sizeBytes: try reader.integer("sizeBytes"), sha256: try reader.text("sha256"),
            contents: SnapshotContents(
                revision: try reader.integer("revision"), compactRevision: try reader.integer("compactRevision"),
                raftIndex: try reader.integer("raftIndex"), raftTerm: try reader.integer("raftTerm"),
                keys: try reader.integer("keys"), rows: try reader.integer("rows"), members: try reader.texts("members")),
            previous: try reader.text("previous"), previousName: try reader.text("previousName"))
    }
}

/// Reads fields of an object, with errors that name the file and the field.
struct FieldReader {
    var object: Node
    var path: String

    func error(_ field: String) -> BackupError {
        BackupError(.damaged, "\(self.path): field \(field) is missing or not what it should be")
    }

    func text(_ field: String) throws(BackupError) -> String {
        guard let text = self.object[field]?.string else { throw self.error(field) }
        return text
    }

    func time(_ field: String) throws(BackupError) -> Timestamp {
        guard let time = Timestamp(rfc3339: try self.text(field)) else { throw self.error(field) }
        return time
    }

    func texts(_ field: String) throws(BackupError) -> [String] {
        guard let elements = self.object[field]?.sequence else { throw self.error(field) }
        let texts = elements.compactMap(\.string)
        guard texts.count == elements.count else { throw self.error(field) }
        return texts
    }

    func integer<Integer: FixedWidthInteger>(_ field: String) throws(BackupError) -> Integer {
        guard let integer = self.object[field]?.int.flatMap({ Integer(exactly: $0) }) else { throw self.error(field) }
        return integer
    }
}

extension Timestamp {
    /// RFC 3339 to the nanosecond, so that a time read back is the one that was written.
    var exact: String {
        let fraction = self.nanoseconds - self.seconds &* 1_000_000_000
        guard fraction > 0 else { return self.description }
        let digits = String(fraction)
        return self.description.dropLast() + "." + String(repeating: "0", count: 9 - digits.count) + digits + "Z"
    }
}
