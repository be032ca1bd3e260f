public import Platform

/// Proof that an entry of the log was committed no later than a time: when the archive saw it. Of a quiet log the same entry
/// is marked again and again, which proves that nothing followed it until then.
public struct TimeMark: Sendable, Hashable {
    /// The last entry that was committed at that time, as far as the member that was followed knew.
    public var index: UInt64
    public var time: Timestamp

    public init(index: UInt64, time: Timestamp) {
        (self.index, self.time) = (index, time)
    }
}

/// Adds marks to a segment. After an error another takes over.
public final class TimeMarker {
    private let file: any DiskFile
    /// Bytes of whole lines.
    private var end: Int64

    init(_ file: any DiskFile, end: Int64) {
        (self.file, self.end) = (file, end)
    }

    deinit {
        // Every mark is durable already.
        try? self.file.close()
    }

    /// Adds a mark durably.
    public func add(_ mark: TimeMark) throws(BackupError) {
        let line = TimeMarkText.line(mark)
        do throws(DiskError) {
            try self.file.write(line, at: self.end)
            try self.file.sync()
        } catch {
            throw BackupError(.disk, error.description)
        }
        self.end += Int64(line.count)
    }
}

/// The file beside an archived segment that holds its time marks: a line each, index, time, and the CRC-32C of both.
enum TimeMarkText {
    /// No line is longer, in bytes.
    private static let maximumLine = 80

    static func line(_ mark: TimeMark) -> [UInt8] {
        let text = Array("\(mark.index) \(mark.time.exact)".utf8)
        return text + Array(" \(Self.checksum(text))\n".utf8)
    }

    /// The marks of a file. What follows the last whole line was being written when its writer died, and is left out.
    /// - Returns: The marks, and how many bytes their lines have.
    static func read(_ bytes: [UInt8], of path: String) throws(BackupError) -> (marks: [TimeMark], bytes: Int) {
        var marks: [TimeMark] = []
        var start = 0
        while let end = bytes[start...].prefix(self.maximumLine).firstIndex(of: UInt8(ascii: "\n")) {
            guard let mark = self.mark(bytes[start..<end]) else {
                // Only the last line can have been torn, and then nothing but zeros or its own rest follows.
                if bytes[end...].dropFirst().allSatisfy({ $0 == 0 }) { break }
                throw BackupError(.damaged, "\(path): at byte \(start): this is no time mark")
            }
            if let last = marks.last, mark.index < last.index {
                throw BackupError(.damaged, "\(path): at byte \(start): the mark's index \(mark.index) is below that before it")
            }
            marks.append(mark)
            start = end + 1
        }
        return (marks, start)
    }

    private static func mark(_ line: ArraySlice<UInt8>) -> TimeMark? {
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 3, let index = UInt64(String(decoding: parts[0], as: UTF8.self)),
            let time = Timestamp(rfc3339: String(decoding: parts[1], as: UTF8.self)),
            String(decoding: parts[2], as: UTF8.self) == self.checksum(Array(line[..<parts[1].endIndex]))
        else { return nil }
        return TimeMark(index: index, time: time)
    }

    private static func checksum(_ bytes: [UInt8]) -> String {
        let digits = String(CRC32C.checksum(bytes), radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
