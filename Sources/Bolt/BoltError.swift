public import Platform

/// Why a file is not taken for what it claims to be, or could not be read.
public struct BoltError: Error, Hashable, CustomStringConvertible {
    /// The file's path.
    public var file: String
    /// Bytes from the file's beginning to what is wrong.
    public var offset: Int64
    /// What is wrong there.
    public var what: String
    /// The disk's own error where reading failed; nil where the bytes are wrong.
    public var cause: DiskError?

    public init(file: String, offset: Int64, what: String, cause: DiskError? = nil) {
        self.file = file
        self.offset = offset
        self.what = what
        self.cause = cause
    }

    public var description: String {
        "\(self.file): at byte \(self.offset): \(self.what)"
    }
}
