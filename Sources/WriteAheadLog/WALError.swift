internal import Platform

/// Why a log cannot be opened, read or written. Names the file, and the offset in it where there is one.
public struct WALError: Error, Hashable, CustomStringConvertible {
    public var code: Code
    /// The file or directory it is about.
    public var path: String
    /// Bytes from the start of the file.
    public var offset: Int64?
    public var message: String

    public init(_ code: Code, _ path: String, at offset: Int64? = nil, _ message: String) {
        (self.code, self.path, self.offset, self.message) = (code, path, offset, message)
    }

    init(_ error: DiskError) {
        self.init(.disk, error.path, "\(error.operation): \(error.reason)")
    }

    public var description: String {
        if let offset = self.offset {
            "\(self.path): at byte \(offset): \(self.message)"
        } else {
            "\(self.path): \(self.message)"
        }
    }

    public enum Code: Sendable, Hashable {
        /// The disk failed. After it, the log must not be written again.
        case disk
        /// Another process, or another part of this one, has the log open.
        case locked
        /// There is no log.
        case notFound
        /// Bytes that were durable are not what was written.
        case corrupt
        /// A segment between two others, or before the first needed one, is missing.
        case missingSegment
        /// Segments of different members or clusters.
        case conflictingMetadata
        /// The log holds no record of the snapshot it was to be read from, or one of another term.
        case snapshotNotFound
        /// An entry's index leaves a gap behind it.
        case gap
    }
}

/// Runs file operations with their errors as the log's.
func onDisk<Value>(_ body: () throws(DiskError) -> Value) throws(WALError) -> Value {
    do throws(DiskError) { return try body() } catch { throw WALError(error) }
}
