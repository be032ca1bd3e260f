internal import FoundationEssentials
internal import Platform

/// What a member was given and what became of it, as `place.json` in its directory keeps it.
struct MemberRecord: Codable, Hashable, Sendable {
    var name: String
    var host: String
    var clientPort: Int
    var peerPort: Int
    /// RFC 3339.
    var created: String
    /// The engine's version when it was last started.
    var engineVersion: String?
    /// Whether data was ever seen here: without it now, the data is lost.
    var ran = false
    /// Whether it was asked to stop, and so did not end by itself.
    var stopped = false
    /// What its data was made from, and what was said of that.
    var origin: DataOrigin?
    var originReport: String?

    func place(in directory: MemberDirectory) -> MemberPlace {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return MemberPlace(
            name: self.name, clientURL: "http://\(host):\(self.clientPort)", peerURL: "http://\(host):\(self.peerPort)",
            dataDirectory: directory.data)
    }
}

/// The files of one member.
struct MemberDirectory: Hashable, Sendable {
    /// Absolute.
    var path: String

    var placeFile: String { self.path + "/place.json" }
    /// etcd's `--data-dir`.
    var data: String { self.path + "/data" }
    var log: String { self.path + "/etcd.log" }
    private var writeAheadLog: String { self.data + "/member/wal" }
    private var database: String { self.data + "/member/snap/db" }

    /// Nil when it has no place here.
    func record(on disk: any Disk) throws(RuntimeError) -> MemberRecord? {
        let bytes = try onDisk { () throws(DiskError) in try disk.contents(of: self.placeFile) }
        guard let bytes else { return nil }
        do {
            return try JSONDecoder().decode(MemberRecord.self, from: Data(bytes))
        } catch {
            throw RuntimeError(.disk, "\(self.placeFile): damaged: \(error)")
        }
    }

    func write(_ record: MemberRecord, on disk: any Disk) throws(RuntimeError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let bytes: [UInt8]
        do {
            bytes = try [UInt8](encoder.encode(record)) + [UInt8(ascii: "\n")]
        } catch {
            throw RuntimeError(.other, "\(self.placeFile): \(error)")
        }
        try onDisk { () throws(DiskError) in try disk.replace(self.placeFile, with: bytes) }
    }

    /// What is in the data directory now, of a member that ran before or did not.
    func dataState(ran: Bool, on disk: any Disk) throws(RuntimeError) -> DataState {
        let isPresent = try onDisk { () throws(DiskError) in
            guard try disk.stat(self.database) != nil else { return false }
            return try !self.segments(on: disk).isEmpty
        }
        return isPresent ? .present : ran ? .lost : .empty
    }

    /// Whether nothing at all is in the data directory.
    func isEmpty(on disk: any Disk) throws(RuntimeError) -> Bool {
        try onDisk { () throws(DiskError) in
            guard try disk.stat(self.data) != nil else { return true }
            return try disk.list(self.data).isEmpty
        }
    }

    /// Whether some process holds etcd's own lock on the newest segment of the write-ahead log: one that `/proc` does not
    /// show, as it runs in another container, or was started with another spelling of the path.
    func isLocked(on disk: any Disk) throws(RuntimeError) -> Bool {
        try onDisk { () throws(DiskError) in
            guard let newest = try self.segments(on: disk).last else { return false }
            let file = try disk.open(self.writeAheadLog + "/" + newest, .readWrite)
            let isFree = try file.tryLock()
            try file.close()
            return !isFree
        }
    }

    private func segments(on disk: any Disk) throws(DiskError) -> [String] {
        guard try disk.stat(self.writeAheadLog)?.isDirectory == true else { return [] }
        return try disk.list(self.writeAheadLog).filter { $0.hasSuffix(".wal") }
    }
}

extension ClusterPlace {
    /// The cluster's directory, spelled in the one way that command lines are compared with.
    func directory() throws(RuntimeError) -> String {
        guard self.dataDirectory.hasPrefix("/") else {
            throw RuntimeError(.other, "data directory \"\(self.dataDirectory)\" is not absolute")
        }
        var parts: [Substring] = []
        for part in self.dataDirectory.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        guard !parts.isEmpty else { throw RuntimeError(.refused, "the data directory of \(self.name) is the root directory") }
        return "/" + parts.joined(separator: "/")
    }

    func memberDirectory(_ member: String) throws(RuntimeError) -> MemberDirectory {
        let isPlain = member.utf8.allSatisfy { byte in
            Character(Unicode.Scalar(byte)).isLetter || Character(Unicode.Scalar(byte)).isNumber || "-_.".utf8.contains(byte)
        }
        guard !member.isEmpty, isPlain, !member.hasPrefix("."), member != removedName, member.utf8.count <= 128 else {
            throw RuntimeError(.other, "\"\(member)\" is not a name a member can have")
        }
        return MemberDirectory(path: try self.directory() + "/" + member)
    }

    func removedDirectory() throws(RuntimeError) -> String {
        try self.directory() + "/" + removedName
    }
}

/// The directory below a cluster's that holds what was moved aside.
let removedName = "removed"
