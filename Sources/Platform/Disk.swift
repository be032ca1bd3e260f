/// All file access of the product. `RealDisk` is the machine's; `SimulatedDisk` keeps, per file, what a crash would keep,
/// so that every crash and every disk fault can be produced in a test.
///
/// Every call is synchronous and may block: callers run it on a thread of their own, never on the cooperative pool.
/// Paths are plain strings; a directory's entries are names. No call retries a failed sync: the caller stops.
public protocol Disk: Sendable {
    /// Opens a file.
    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile
    /// Renames over whatever is there. Durable only after ``syncDirectory(_:)`` of both directories.
    func rename(_ from: String, to: String) throws(DiskError)
    func remove(_ path: String) throws(DiskError)
    /// Makes the directory and those above it; not an error when it is there.
    func makeDirectory(_ path: String) throws(DiskError)
    /// Makes the names in a directory durable.
    func syncDirectory(_ path: String) throws(DiskError)
    /// The names in a directory, sorted by bytes, without `.` and `..`.
    func list(_ path: String) throws(DiskError) -> [String]
    /// What is at a path, or nil where nothing is.
    func stat(_ path: String) throws(DiskError) -> FileInfo?
}

/// One open file.
public protocol DiskFile: AnyObject, Sendable {
    var path: String { get }
    func size() throws(DiskError) -> Int64
    /// Reads up to `count` bytes at `offset`; fewer only at the end of the file.
    func read(at offset: Int64, count: Int) throws(DiskError) -> [UInt8]
    /// Writes all bytes at `offset`, extending the file where needed.
    func write(_ bytes: [UInt8], at offset: Int64) throws(DiskError)
    func truncate(to size: Int64) throws(DiskError)
    /// Reserves space so that later writes below `size` need no new blocks; the file grows to `size`, reading as zeros.
    func allocate(to size: Int64) throws(DiskError)
    /// `fdatasync`: returns when all written so far is on the disk. After an error the caller must stop the process.
    func sync() throws(DiskError)
    /// Takes an exclusive lock that ends with the file's closing. False when another holder has it.
    func tryLock() throws(DiskError) -> Bool
    /// The same with `flock`, as bbolt takes it: on Linux neither kind of lock excludes the other.
    func tryFlock() throws(DiskError) -> Bool
    /// Maps the file's first `size` bytes, some of which it may get only later.
    func map(_ size: Int64) throws(DiskError) -> DiskMapping
    func close() throws(DiskError)
}

extension DiskFile {
    /// A file that knows one kind of lock alone.
    public func tryFlock() throws(DiskError) -> Bool {
        try self.tryLock()
    }

    /// A file that cannot be mapped says so with `ENODEV`.
    public func map(_ size: Int64) throws(DiskError) -> DiskMapping {
        throw DiskError(operation: "mmap", path: self.path, code: 19, reason: "No such device")
    }
}

public enum OpenMode: Sendable {
    /// Must exist.
    case read
    /// Must exist.
    case readWrite
    /// Made when absent, kept when present.
    case create
    /// Must not exist.
    case createNew
}

public struct FileInfo: Sendable, Hashable {
    public var isDirectory: Bool
    /// Bytes.
    public var size: Int64
    public var modified: Timestamp

    public init(isDirectory: Bool, size: Int64, modified: Timestamp) {
        self.isDirectory = isDirectory
        self.size = size
        self.modified = modified
    }
}

/// A failed file operation: which, on what, and the system's error number.
public struct DiskError: Error, Hashable, CustomStringConvertible {
    /// The call's name, such as `fdatasync`.
    public var operation: String
    public var path: String
    /// The error number of `errno`.
    public var code: Int32
    /// The system's words for `code`.
    public var reason: String

    public init(operation: String, path: String, code: Int32, reason: String) {
        self.operation = operation
        self.path = path
        self.code = code
        self.reason = reason
    }

    public var description: String {
        "\(self.path): \(self.operation): \(self.reason)"
    }
}
