internal import FoundationEssentials
internal import Platform

/// A member's log: `etcd.log`, and what was rotated out of it, `etcd.log.1` being the newest.
struct MemberLog: Sendable {
    let path: String
    /// Bytes above which it is rotated.
    let limit: Int64
    /// How many rotated files are kept.
    let kept: Int
    let disk: any Disk

    /// Rotates when the log is over its limit. The member keeps its file open, so the bytes are copied away and the file
    /// is emptied; as it was opened for appending, the member goes on at its new end. What is written between the two
    /// steps is lost.
    func rotate() throws(DiskError) {
        guard self.kept > 0, let info = try self.disk.stat(self.path), info.size > self.limit else { return }
        for number in stride(from: self.kept - 1, through: 1, by: -1) where try self.disk.stat(self.rotated(number)) != nil {
            try self.disk.rename(self.rotated(number), to: self.rotated(number + 1))
        }
        let source = try self.disk.open(self.path, .readWrite)
        let target = try self.disk.open(self.rotated(1), .create)
        try target.truncate(to: 0)
        var offset: Int64 = 0
        while true {
            let bytes = try source.read(at: offset, count: 1 << 20)
            if bytes.isEmpty { break }
            try target.write(bytes, at: offset)
            offset += Int64(bytes.count)
        }
        try source.truncate(to: 0)
        try source.close()
        try target.close()
    }

    private func rotated(_ number: Int) -> String {
        "\(self.path).\(number)"
    }

    /// Marks the start of a run, in the form of etcd's own lines; also what tells the runs of a member apart.
    func announce(_ command: String, at time: Timestamp) throws(DiskError) {
        let line = Line(level: "info", ts: time.description, caller: Self.caller, msg: "starting member", command: command)
        guard let bytes = try? JSONEncoder().encode(line) else { return }
        let file = try self.disk.open(self.path, .create)
        try file.write([UInt8](bytes) + [UInt8(ascii: "\n")], at: try file.size())
        try file.close()
    }

    /// The last lines of the last run that tell of trouble: errors, and what is no log line, such as a panic.
    func lastWords(count: Int = 3) throws(DiskError) -> [String] {
        guard let info = try self.disk.stat(self.path) else { return [] }
        let window: Int64 = 64 << 10
        let file = try self.disk.open(self.path, .read)
        let bytes = try file.read(at: max(0, info.size - window), count: Int(window))
        try file.close()
        var words: [String] = []
        // The first line of a window is cut where the window begins in the middle of it.
        for line in bytes.split(separator: UInt8(ascii: "\n")).dropFirst(info.size > window ? 1 : 0).reversed() {
            guard let parsed = try? JSONDecoder().decode(Line.self, from: Data(line)) else {
                let text = String(decoding: line.prefix(500), as: UTF8.self)
                // A trap of the native engine: what follows it is a trace, which says less.
                words = text.contains("Fatal error: ") ? [text] : words + [text]
                continue
            }
            if parsed.caller == Self.caller { break }
            if ["error", "dpanic", "panic", "fatal"].contains(parsed.level) { words.append(parsed.words) }
        }
        return words.prefix(count).reversed()
    }

    private static let caller = "quorate"

    /// One line as zap writes it.
    private struct Line: Codable {
        var level: String
        var ts: String?
        var caller: String?
        var msg: String
        var error: String?
        var command: String?

        var words: String {
            self.error.map { "\(self.msg): \($0)" } ?? self.msg
        }
    }
}
