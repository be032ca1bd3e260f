internal import Glibc
internal import Platform

extension Disk {
    /// All bytes of a file; nil where nothing is.
    func contents(of path: String, limit: Int = 1 << 20) throws(DiskError) -> [UInt8]? {
        guard try self.stat(path) != nil else { return nil }
        let file = try self.open(path, .read)
        let bytes = try file.read(at: 0, count: limit)
        try file.close()
        return bytes
    }

    /// Puts a file in place whole: written beside, synced, renamed.
    func replace(_ path: String, with bytes: [UInt8]) throws(DiskError) {
        let file = try self.open(path + ".tmp", .create)
        try file.truncate(to: 0)
        try file.write(bytes, at: 0)
        try file.sync()
        try file.close()
        try self.rename(path + ".tmp", to: path)
        try self.syncDirectory(directory(of: path))
    }

    /// Makes all files and names below a directory durable.
    func syncTree(_ path: String) throws(DiskError) {
        for name in try self.list(path) {
            let child = path + "/" + name
            if try self.stat(child)?.isDirectory == true {
                try self.syncTree(child)
            } else {
                let file = try self.open(child, .readWrite)
                try file.sync()
                try file.close()
            }
        }
        try self.syncDirectory(path)
    }

    /// Deletes a file, or a directory with all that is in it. A symbolic link is deleted, never followed. Nothing when
    /// nothing is there.
    func removeTree(_ path: String) throws(DiskError) {
        do {
            return try self.remove(path)
        } catch {
            if error.code == ENOENT { return }
            guard error.code == ENOTEMPTY || error.code == EEXIST || error.code == EISDIR else { throw error }
        }
        for name in try self.list(path) { try self.removeTree(path + "/" + name) }
        try self.remove(path)
    }
}

/// The directory that the last name of an absolute path stands in.
func directory(of path: String) -> String {
    let parent = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[..<$0]) } ?? "."
    return parent.isEmpty ? "/" : parent
}
