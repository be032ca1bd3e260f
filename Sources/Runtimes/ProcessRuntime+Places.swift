internal import Platform

extension ProcessRuntime {
    public func provision(_ member: String, of cluster: ClusterPlace) async throws(RuntimeError) -> MemberPlace {
        let directory = try cluster.memberDirectory(member)
        let deadline = self.clock.uptime() + .seconds(10)
        while true {
            if let record = try directory.record(on: self.disk) { return record.place(in: directory) }
            if let lock = try self.registry.tryLock() {
                // Looked at again: the place may have been made while the lock was another's.
                var record = try directory.record(on: self.disk)
                if record == nil { record = try self.makePlace(for: member, in: directory, of: cluster) }
                try onDisk { () throws(DiskError) in try lock.close() }
                guard let record else { continue }
                return record.place(in: directory)
            }
            guard self.clock.uptime() < deadline else {
                throw RuntimeError(.noPort, "the port registry \(self.registry.directory) has been locked for 10 s")
            }
            try await self.pause(.milliseconds(5))
        }
    }

    private func makePlace(
        for member: String, in directory: MemberDirectory, of cluster: ClusterPlace
    ) throws(RuntimeError) -> MemberRecord {
        guard try self.processes(on: [directory.data]).isEmpty else {
            throw RuntimeError(.refused, "a process runs on \(directory.data), which is no member's place")
        }
        // Data without a place is of unknown origin. It is kept, but not under this member's name.
        if try !directory.isEmpty(on: self.disk) {
            _ = try self.moveAside(directory, name: "\(member)-unknown", of: cluster)
        }
        try onDisk { () throws(DiskError) in try self.disk.makeDirectory(directory.path) }
        let ports = try self.registry.reserve(for: directory, host: cluster.host)
        let record = MemberRecord(
            name: member, host: cluster.host, clientPort: ports.client, peerPort: ports.peer,
            created: self.clock.now().description)
        try directory.write(record, on: self.disk)
        return record
    }

