internal import FoundationEssentials
internal import Glibc

/// A directory that goes when its last user goes.
public final class TemporaryDirectory: Sendable {
    public let path: String

    /// - Parameter inMemory: Where there is a file system in memory, in that.
    public init(inMemory: Bool = false) throws {
        let usual = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        let memory = "/dev/shm"
        let parent = unsafe inMemory && access(memory, W_OK) == 0 ? memory : usual
        var template = Array("\(parent)/quorate-test-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw TestSupportError("mkdtemp in \(parent) failed") }
        self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.path)
    }

    /// A file's text, or nothing when there is no such file.
    public func read(_ name: String) -> String {
        Self.readText("\(self.path)/\(name)")
    }

    /// A file's text, or nothing when there is no such file.
    public static func readText(_ path: String) -> String {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe Glibc.read(file, &part, part.count)
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += part[..<count]
        }
    }
}
