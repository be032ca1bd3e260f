internal import Glibc

/// Removes a socket's file when no one listens on it any more, as after a crash. Any other file is left alone.
func removeStaleSocket(_ path: String) throws(ListenError) {
    var info = stat()
    guard unsafe lstat(path, &info) == 0 else { return }
    guard info.st_mode & S_IFMT == S_IFSOCK else { throw ListenError("unix:\(path): another file is there") }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw ListenError("unix:\(path): no socket can be made") }
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // The path has at most 107 bytes, as ListenAddress sees to: the last of the 108 stays zero.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8.prefix(107)) }
    let connected = unsafe withUnsafePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    guard connected != 0, errno == ECONNREFUSED else { throw ListenError("unix:\(path): someone listens there already") }
    guard unsafe unlink(path) == 0 else { throw ListenError("unix:\(path): the old socket cannot be removed") }
}

/// Lets the owner alone connect.
func restrictSocket(_ path: String) {
    _ = unsafe chmod(path, 0o600)
}