    public func retire(_ member: String, of cluster: ClusterPlace, label: String) async throws(RuntimeError) -> String? {
        let directory = try cluster.memberDirectory(member)
        guard try onDisk({ () throws(DiskError) in try self.disk.stat(directory.path) }) != nil else { return nil }
        let lock = try await self.lock(directory)
        guard try self.table.scan(for: [directory.data]).isEmpty else {
            throw RuntimeError(.refused, "\(member) still runs: stop it first")
        }
        let safe = String(label.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "_") ? $0 : "-" })
        // A damaged record gives no ports to free; their reservations are stale once it is gone from its place.
        let record = try? directory.record(on: self.disk)
        let path = try self.moveAside(directory, name: "\(member)-\(safe)", of: cluster)
        if let record { try self.registry.free(record, of: directory) }
        try onDisk { () throws(DiskError) in try lock.close() }
        self.forget(directory)
        return path
    }

    /// Renames a member's directory into `removed`, under a name that ends with the time.
    private func moveAside(
        _ directory: MemberDirectory, name: String, of cluster: ClusterPlace
    ) throws(RuntimeError) -> String {
        let removed = try cluster.removedDirectory()
        let time = self.clock.now().description.filter { $0 != "-" && $0 != ":" }
        return try onDisk { () throws(DiskError) in
            try self.disk.makeDirectory(removed)
            let base = "\(removed)/\(name)-\(time)"
            var path = base
            var number = 2
            while try self.disk.stat(path) != nil {
                path = "\(base)-\(number)"
                number += 1
            }
            try self.disk.rename(directory.path, to: path)
            try self.disk.syncDirectory(removed)
            try self.disk.syncDirectory(Runtimes.directory(of: removed))
            return path
        }
    }

    public func deleteData(of cluster: ClusterPlace) async throws(RuntimeError) {
        let members = try await self.members(of: cluster)
        if let running = members.first(where: { $0.pid != nil }) {
            throw RuntimeError(.refused, "\(running.place.name) still runs: stop all members of \(cluster.name) first")
        }
        // Moved aside first: what a crash leaves of a half-deleted member is then never taken for one.
        for member in members { _ = try await self.retire(member.place.name, of: cluster, label: "deleted") }
        let path = try cluster.directory()
        let removed = try cluster.removedDirectory()
        try onDisk { () throws(DiskError) in
            guard try self.disk.stat(path) != nil else { return }
            try self.disk.removeTree(removed)
            // What else someone put there is not the runtime's to delete.
            if try self.disk.list(path).isEmpty { try self.disk.remove(path) } else { try self.disk.syncDirectory(path) }
        }
    }

    // MARK: - Locks

    /// What other controllers wait for while a member is started, moved aside, or its record changed. Given up when it is
    /// closed, or with the last reference to it.
    func lock(_ directory: MemberDirectory) async throws(RuntimeError) -> any DiskFile {
        let deadline = self.clock.uptime() + .seconds(10)
        while true {
            if let lock = try self.tryLock(directory) { return lock }
            guard self.clock.uptime() < deadline else {
                throw RuntimeError(.refused, "\(directory.path) has been locked by another controller for 10 s")
            }
            try await self.pause(.milliseconds(5))
        }
    }

    private func tryLock(_ directory: MemberDirectory) throws(RuntimeError) -> (any DiskFile)? {
        try onDisk { () throws(DiskError) in
            let file = try self.disk.open(directory.path + "/lock", .create)
            return try file.tryLock() ? file : nil
        }
    }

    /// Changes a member's record. Left for the next look when another holds the lock.
    func note(_ directory: MemberDirectory, _ change: (inout MemberRecord) -> Void) throws(RuntimeError) {
        guard let lock = try self.tryLock(directory), var record = try directory.record(on: self.disk) else { return }
        change(&record)
        try directory.write(record, on: self.disk)
        try onDisk { () throws(DiskError) in try lock.close() }
    }

    // MARK: - Data that others write

    public func fill(
        _ member: String, of cluster: ClusterPlace, from origin: DataOrigin,
        write: @escaping @Sendable (_ place: MemberPlace, _ path: String) async throws -> String
    ) async throws {
        let directory = try cluster.memberDirectory(member)
        guard let record = try directory.record(on: self.disk) else {
            throw RuntimeError(.refused, "\(member) has no place in \(cluster.name)")
        }
        let data = try directory.dataState(ran: record.ran, on: self.disk)
        if data == .present, record.origin == origin { return }
        try self.refuseUnlessEmpty(directory, member)
        let temporary = try self.makeRoom(in: directory)
        let report = try await write(record.place(in: directory), temporary)
        let lock = try await self.lock(directory)
        try self.refuseUnlessEmpty(directory, member)
        guard var current = try directory.record(on: self.disk) else {
            throw RuntimeError(.refused, "\(member) lost its place while its data was written")
        }
        // Written first: data that is in place was made from what its record says.
        (current.origin, current.originReport, current.stopped) = (origin, report, true)
        try directory.write(current, on: self.disk)
        try onDisk { () throws(DiskError) in
            try self.disk.syncTree(temporary)
            try self.disk.rename(temporary, to: directory.data)
            try self.disk.syncDirectory(directory.path)
        }
        current.ran = true
        try directory.write(current, on: self.disk)
        try onDisk { () throws(DiskError) in try lock.close() }
    }

    private func refuseUnlessEmpty(_ directory: MemberDirectory, _ member: String) throws(RuntimeError) {
        guard try self.table.scan(for: [directory.data]).isEmpty else {
            throw RuntimeError(.refused, "\(member) still runs: stop it first")
        }
        guard try directory.isEmpty(on: self.disk) else {
            throw RuntimeError(.refused, "\(directory.data) holds data: retire \(member) first")
        }
    }

    /// A fresh path beside the data directory; what an earlier attempt left is cleared away.
    private func makeRoom(in directory: MemberDirectory) throws(RuntimeError) -> String {
        let prefix = "restore-"
        return try onDisk { () throws(DiskError) in
            for name in try self.disk.list(directory.path) where name.hasPrefix(prefix) {
                try self.disk.removeTree(directory.path + "/" + name)
            }
            return "\(directory.path)/\(prefix)\(self.clock.now().nanoseconds)"
        }
    }
}
