internal import EtcdClient
internal import EtcdWire
internal import Foundation

/// What the archive of the log costs the controller while a cluster is written to, and how far it is behind.
enum ArchiveBenchmark: Benchmark {
    static let name = "archive"

    private static let rate = 1_000

    static func run(_ settings: Settings) async throws -> Table {
        let binary = try settings.quorate()
        let seconds = max(10, settings.seconds * 5)
        var table = Table(
            title: "The archive of the log, at \(Self.rate) puts a second",
            columns: ["members", "puts/s", "CPU without", "CPU with", "archive", "median lag ms", "max lag ms"])
        for replicas in [1, 3] {
            var (without, with): ([Measured], [Measured]) = ([], [])
            for _ in 0..<settings.rounds {
                without.append(try await self.measure(settings, binary, replicas, archives: false, seconds))
                with.append(try await self.measure(settings, binary, replicas, archives: true, seconds))
            }
            let (before, after) = (without.map(\.share).median, with.map(\.share).median)
            let lags = with.flatMap(\.lags)
            table.rows.append([
                "\(replicas)", with.map(\.rate).median.formatted(0), "\((before * 100).formatted(2)) %",
                "\((after * 100).formatted(2)) %", "\(((after - before) * 100).formatted(2)) %",
                (lags.median * 1000).formatted(0), ((lags.max() ?? 0) * 1000).formatted(0),
            ])
        }
        table.notes = [
            "CPU of the controller's process, of one core, \(seconds.formatted(0)) s a figure, median of \(settings.rounds).",
            "archive: with spec.backup.archive less without. maxLag: 1s, puts of 256 bytes.",
            "lag: how old the newest entry is that the archive holds durably, sampled 20 times a second.",
        ]
        return table
    }

    private struct Measured {
        /// CPU seconds a second.
        var share: Double
        /// Puts a second.
        var rate: Double
        /// Seconds.
        var lags: [Double]
    }

    private static func measure(
        _ settings: Settings, _ binary: String, _ replicas: Int, archives: Bool, _ seconds: Double
    ) async throws -> Measured {
        let directory = absolute(settings.directory) + "/archive-\(replicas)-\(archives)"
        try? FileManager.default.removeItem(atPath: directory)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let spec = """
            apiVersion: quorate.dev/v1alpha1
            kind: EtcdCluster
            metadata: {name: bench}
            spec:
              replicas: \(replicas)
              engine: {type: Etcd, version: "3.5", binaryDirectory: \(absolute(settings.etcd))}
              runtime: {process: {dataDirectory: \(directory)/data}}
              backup:
                store: {directory: {path: \(directory)/backups}}
                \(archives ? "archive: {maxLag: 1s}" : "suspend: false")
            """
        try spec.write(toFile: directory + "/bench.yaml", atomically: true, encoding: .utf8)
        let socket = "\(directory)/q.sock"
        let controller = try launch(
            binary,
            ["run", directory + "/bench.yaml", "--data-dir", directory + "/ctl", "--listen", "unix:\(socket)"])
        var pids: [Int32] = []
        defer {
            // The controller first: it would start its members again.
            end(controller)
            for pid in pids { kill(pid, SIGTERM) }
            try? FileManager.default.removeItem(atPath: directory)
        }
        var members: [[String: Any]] = []
        let start = ContinuousClock.now
        while members.count < replicas || !members.allSatisfy({ $0["state"] as? String == "Ready" }) {
            guard ContinuousClock.now - start < .seconds(60) else { throw Failure("the cluster was not ready within a minute") }
            try await Task.sleep(for: .milliseconds(200))
            let object = try? output(binary, ["get", "ec", "bench", "-o", "json", "--server", "http+unix://\(socket)"])
            members = (object?["status"] as? [String: Any])?["members"] as? [[String: Any]] ?? []
            pids = members.compactMap { ($0["pid"] as? Int).map(Int32.init) }
        }
        let endpoints = members.compactMap { $0["endpoint"] as? String }
        let connector = GRPCConnector()
        defer { Task { await connector.close() } }
        let load = Load(connector.connect(to: endpoints, timeout: .seconds(5)), rate: Self.rate)
        let writing = Task { await load.run() }
        defer { writing.cancel() }
        // What a beginning costs is not counted.
        try await Task.sleep(for: .seconds(3))
        let (ticks, puts, began) = (try cpuTicks(controller.processIdentifier), await load.count, ContinuousClock.now)
        var lags: [Double] = []
        while (ContinuousClock.now - began).seconds < seconds {
            try await Task.sleep(for: .milliseconds(50))
            if archives, let lag = self.lag(directory + "/backups/archive") { lags.append(lag) }
        }
        let elapsed = (ContinuousClock.now - began).seconds
        let used = Double(try cpuTicks(controller.processIdentifier) - ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
        if archives, lags.isEmpty { throw Failure("there is no archive in \(directory)/backups") }
        return Measured(share: used / elapsed, rate: Double(await load.count - puts) / elapsed, lags: lags)
    }

    /// How long ago the newest time mark of an archive was made: all entries up to it are durable.
    private static func lag(_ root: String) -> Double? {
        let files = FileManager.default
        guard let archive = try? files.contentsOfDirectory(atPath: root).max(),
            let name = try? files.contentsOfDirectory(atPath: "\(root)/\(archive)").filter({ $0.hasSuffix(".times") }).max(),
            let file = FileHandle(forReadingAtPath: "\(root)/\(archive)/\(name)")
        else { return nil }
        defer { try? file.close() }
        guard let size = try? file.seekToEnd(), size > 0 else { return nil }
        try? file.seek(toOffset: size > 200 ? size - 200 : 0)
        guard let tail = try? file.readToEnd(),
            let line = String(decoding: tail, as: UTF8.self).split(separator: "\n").last,
            let time = line.split(separator: " ").dropFirst().first.flatMap({ seconds(String($0)) })
        else { return nil }
        return Date().timeIntervalSince1970 - time
    }
}

/// Puts at a steady rate.
private actor Load {
    private let connection: any EtcdConnection
    private let rate: Int
    private(set) var count = 0
    private static let lanes = 16

    init(_ connection: any EtcdConnection, rate: Int) {
        (self.connection, self.rate) = (connection, rate)
    }

    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for lane in 0..<Self.lanes { group.addTask { await self.run(lane) } }
        }
    }

    private func run(_ lane: Int) async {
        let pause = Duration.seconds(1) * Self.lanes / self.rate
        var next = ContinuousClock.now + pause * lane / Self.lanes
        let value = [UInt8](repeating: 7, count: 256)
        var number = lane
        while !Task.isCancelled {
            try? await Task.sleep(until: next)
            next += pause
            let key = Array("bench/\(number % 10_000)".utf8)
            if (try? await self.connection.put(PutRequest(key: key, value: value))) != nil { self.count += 1 }
            number += Self.lanes
        }
    }
}

/// CPU time of a process, user and system.
private func cpuTicks(_ pid: Int32) throws -> Int {
    let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
    // The name before it may hold anything.
    let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
    guard fields.count > 13, let user = Int(fields[12]), let system = Int(fields[13]) else {
        throw Failure("/proc/\(pid)/stat cannot be read: \(text)")
    }
    return user + system
}
