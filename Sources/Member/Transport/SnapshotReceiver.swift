internal import EtcdWire
internal import Platform
internal import WriteAheadLog

/// Writes down a database that a peer sends, on a thread of its own. It takes its place under the name that the log will
/// look for only when it is whole and durable.
final class SnapshotReceiver: Sendable {
    private enum Part: Sendable {
        case bytes([UInt8])
        case end
        case broken
    }

    private let mailbox = Mailbox<Part>()

    /// - Parameters:
    ///   - number: Keeps apart what comes at the same time.
    ///   - took: Told how many bytes are on the disk, whenever more are.
    ///   - done: Told once, unless the peer broke off.
    init(
        _ index: UInt64, _ files: SnapshotFiles, _ disk: any Disk, number: UInt64, took: @escaping @Sendable (Int) -> Void,
        done: @escaping @Sendable (DiskError?) -> Void
    ) {
        let mailbox = self.mailbox
        startThread(named: "take-snapshot") {
            let path = files.receivedDatabasePath(index)
            do throws(DiskError) {
                if try Self.write("\(path).\(number).part", path, files.directory, disk, mailbox, took) { done(nil) }
            } catch {
                mailbox.close()
                done(error)
            }
        }
    }

    func receive(_ bytes: [UInt8]) { self.mailbox.send(.bytes(bytes)) }
    func finish() { self.mailbox.send(.end) }
    func breakOff() { self.mailbox.send(.broken) }

    private static func write(
        _ part: String, _ path: String, _ directory: String, _ disk: any Disk, _ mailbox: Mailbox<Part>,
        _ took: (Int) -> Void
    ) throws(DiskError) -> Bool {
        let file = try disk.open(part, .create)
        try file.truncate(to: 0)
        var offset: Int64 = 0
        while let parts = mailbox.take() {
            for received in parts {
                switch received {
                case .bytes(let bytes):
                    try file.write(bytes, at: offset)
                    offset += Int64(bytes.count)
                    took(bytes.count)
                case .broken:
                    try file.close()
                    try disk.remove(part)
                    return false
                case .end:
                    try file.sync()
                    try file.close()
                    try disk.rename(part, to: path)
                    try disk.syncDirectory(directory)
                    return true
                }
            }
        }
        return false
    }
}
