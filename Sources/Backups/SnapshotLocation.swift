internal import Glibc
public import Platform

/// Where a snapshot file is: a path of this machine, or a `file:` URI of one.
public struct SnapshotLocation: Sendable, Hashable {
    /// Absolute.
    public var path: String

    /// - Parameter path: A relative one counts from where the process stands now.
    public init(path: String) {
        self.path = Self.absolute(path)
    }

    /// `file:///…`, with every byte but those that a path commonly has percent-encoded.
    public var uri: String {
        var text = "file://"
        for byte in self.path.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"), UInt8(ascii: "/"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "%" + hexadecimal([byte]).uppercased()
            }
        }
        return text
    }

    /// Reads `file:///…`, `file://localhost/…`, or a path.
    public static func parse(_ text: String) throws(BackupError) -> SnapshotLocation {
        guard let path = try Self.path(of: text) else { return SnapshotLocation(path: try Self.checked(text[...], text)) }
        guard path.hasPrefix("/") else {
            throw BackupError(.refused, "\(text): a file URI names an absolute path of this machine: file:///…")
        }
        return SnapshotLocation(path: try Self.checked(path[...], text))
    }

    /// The decoded path of a URI, or nil where the text is no URI.
    private static func path(of text: String) throws(BackupError) -> String? {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), text[colon...].hasPrefix("://") else { return nil }
        let scheme = text[..<colon].lowercased()
        guard scheme == "file" else {
            throw BackupError(.refused, "\(text): snapshots are read from file:// and from paths, not from \(scheme)://")
        }
        var rest = text[colon...].dropFirst(3)
        if rest.hasPrefix("localhost/") { rest = rest.dropFirst("localhost".count) }
        var decoded: [UInt8] = []
        var bytes = Array(rest.utf8)[...]
        while let byte = bytes.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            let digits = bytes.prefix(2)
            guard digits.count == 2, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            else { throw BackupError(.refused, "\(text): after % two hexadecimal digits must stand") }
            decoded.append(value)
            bytes = bytes.dropFirst(2)
        }
        guard let path = String(validating: decoded, as: UTF8.self) else {
            throw BackupError(.refused, "\(text): the path is not UTF-8")
        }
        return path
    }

    private static func checked(_ path: Substring, _ text: String) throws(BackupError) -> String {
        guard !path.isEmpty, !path.utf8.contains(0), path.utf8.count <= 4096 else {
            throw BackupError(.refused, "\"\(text)\" names no snapshot file")
        }
        return String(path)
    }

    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let here = unsafe getcwd(nil, 0) else { return path }
        defer { unsafe free(here) }
        let relative = path.hasPrefix("./") ? path.dropFirst(2) : path[...]
        return unsafe "\(String(cString: here))/\(relative)"
    }

    /// The manifest of the snapshot here. Where it is a bare file, such as `etcdctl snapshot save` makes, what a manifest
    /// would say is read from the file itself: its name, and its time of change, stand for the labels. Either way the whole
    /// file is read and checked first.
    public func verified(
        _ disk: any Disk, inspect: @escaping SnapshotInspection
    ) async throws(BackupError) -> SnapshotManifest {
        try await BackupThreads.reader.run { () throws(BackupError) in
            try self.verify(disk, inspect)
        }
    }

    /// Blocks.
    private func verify(_ disk: any Disk, _ inspect: SnapshotInspection) throws(BackupError) -> SnapshotManifest {
        let info: FileInfo?
        do throws(DiskError) {
            info = try disk.stat(self.path)
        } catch {
            throw BackupError(wrapping: error)
        }
        guard let info, !info.isDirectory else { throw BackupError(.notFound, "\(self.path): there is no such snapshot file") }
        let (size, hash) = try SnapshotFile.verify(self.path, disk)
        let contents = try inspect(self.path, disk)
        let slash = self.path.lastIndex(of: "/").map(self.path.index(after:)) ?? self.path.startIndex
        let file = self.path[slash...]
        let found = SnapshotManifest(
            name: String(file), uri: self.uri,
            labels: SnapshotLabels(cluster: "", clusterID: "", member: "", takenAt: info.modified), sizeBytes: size,
            sha256: hash, contents: contents, previous: "")
        guard file.hasSuffix(SnapshotDirectory.snapshotSuffix) else { return found }
        // A manifest that cannot be read says nothing; the file has proved itself by its own hash.
        let path = String(self.path.dropLast(SnapshotDirectory.snapshotSuffix.count)) + SnapshotDirectory.manifestSuffix
        guard let bytes = try? SnapshotDirectory.read(path, disk),
            let manifest = try? SnapshotManifest(decoding: bytes, of: path, uri: self.uri)
        else { return found }
        guard manifest.sizeBytes == size, manifest.sha256 == hash, manifest.contents == contents else {
            throw BackupError(
                .damaged, "\(self.path): is a whole snapshot, but not the one of its manifest: its hash is \(hash)")
        }
        return manifest
    }
}
