public import Platform

/// A file that was found sound, locked, with its free pages known.
struct OpenedFile {
    var file: any DiskFile
    var meta: BoltMeta
    var mapping: DiskMapping
    var fileBytes: Int64
    var free: Freelist
}

extension BoltDatabase {
    /// Opens a file and locks it, or makes a new one where there is none or an empty one. A new one gets its name only once it
    /// is complete and durable, so that a crash never leaves half of one.
    ///
    /// - Throws: Where another process has it; where both meta pages are damaged; where the free pages are not written down
    ///   and the walk that finds them meets a damaged page; and the disk's own errors.
    public static func open(
        _ path: String, disk: any Disk, options: Options = Options()
    ) throws(BoltError) -> BoltDatabase {
        precondition(BoltMeta.pageSizes.contains(options.pageSize), "a page size is a power of two from 1 KiB to 16 MiB")
        if try Self.isMissing(path, disk) { try Self.make(path, disk: disk, pageSize: options.pageSize) }
        let file = try onDisk(path) { () throws(DiskError) in try disk.open(path, .readWrite) }
        return BoltDatabase(try OpenedFile(file, path: path), path: path, disk: disk, options: options)
    }

    private static func isMissing(_ path: String, _ disk: any Disk) throws(BoltError) -> Bool {
        let info = try onDisk(path) { () throws(DiskError) in try disk.stat(path) }
        return info == nil || info?.size == 0
    }

    /// Makes a file with nothing in it, under another name, and names it once it is durable.
    private static func make(_ path: String, disk: any Disk, pageSize: Int) throws(BoltError) {
        let temporary = path + ".new"
        let file = try onDisk(temporary) { () throws(DiskError) in try disk.open(temporary, .create) }
        guard try onDisk(temporary, { () throws(DiskError) in try file.tryFlock() }) else { throw BoltError.inUse(temporary) }
        // Who had the lock before may have made it.
        guard try Self.isMissing(path, disk) else { return }
        try onDisk(temporary) { () throws(DiskError) in
            try file.truncate(to: 0)
            try file.write(Self.emptyFile(pageSize: pageSize), at: 0)
            try file.sync()
            try disk.rename(temporary, to: path)
            try disk.syncDirectory(parentDirectory(of: path))
            try file.close()
        }
    }

    /// Two meta pages, a freelist and a leaf, both without an element.
    private static func emptyFile(pageSize: Int) -> [UInt8] {
        var meta = BoltMeta(pageSize: pageSize, root: 3, sequence: 0, freelist: 2, highWaterMark: 4, transactionID: 0)
        var bytes = meta.encoded(id: 0)
        meta.transactionID = 1
        bytes += meta.encoded(id: 1)
        for (id, flags) in [(2, PageHeader.freelist), (3, PageHeader.leaf)] as [(UInt64, UInt16)] {
            var page = [UInt8](repeating: 0, count: pageSize)
            unsafe page.withUnsafeMutableBytes { unsafe $0.encodeHeader(id: id, flags: flags, count: 0, overflow: 0) }
            bytes += page
        }
        return bytes
    }
}

extension OpenedFile {
    /// Locks a file and finds out what is free in it.
    init(_ file: any DiskFile, path: String) throws(BoltError) {
        guard try onDisk(path, { () throws(DiskError) in try file.tryFlock() }) else { throw BoltError.inUse(path) }
        let size = try onDisk(path) { () throws(DiskError) in try file.size() }
        let meta = try BoltFile.findMeta(file, size: size).meta
        let needed = Int64(meta.highWaterMark) * Int64(meta.pageSize)
        guard needed <= size else {
            throw BoltError(
                file: path, offset: size,
                what: "the file ends here, before its \(meta.highWaterMark) pages of \(meta.pageSize) bytes do")
        }
        let mapping = try onDisk(path) { () throws(DiskError) in try file.map(BoltDatabase.mappedBytes(for: needed)) }
        let source = PageSource(file: path, mapping: mapping, pageSize: meta.pageSize, highWaterMark: meta.highWaterMark)
        (self.file, self.meta, self.mapping, self.fileBytes) = (file, meta, mapping, size)
        self.free = try source.free(meta)
    }
}

extension BoltError {
    fileprivate static func inUse(_ path: String) -> BoltError {
        BoltError(file: path, offset: 0, what: "another process has this file open, and must end first")
    }
}

/// Gives the disk's error its place among those of a database.
func onDisk<Value>(_ path: String, _ body: () throws(DiskError) -> Value) throws(BoltError) -> Value {
    do {
        return try body()
    } catch {
        throw BoltError(file: path, offset: 0, what: error.description, cause: error)
    }
}
