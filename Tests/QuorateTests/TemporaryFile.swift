internal import Glibc

@testable internal import quorate

/// A file with a name that no other has.
struct TemporaryFile {
    let path: String

    init(_ text: String) throws {
        var name = Array("/tmp/quorate-test-XXXXXX".utf8CString)
        let descriptor = unsafe mkstemp(&name)
        guard descriptor >= 0 else { throw CommandError(.failed, "mkstemp: error \(errno)") }
        Terminal.write(text, to: descriptor)
        close(descriptor)
        self.path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func remove() {
        _ = unsafe unlink(self.path)
    }
}
