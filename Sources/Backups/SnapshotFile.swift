internal import Crypto
public import Platform

/// A snapshot file as etcd's clients save it: the database image, and then the 32 bytes of its SHA-256.
///
/// Format: etcd, `client/v3/snapshot`; the image is a whole number of 512-byte sectors, which is how the hash is told.
public enum SnapshotFile {
    /// Bytes of the trailing hash.
    public static let hashSize = 32

    /// Bytes of the image in a file of this size, or nil where the size is not that of a snapshot with its hash.
    public static func imageSize(ofFile size: Int64) -> Int64? {
        size > Int64(self.hashSize) && size % 512 == Int64(self.hashSize) ? size - Int64(self.hashSize) : nil
    }

    /// Reads the whole file and compares the image with the hash after it. Blocks.
    /// - Parameter progress: Called after every mebibyte with the bytes read and all there are.
    /// - Returns: The file's size, and the hash in hexadecimal.
    public static func verify(
        _ path: String, _ disk: any Disk, progress: ((_ done: Int64, _ total: Int64) -> Void)? = nil
    ) throws(BackupError) -> (sizeBytes: Int64, sha256: String) {
        do {
            let file = try disk.open(path, .read)
            defer { try? file.close() }
            let size = try file.size()
            guard self.imageSize(ofFile: size) != nil else { throw Self.wrongSize(path, size) }
            var hash = TrailingHash()
            while hash.count < size {
                let bytes = try file.read(at: hash.count, count: 1 << 20)
                guard !bytes.isEmpty else {
                    throw BackupError(.damaged, "\(path): at byte \(hash.count): the file ends before its \(size) bytes do")
                }
                hash.update(bytes)
                progress?(min(hash.count, size), size)
            }
            return (size, try hash.check(path))
        } catch {
            throw BackupError(wrapping: error)
        }
    }

    static func wrongSize(_ path: String, _ size: Int64) -> BackupError {
        BackupError(
            .damaged,
            "\(path): at byte \(size): the file ends here, but a snapshot is whole sectors of 512 bytes and a hash of 32")
    }
}

/// The SHA-256 of all bytes of a stream but the last 32, and those.
struct TrailingHash {
    private var hasher = SHA256()
    private var tail: [UInt8] = []
    /// Bytes so far, the last 32 included.
    private(set) var count: Int64 = 0

    mutating func update(_ bytes: [UInt8]) {
        self.count += Int64(bytes.count)
        self.tail += bytes
        let settled = self.tail.count - SnapshotFile.hashSize
        guard settled > 0 else { return }
        unsafe self.tail.withUnsafeBytes { buffer in
            unsafe self.hasher.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<settled]))
        }
        self.tail.removeFirst(settled)
    }

    /// Compares the last 32 bytes with the hash of all before them, which is returned in hexadecimal.
    func check(_ path: String) throws(BackupError) -> String {
        let hash = Array(self.hasher.finalize())
        guard hash == self.tail else {
            let image = self.count - Int64(self.tail.count)
            throw BackupError(
                .damaged,
                "\(path): at byte \(image): the hash kept here, \(hexadecimal(self.tail)), is not that of the \(image) bytes "
                    + "before it, \(hexadecimal(hash))")
        }
        return hexadecimal(hash)
    }
}

/// SHA-256 in hexadecimal.
func sha256(_ bytes: some Sequence<UInt8>) -> String {
    var hasher = SHA256()
    unsafe Array(bytes).withUnsafeBytes { unsafe hasher.update(bufferPointer: $0) }
    return hexadecimal(hasher.finalize())
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: text, as: UTF8.self)
}

extension BackupError {
    /// An error of the disk as one of the backups; one that already is goes through.
    init(wrapping error: any Error) {
        switch error {
        case let error as BackupError: self = error
        case let error as DiskError: self.init(.disk, error.description)
        default: self.init(.damaged, "\(error)")
        }
    }
}
