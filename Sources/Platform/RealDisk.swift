internal import CPlatform
internal import Glibc
internal import Synchronization

/// The machine's own file system. New directories have mode 0700 and new files 0600, as etcd's; every descriptor is
/// closed on exec, so that no member started from here inherits one.
public struct RealDisk: Disk {
    public init() {}

    public func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        let flags: Int32 =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT
            case .createNew: O_RDWR | O_CREAT | O_EXCL
            }
        return RealFile(path: path, descriptor: try openDescriptor(path, flags))
    }

    public func rename(_ from: String, to: String) throws(DiskError) {
        guard unsafe Glibc.rename(from, to) == 0 else { throw DiskError("rename", from) }
    }

    public func remove(_ path: String) throws(DiskError) {
        guard unsafe Glibc.remove(path) == 0 else { throw DiskError("remove", path) }
    }

    public func makeDirectory(_ path: String) throws(DiskError) {
        if let info = try self.stat(path) {
            guard info.isDirectory else { throw DiskError("mkdir", path, code: ENOTDIR) }
            return
        }
        let parent = parentDirectory(of: path)
        if parent != path { try self.makeDirectory(parent) }
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { throw DiskError("mkdir", path) }
        try self.syncDirectory(parent)
    }

    public func syncDirectory(_ path: String) throws(DiskError) {
        let descriptor = try openDescriptor(path, O_RDONLY | O_DIRECTORY)
        let result = retryingOnInterrupt { fsync(descriptor) }
        let code = errno
        Glibc.close(descriptor)
        guard result == 0 else { throw DiskError("fsync", path, code: code) }
    }

    public func list(_ path: String) throws(DiskError) -> [String] {
        guard let directory = unsafe opendir(path) else { throw DiskError("opendir", path) }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(directory) else {
                guard errno == 0 else { throw DiskError("readdir", path) }
                break
            }
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { buffer in
                unsafe String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    public func stat(_ path: String) throws(DiskError) -> FileInfo? {
        guard let info = status(of: path) else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw DiskError("stat", path)
        }
        let modified = Int64(info.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(info.st_mtim.tv_nsec)
        return FileInfo(
            isDirectory: info.st_mode & S_IFMT == S_IFDIR, size: Int64(info.st_size),
            modified: Timestamp(nanoseconds: modified))
    }
}

private func openDescriptor(_ path: String, _ flags: Int32) throws(DiskError) -> Int32 {
    let descriptor = retryingOnInterrupt { unsafe open(path, flags | O_CLOEXEC, 0o600) }
    guard descriptor >= 0 else { throw DiskError("open", path) }
    return descriptor
}

private func status(of path: String) -> stat? {
    var info = stat()
    return unsafe stat(path, &info) == 0 ? info : nil
}

/// Calls again while a signal cut the call short.
private func retryingOnInterrupt<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}

/// An open file of the machine. The descriptor is -1 once closed; calls after that fail with `EBADF`.
private final class RealFile: DiskFile {
    let path: String
    private let descriptor: Atomic<Int32>
    private let hasLock = Atomic(false)

