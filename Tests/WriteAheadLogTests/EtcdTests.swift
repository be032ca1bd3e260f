import EtcdWire
import Platform
import Testing

@testable import WriteAheadLog

#if canImport(Glibc)
    import Glibc
#endif

/// Where etcd itself is, for tests that compare with it.
enum RealEtcd {
    static let environment = "QUORATE_ETCD_35"

    /// The directory with `etcd` and `etcdctl`: named by the environment, else below the repository.
    static let directory: String? = {
        if let named = unsafe getenv(Self.environment) { return unsafe String(cString: named) }
        let repository = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let local = "/\(repository)/.tools/etcd-3.5.1"
        return unsafe access("\(local)/etcd", X_OK) == 0 ? local : nil
    }()

    /// In CI the engine must be there: a skipped test proves nothing.
    static let isExpected = unsafe directory != nil || getenv("CI") != nil

    /// Starts a program with its output thrown away and returns its pid.
    static func start(_ program: String, _ arguments: [String]) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for descriptor in Int32(1)...2 {
            unsafe posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
        }
        var argv: [UnsafeMutablePointer<CChar>?] = unsafe ([program] + arguments).map { unsafe strdup($0) }
        unsafe argv.append(nil)
        defer { for index in 0...arguments.count { unsafe free(argv[index]) } }
        var pid = pid_t()
        let code = unsafe posix_spawn(&pid, program, &actions, nil, &argv, environ)
        try #require(code == 0, "cannot start \(program): error \(code)")
        return pid
    }

    @discardableResult
    static func wait(_ pid: pid_t) -> Int32 {
        var status: Int32 = 0
        unsafe waitpid(pid, &status, 0)
        return status
    }

    /// Two ports nobody listens on just now.
    static func freePorts() -> [Int] {
        let sockets = (0..<2).map { _ in socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
        defer { for socket in sockets { close(socket) } }
        return sockets.map { socket in
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    _ = unsafe bind(socket, pointer, length)
                    _ = unsafe getsockname(socket, pointer, &length)
                }
            }
            return Int(UInt16(bigEndian: address.sin_port))
        }
    }
}

/// A log that etcd 3.5 wrote, read here, and written on here.
@Suite(.enabled(if: RealEtcd.isExpected, "set QUORATE_ETCD_35 to a directory with etcd 3.5"), .timeLimit(.minutes(5)))
struct EtcdTests {
    @Test func etcdsOwnLogIsReadRight() throws {
        let binaries = try #require(RealEtcd.directory, "CI has no etcd 3.5: set QUORATE_ETCD_35")
        let data = "/tmp/quorate-wal-\(UInt64.random(in: .min ... .max))"
        defer { RealEtcd.wait((try? RealEtcd.start("/bin/rm", ["-rf", data])) ?? -1) }
        let ports = RealEtcd.freePorts()
        let (client, peer) = ("http://127.0.0.1:\(ports[0])", "http://127.0.0.1:\(ports[1])")
        let member = try RealEtcd.start(
            "\(binaries)/etcd",
            [
                "--name", "one", "--data-dir", data, "--listen-client-urls", client, "--advertise-client-urls", client,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "one=\(peer)",
            ])
        var written = 0
        for number in 0..<3 {
            let put = ["--endpoints", client, "--dial-timeout", "10s", "put", "key\(number)", "value\(number)"]
            if RealEtcd.wait(try RealEtcd.start("\(binaries)/etcdctl", put)) == 0 { written += 1 }
        }
        kill(member, SIGKILL)
        RealEtcd.wait(member)
        try #require(written == 3, "etcd did not come up, or did not take the puts")

        let wal = "\(data)/member/wal"
        let contents = try LogReader.read(wal, after: WALSnapshot(), disk: RealDisk())
        let metadata = try WALMetadata(decoding: contents.metadata)
        #expect(metadata.nodeID != 0 && metadata.clusterID != 0)
        #expect(contents.state.vote == metadata.nodeID)
        #expect(contents.entries.first?.kind == .confChange)
        #expect(contents.entries.map(\.index) == Array(1...UInt64(contents.entries.count)))
        let puts = contents.entries.compactMap { entry -> [UInt8]? in
            guard case .put(let put)? = try? InternalRaftRequest(decoding: entry.data).operation else { return nil }
            return put.key + put.value
        }
        #expect(puts == (0..<3).map { Array("key\($0)value\($0)".utf8) })

        // Its bytes are what this log would have written: the same frames, one after another.
        let path = "\(wal)/\(SegmentName(sequence: 0, index: 0))"
        let file = try RealDisk().open(path, .read)
        let bytes = try file.read(at: 0, count: 65_536)
        let records = StoredRecord.all(bytes)
        var (crc, again): (UInt32, [UInt8]) = (0, [])
        for record in records { Frame.append(record.kind, record.data, crc: &crc, to: &again) }
        #expect(again.elementsEqual(bytes[..<(records.last?.end ?? 0)]))

        // Opened for writing here, and read again.
        let (log, _) = try WriteAheadLog.open(wal, after: WALSnapshot(), disk: RealDisk())
        let next = RaftEntry(term: contents.state.term, index: contents.lastIndex + 1, data: [])
        try log.append([next], contents.state)
        try log.close()
        #expect(try LogReader.read(wal, after: WALSnapshot(), disk: RealDisk()).entries == contents.entries + [next])
    }
}
