internal import Glibc
internal import Platform

/// The system's words for an error number.
func systemError(_ code: Int32) -> String {
    unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
}

/// Runs a file operation, and reports its failure as the runtime's own.
func onDisk<Result>(_ body: () throws(DiskError) -> Result) throws(RuntimeError) -> Result {
    do {
        return try body()
    } catch {
        throw RuntimeError(.disk, error.description)
    }
}