    init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = Atomic(descriptor)
    }

    deinit {
        // What went wrong has nobody to be told.
        try? self.close()
    }

    private var open: Int32 { self.descriptor.load(ordering: .relaxed) }

    func size() throws(DiskError) -> Int64 {
        var info = Glibc.stat()
        guard unsafe fstat(self.open, &info) == 0 else { throw DiskError("fstat", self.path) }
        return Int64(info.st_size)
    }

    func read(at offset: Int64, count: Int) throws(DiskError) -> [UInt8] {
        var failure: DiskError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: max(0, count)) { buffer, filled in
            while filled < count {
                let position = off_t(offset) + off_t(filled)
                let got = retryingOnInterrupt {
                    unsafe pread(self.open, buffer.baseAddress! + filled, count - filled, position)
                }
                if got < 0 { failure = DiskError("pread", self.path) }
                if got <= 0 { break }
                filled += got
            }
        }
        if let failure { throw failure }
        return bytes
    }

    func write(_ bytes: [UInt8], at offset: Int64) throws(DiskError) {
        var failure: DiskError?
        unsafe bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let position = off_t(offset) + off_t(written)
                let put = retryingOnInterrupt {
                    unsafe pwrite(self.open, buffer.baseAddress! + written, buffer.count - written, position)
                }
                guard put > 0 else {
                    failure = put < 0 ? DiskError("pwrite", self.path) : DiskError("pwrite", self.path, code: EIO)
                    return
                }
                written += put
            }
        }
        if let failure { throw failure }
    }

    func truncate(to size: Int64) throws(DiskError) {
        guard retryingOnInterrupt({ ftruncate(self.open, off_t(size)) }) == 0 else { throw DiskError("ftruncate", self.path) }
    }

    func allocate(to size: Int64) throws(DiskError) {
        let start = try self.size()
        guard start < size else { return }
        let code = quorate_allocate(self.open, size)
        guard code == 0 || code == EOPNOTSUPP || code == ENOSYS else {
            throw DiskError("fallocate", self.path, code: code)
        }
        // Blocks that were only reserved cost each later sync a change of the file system's own records, which takes longer
        // than the data itself: they are written, with zeros, once and ahead of use.
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        var offset = start
        while offset < size {
            let count = min(Int64(zeros.count), size - offset)
            try self.write(count == zeros.count ? zeros : Array(zeros[..<Int(count)]), at: offset)
            offset += count
        }
        try self.sync()
    }

    func sync() throws(DiskError) {
        guard retryingOnInterrupt({ fdatasync(self.open) }) == 0 else { throw DiskError("fdatasync", self.path) }
    }

    func tryLock() throws(DiskError) -> Bool {
        try self.isLocked(by: quorate_try_lock(self.open))
    }

    func tryFlock() throws(DiskError) -> Bool {
        try self.isLocked(by: quorate_try_flock(self.open))
    }

    private func isLocked(by code: Int32) throws(DiskError) -> Bool {
        if code == EAGAIN { return false }
        guard code == 0 else { throw DiskError("lock", self.path, code: code) }
        self.hasLock.store(true, ordering: .relaxed)
        return true
    }

    func map(_ size: Int64) throws(DiskError) -> DiskMapping {
        guard size > 0, let count = Int(exactly: size) else { throw DiskError("mmap", self.path, code: EINVAL) }
        let base = unsafe mmap(nil, count, PROT_READ, MAP_SHARED, self.open, 0)
        guard let base = unsafe base, unsafe base != MAP_FAILED else { throw DiskError("mmap", self.path) }
        return unsafe DiskMapping(base: base, count: count) { base, count in
            unsafe munmap(UnsafeMutableRawPointer(mutating: base), count)
        } yield: { base, count in
            // Nothing is lost by it: the mapping is never written through.
            _ = unsafe madvise(UnsafeMutableRawPointer(mutating: base), count, MADV_DONTNEED)
        }
    }

    func close() throws(DiskError) {
        let descriptor = self.descriptor.exchange(-1, ordering: .relaxed)
        guard descriptor >= 0 else { return }
        if self.hasLock.load(ordering: .relaxed) { quorate_unlock(descriptor) }
        // Linux frees the descriptor even when interrupted, so closing is never tried twice.
        guard Glibc.close(descriptor) == 0 || errno == EINTR else { throw DiskError("close", self.path) }
    }
}

extension DiskError {
    /// A failure with the words the system has for the error number, the calling thread's last one unless given.
    init(_ operation: String, _ path: String, code: Int32 = errno) {
        let words = unsafe strerror(code)
        let reason = unsafe words.map { unsafe String(cString: $0) } ?? "error \(code)"
        self.init(operation: operation, path: path, code: code, reason: reason)
    }
}

/// The directory a path's last name stands in.
public func parentDirectory(of path: String) -> String {
    var bytes = Array(path.utf8)
    while bytes.count > 1 && bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == 0 ? "/" : String(decoding: bytes[..<slash], as: UTF8.self)
}
