public import Backups
public import Bolt
public import Platform
public import WriteAheadLog

/// Why a recovery command could not do what it was asked to.
public struct RecoveryError: Error, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable {
        /// There is nothing of the kind that was asked for at a path.
        case notFound
        /// Bytes are not what was written.
        case damaged
        /// The sources do not reach the point that was asked for.
        case unreachable
        /// It would be unsafe; the message names what overrides, where something does.
        case refused
        /// The disk failed.
        case disk
    }

    public var code: Code
    /// The file or directory it is about; empty where it is about several.
    public var file: String
    /// Bytes from the file's beginning to what is wrong.
    public var offset: Int64?
    /// What is wrong, and where something helps, what to do.
    public var what: String

    public init(_ code: Code, _ file: String, at offset: Int64? = nil, _ what: String) {
        (self.code, self.file, self.offset, self.what) = (code, file, offset, what)
    }

    public var description: String {
        switch (self.file.isEmpty, self.offset) {
        case (true, _): self.what
        case (false, nil): "\(self.file): \(self.what)"
        case (false, let offset?): "\(self.file): at byte \(offset): \(self.what)"
        }
    }
}

extension RecoveryError {
    public init(_ error: BoltError) {
        self.init(error.cause == nil ? .damaged : .disk, error.file, at: error.offset, error.what)
    }

    public init(_ error: DiskError) {
        self.init(.disk, error.path, "\(error.operation): \(error.reason)")
    }

    public init(_ error: WALError) {
        let code: Code =
            switch error.code {
            case .disk: .disk
            case .notFound, .missingSegment, .snapshotNotFound, .gap: .unreachable
            case .locked: .refused
            case .corrupt, .conflictingMetadata: .damaged
            }
        self.init(code, error.path, at: error.offset, error.message)
    }

    public init(_ error: BackupError) {
        self.init(error.code == .disk ? .disk : .damaged, "", error.message)
    }
}

/// Runs file operations with their errors as a recovery's.
func onDisk<Value>(_ body: () throws(DiskError) -> Value) throws(RecoveryError) -> Value {
    do throws(DiskError) { return try body() } catch { throw RecoveryError(error) }
}

/// Runs reads of a database with their errors as a recovery's.
func inDatabase<Value>(_ body: () throws(BoltError) -> Value) throws(RecoveryError) -> Value {
    do throws(BoltError) { return try body() } catch { throw RecoveryError(error) }
}

/// Something in a file that is not as it should be.
public struct Finding: Sendable, Hashable {
    public var file: String
    /// Bytes from the file's beginning.
    public var offset: Int64
    public var what: String
    /// Whether something was lost or changed; else it is only worth knowing, as a torn tail of a log is, which a member
    /// leaves behind when it is killed.
    public var isDamage: Bool

    public init(_ file: String, at offset: Int64, _ what: String, isDamage: Bool = true) {
        (self.file, self.offset, self.what, self.isDamage) = (file, offset, what, isDamage)
    }

    init(_ error: BoltError) {
        self.init(error.file, at: error.offset, error.what)
    }

    init(_ error: RecoveryError) {
        self.init(error.file, at: error.offset ?? 0, error.what)
    }
}

/// How far a long look, or a long work, has come.
public struct RecoveryProgress: Sendable, Hashable {
    public enum Step: String, Sendable, Hashable {
        case hashing = "Hashing"
        case walking = "Walking"
        case counting = "Counting"
        case reading = "Reading the log"
        case copying = "Copying"
        case replaying = "Replaying"
        case writing = "Writing"
    }

    public var step: Step
    /// The file it is about.
    public var file: String
    /// Bytes; log entries while replaying. Walking leaves out free pages, and may end with fewer than all.
    public var done: Int64
    public var total: Int64

    public init(_ step: Step, _ file: String, done: Int64, total: Int64) {
        (self.step, self.file, self.done, self.total) = (step, file, done, total)
    }
}

public typealias ProgressReport = (RecoveryProgress) -> Void
