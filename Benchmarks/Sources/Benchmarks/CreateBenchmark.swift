internal import EtcdClient
internal import EtcdWire
internal import Foundation

/// From a spec to a cluster of three that serves, against starting the same three processes by hand.
enum CreateBenchmark: Benchmark {
    static let name = "create"

    static func run(_ settings: Settings) async throws -> Table {
        let binary = try settings.quorate()
        var (ours, byHand): ([Double], [Double]) = ([], [])
        for round in 0..<settings.rounds {
            let directory = settings.directory + "/create-\(round)"
            try? FileManager.default.removeItem(atPath: directory)
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            byHand.append(try await self.startByHand(settings, directory + "/hand"))
            ours.append(try await self.apply(settings, binary, directory + "/quorate"))
            try? FileManager.default.removeItem(atPath: directory)
        }
        var table = Table(
            title: "Three members, until they serve", columns: ["", "median ms", "min ms", "max ms", "ratio"])
        for (label, times) in [("three etcd processes by hand", byHand), ("spec applied to Available", ours)] {
            table.rows.append([
                label, (times.median * 1000).formatted(0), ((times.min() ?? 0) * 1000).formatted(0),
                ((times.max() ?? 0) * 1000).formatted(0), (times.median / byHand.median).formatted(2),
            ])
        }
        table.notes = [
            "etcd 3.5, in turn, \(settings.rounds) rounds. By hand: until each of the three answers with a leader.",
            "quorate: from the object's creationTimestamp to the lastTransitionTime of its condition Available.",
        ]
        return table
    }

    private static func startByHand(_ settings: Settings, _ directory: String) async throws -> Double {
        let base = Int.random(in: 20_000...29_990)
        let cluster = (0..<3).map { "m\($0)=http://127.0.0.1:\(base + 2 * $0 + 1)" }.joined(separator: ",")
        let start = ContinuousClock.now
        let members = try (0..<3).map { index in
            let (client, peer) = ("http://127.0.0.1:\(base + 2 * index)", "http://127.0.0.1:\(base + 2 * index + 1)")
            return try launch(
                settings.etcd + "/etcd",
                [
                    "--name=m\(index)", "--data-dir=\(directory)/m\(index)", "--listen-client-urls=\(client)",
                    "--advertise-client-urls=\(client)", "--listen-peer-urls=\(peer)",
                    "--initial-advertise-peer-urls=\(peer)", "--initial-cluster=\(cluster)", "--log-level=error",
                ])
        }
        defer { members.forEach(end) }
        let connector = GRPCConnector()
        for index in 0..<3 {
            let connection = connector.connect(to: ["http://127.0.0.1:\(base + 2 * index)"], timeout: .milliseconds(500))
            while (try? await connection.status())?.leader ?? 0 == 0 {
                guard ContinuousClock.now - start < .seconds(30) else { throw Failure("etcd by hand found no leader") }
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        let elapsed = (ContinuousClock.now - start).seconds
        await connector.close()
        return elapsed
    }

    private static func apply(_ settings: Settings, _ binary: String, _ directory: String) async throws -> Double {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let spec = """
            apiVersion: quorate.dev/v1alpha1
            kind: EtcdCluster
            metadata: {name: bench}
            spec:
              replicas: 3
              engine: {type: Etcd, version: "3.5", binaryDirectory: \(absolute(settings.etcd))}
              runtime: {process: {dataDirectory: \(absolute(directory))/data}}
            """
        try spec.write(toFile: directory + "/bench.yaml", atomically: true, encoding: .utf8)
        let socket = "\(absolute(directory))/q.sock"
        let controller = try launch(
            binary,
            [
                "run", directory + "/bench.yaml", "--data-dir", directory + "/ctl", "--listen", "unix:\(socket)",
                "--log-format", "json",
            ])
        var members: [Int32] = []
        defer {
            // The controller first: it would start its members again.
            end(controller)
            for pid in members { kill(pid, SIGTERM) }
        }
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(60) {
            try await Task.sleep(for: .milliseconds(200))
            guard let object = try? output(binary, ["get", "ec", "bench", "-o", "json", "--server", "http+unix://\(socket)"]),
                let took = try? self.availableAfter(object)
            else { continue }
            members = self.pids(object)
            return took
        }
        throw Failure("the cluster was not available within a minute")
    }

    private static func availableAfter(_ object: [String: Any]) throws -> Double? {
        guard let metadata = object["metadata"] as? [String: Any], let status = object["status"] as? [String: Any],
            let conditions = status["conditions"] as? [[String: Any]],
            let available = conditions.first(where: { $0["type"] as? String == "Available" }),
            available["status"] as? String == "True",
            let created = (metadata["creationTimestamp"] as? String).flatMap(seconds),
            let since = (available["lastTransitionTime"] as? String).flatMap(seconds)
        else { throw Failure("not available yet") }
        return since - created
    }

    private static func pids(_ object: [String: Any]) -> [Int32] {
        let members = (object["status"] as? [String: Any])?["members"] as? [[String: Any]] ?? []
        return members.compactMap { ($0["pid"] as? Int).map(Int32.init) }
    }
}

func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
}

/// Seconds since the epoch of RFC 3339 with a fraction.
func seconds(_ text: String) -> Double? {
    let parts = text.dropLast().split(separator: ".")
    guard let whole = ISO8601DateFormatter().date(from: parts[0] + "Z") else { return nil }
    return whole.timeIntervalSince1970 + (parts.count > 1 ? Double("0." + parts[1]) ?? 0 : 0)
}

func launch(_ program: String, _ arguments: [String]) throws -> Process {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return process
}

func end(_ process: Process) {
    process.terminate()
    process.waitUntilExit()
}

func output(_ program: String, _ arguments: [String]) throws -> [String: Any]? {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return try JSONSerialization.jsonObject(with: data) as? [String: Any]
}
