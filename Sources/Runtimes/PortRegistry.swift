internal import Glibc
internal import Platform

/// The ports of this machine's members, as files in one directory that every controller of a user shares: the file's name
/// is the port, its text the member's directory. A reservation whose member has no place any more, or a place with other
/// ports, is stale.
///
/// New reservations are made only under the lock of `lock` in that directory, held until the place that owns them is on
/// disk, so that none of two controllers can take a reservation that is still being made for a stale one.
struct PortRegistry: Sendable {
    let directory: String
    let range: ClosedRange<Int>
    let disk: any Disk

    /// Nil while another holder has it; released by closing it.
    func tryLock() throws(RuntimeError) -> (any DiskFile)? {
        try onDisk { () throws(DiskError) in
            try self.disk.makeDirectory(self.directory)
            let file = try self.disk.open(self.directory + "/lock", .create)
            guard try file.tryLock() else {
                try file.close()
                return nil
            }
            return file
        }
    }

    /// Two ports that no other place has and nobody listens on. Only under the lock.
    func reserve(for member: MemberDirectory, host: String) throws(RuntimeError) -> (client: Int, peer: Int) {
        let client = try self.reserveOne(for: member, host: host, otherThan: nil)
        return (client, try self.reserveOne(for: member, host: host, otherThan: client))
    }

    /// Puts back the reservations of a place that has none, as after the directory was emptied by a restart of the
    /// machine. Only under the lock.
    func renew(_ record: MemberRecord, of member: MemberDirectory) throws(RuntimeError) {
        for port in [record.clientPort, record.peerPort] {
            guard try self.owner(of: port) != member, try self.isFree(port) else { continue }
            try self.write(port, member)
        }
    }

    /// Whether both of a place's reservations stand.
    func holds(_ record: MemberRecord, of member: MemberDirectory) throws(RuntimeError) -> Bool {
        let owners = [try self.owner(of: record.clientPort), try self.owner(of: record.peerPort)]
        return owners.allSatisfy { $0 == member }
    }

    /// Gives up a place's reservations.
    func free(_ record: MemberRecord, of member: MemberDirectory) throws(RuntimeError) {
        for port in [record.clientPort, record.peerPort] {
            guard try self.owner(of: port) == member else { continue }
            try onDisk { () throws(DiskError) in try self.disk.removeTree(self.file(of: port)) }
        }
    }

    private func reserveOne(for member: MemberDirectory, host: String, otherThan taken: Int?) throws(RuntimeError) -> Int {
        // A start that differs from member to member: the port of a member just removed is not given to the next one at
        // once, whose cluster its old clients would then find there.
        let start = Int(truncatingIfNeeded: FNV1a.checksum(member.path.utf8) % UInt64(self.range.count))
        for step in 0..<self.range.count {
            let port = self.range.lowerBound + (start + step) % self.range.count
            guard port != taken, try self.isFree(port), nobodyListens(on: port, host: host) else { continue }
            try self.write(port, member)
            return port
        }
        throw RuntimeError(
            .noPort, "no port from \(self.range.lowerBound) to \(self.range.upperBound) is free for \(member.path)")
    }

    private func isFree(_ port: Int) throws(RuntimeError) -> Bool {
        guard let owner = try self.owner(of: port) else { return true }
        // What cannot be read is no proof that it is free.
        guard let record = try? owner.record(on: self.disk) else {
            return try onDisk { () throws(DiskError) in try self.disk.stat(owner.placeFile) } == nil
        }
        return record.clientPort != port && record.peerPort != port
    }

    private func owner(of port: Int) throws(RuntimeError) -> MemberDirectory? {
        let text = try onDisk { () throws(DiskError) in try self.disk.contents(of: self.file(of: port)) }
        guard let text, !text.isEmpty else { return nil }
        return MemberDirectory(path: String(decoding: text, as: UTF8.self))
    }

    private func write(_ port: Int, _ member: MemberDirectory) throws(RuntimeError) {
        try onDisk { () throws(DiskError) in
            // Made new each time, so that a link someone put there is never written through.
            try self.disk.removeTree(self.file(of: port))
            let file = try self.disk.open(self.file(of: port), .createNew)
            try file.write(Array(member.path.utf8), at: 0)
            try file.close()
        }
    }

    private func file(of port: Int) -> String {
        "\(self.directory)/\(port)"
    }

    /// `$XDG_RUNTIME_DIR/quorate/ports`, or below `/tmp` where there is none.
    static func defaultDirectory(_ environment: [String: String]) -> String {
        if let runtime = environment["XDG_RUNTIME_DIR"], runtime.hasPrefix("/") { return runtime + "/quorate/ports" }
        return "/tmp/quorate-\(getuid())/ports"
    }
}

/// Whether a server could listen on this port, on every address of the host's family.
private func nobodyListens(on port: Int, host: String) -> Bool {
    let isSix = host.contains(":")
    let descriptor = socket(isSix ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    // As etcd does: ports of connections that were just closed are free.
    var yes: Int32 = 1
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    let number = in_port_t(truncatingIfNeeded: port).bigEndian
    if isSix {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = number
        return unsafe bindSucceeds(descriptor, &address)
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = number
    return unsafe bindSucceeds(descriptor, &address)
}

private func bindSucceeds<Address>(_ descriptor: Int32, _ address: UnsafeMutablePointer<Address>) -> Bool {
    let size = socklen_t(MemoryLayout<Address>.size)
    let raw = UnsafeRawPointer(address)
    return unsafe bind(descriptor, raw.assumingMemoryBound(to: sockaddr.self), size) == 0
}
