public import Platform
internal import YAML

/// Why a member's settings cannot be used: each line names the flag, variable or line of the file, and what it should be.
public struct MemberConfigurationError: Error, Hashable, CustomStringConvertible {
    public var problems: [String]

    public var description: String { self.problems.joined(separator: "\n") }
}

/// A member's settings and what is to be said of them.
public struct MemberSettings: Sendable, Hashable {
    public var configuration = MemberConfiguration()
    /// Settings that were given and make no difference.
    public var remarks: [String] = []

    /// The environment variables that count: `ETCD_NAME` and the like.
    public static var variables: [String] { MemberSetting.all.map(\.variable) + ["ETCD_CONFIG_FILE"] }

    /// Reads settings as etcd does: flags win over `ETCD_` variables; where a configuration file is given it alone counts.
    ///
    /// - Parameters:
    ///   - arguments: `--name=a`, `--name a`, and the same with one dash.
    ///   - environment: The process's variables.
    ///   - read: Gives the bytes of the configuration file, or why it cannot.
    /// - Throws: All that is wrong at once.
    public init(
        arguments: [String], environment: [String: String], read: (String) throws(DiskError) -> [UInt8]
    ) throws(MemberConfigurationError) {
        var reading = Reading()
        reading.add(arguments: arguments)
        let file = reading.configurationFile ?? environment["ETCD_CONFIG_FILE"]
        if let file, !file.isEmpty {
            reading.given = []
            do throws(DiskError) { reading.add(file: file, try read(file)) } catch {
                reading.problems.append("\(file): \(error.reason)")
            }
        } else {
            reading.add(environment: environment)
        }
        reading.apply(to: &self)
        guard reading.problems.isEmpty else { throw MemberConfigurationError(problems: reading.problems) }
        self.checkTogether(&reading)
        guard reading.problems.isEmpty else { throw MemberConfigurationError(problems: reading.problems) }
    }

    /// What values have to do with one another.
    private mutating func checkTogether(_ reading: inout Reading) {
        let it = self.configuration
        if it.electionTimeout < it.heartbeatInterval * 5 {
            reading.problems.append("--election-timeout: should be at least 5 times --heartbeat-interval")
        }
        if it.electionTimeout > .seconds(50) {
            reading.problems.append("--election-timeout: 50000 (ms) is the most")
        }
        if !reading.has("initial-advertise-peer-urls"), reading.has("listen-peer-urls"), it.listenPeerURLs.count == 1 {
            self.configuration.initialAdvertisePeerURLs = it.listenPeerURLs
        }
        if !reading.has("initial-cluster") {
            let own = MemberConfiguration.InitialMember(
                name: it.name, peerURLs: self.configuration.initialAdvertisePeerURLs)
            self.configuration.initialCluster = [own]
        }
        if it.dataDirectory.isEmpty { self.configuration.dataDirectory = it.name + ".etcd" }
        if !self.configuration.initialCluster.contains(where: { $0.name == it.name }) {
            reading.problems.append("--initial-cluster: has no member named \(it.name); see --name")
        }
        do throws(MemberSetting.Expected) {
            self.configuration.autoCompaction = try reading.autoCompaction()
        } catch {
            reading.problems.append("--auto-compaction-retention: should be \(error.what)")
        }
    }
}

/// What was given, and where.
private struct Reading {
    struct Given {
        var setting: MemberSetting
        var text: String
        /// How the person named it: `--name`, `ETCD_NAME`, `etcd.yaml:3:1: name`.
        var place: String
    }

    var given: [Given] = []
    var problems: [String] = []
    var configurationFile: String?

    func has(_ name: String) -> Bool { self.given.contains { $0.setting.name == name } }

    private func text(_ name: String) -> String? { self.given.last { $0.setting.name == name }?.text }

    private static func setting(_ name: String) -> MemberSetting? { MemberSetting.all.first { $0.name == name } }

    mutating func add(arguments: [String]) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            let dashes = argument.prefix { $0 == "-" }.count
            guard (1...2).contains(dashes), argument.count > dashes else {
                self.problems.append("'\(argument)' is not a flag; a member takes none but flags")
                continue
            }
            let parts = argument.dropFirst(dashes).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            let isFile = name == "config-file"
            guard let setting = Self.setting(name) ?? (isFile ? MemberSetting(name: name, support: .ignored(why: "")) : nil)
            else {
                self.problems.append("--\(name): there is no such flag\(Self.suggestion(name))")
                continue
            }
            var text = parts.count == 2 ? String(parts[1]) : nil
            if text == nil { text = setting.isBool ? "true" : rest.popFirst() }
            guard let text else {
                self.problems.append("--\(name): needs a value")
                continue
            }
            if isFile {
                self.configurationFile = text
            } else {
                self.given.append(.init(setting: setting, text: text, place: "--\(name)"))
            }
        }
    }

    /// A flag that the person may have meant.
    private static func suggestion(_ name: String) -> String {
        let close = MemberSetting.all.map(\.name).first { $0.hasPrefix(name) || name.hasPrefix($0) || $0.hasSuffix("-" + name) }
        return close.map { "; did you mean --\($0)?" } ?? ""
    }

    mutating func add(environment: [String: String]) {
        for setting in MemberSetting.all where !self.has(setting.name) {
            guard let text = environment[setting.variable] else { continue }
            self.given.append(.init(setting: setting, text: text, place: setting.variable))
        }
    }

    mutating func add(file: String, _ bytes: [UInt8]) {
        for document in Node.read(yaml: bytes) {
            for error in document.errors { self.problems.append("\(file):\(error)") }
            guard let root = document.root else { continue }
            guard case .mapping(let mapping) = root.value else {
                self.problems.append("\(file): should be settings, one a line: `name: a`")
                continue
            }
            for entry in mapping.entries {
                let place = "\(file):\(entry.value.mark.line):\(entry.value.mark.column): \(entry.key)"
                guard let setting = Self.setting(entry.key) else {
                    self.problems.append("\(place): there is no such setting\(Self.suggestion(entry.key))")
                    continue
                }
                guard let text = entry.value.settingText else {
                    self.problems.append("\(place): should be one value")
                    continue
                }
                self.given.append(.init(setting: setting, text: text, place: place))
            }
        }
    }

    mutating func apply(to settings: inout MemberSettings) {
        for given in self.given {
            switch given.setting.support {
            case .used(let apply):
                do throws(MemberSetting.Expected) { try apply(&settings.configuration, given.text) } catch {
                    self.problems.append("\(given.place): '\(given.text)' should be \(error.what)")
                }
            case .ignored(let why):
                settings.remarks.append("\(given.place): \(why)")
            case .refused(let off, let why):
                guard given.text != off else { continue }
                self.problems.append("\(given.place): '\(given.text)' is refused: \(why)")
            }
        }
    }

    /// The mode decides what the retention means.
    func autoCompaction() throws(MemberSetting.Expected) -> MemberConfiguration.AutoCompaction {
        let retention = self.text("auto-compaction-retention") ?? "0"
        if retention == "0" || retention.isEmpty { return .off }
        if self.text("auto-compaction-mode") == "revision" {
            guard let count = Int64(retention), count > 0 else {
                throw MemberSetting.Expected(what: "a number of revisions, in mode revision")
            }
            return .revision(count)
        }
        // A bare number is hours.
        if let hours = Int64(retention), hours > 0, hours < 1_000_000 { return .periodic(.seconds(hours * 3600)) }
        guard let duration = goDuration(retention), duration > .zero else {
            throw MemberSetting.Expected(what: "hours, or a duration such as 30m")
        }
        return .periodic(duration)
    }
}

extension Node {
    /// A scalar as one would write it behind a flag; a list of strings joined by commas.
    fileprivate var settingText: String? {
        switch self.value {
        case .string(let text): text
        case .int(let number): String(number)
        case .float(let number): String(number)
        case .bool(let value): value ? "true" : "false"
        case .null: ""
        case .sequence(let nodes):
            nodes.allSatisfy { $0.settingText != nil } ? nodes.compactMap(\.settingText).joined(separator: ",") : nil
        case .mapping: nil
        }
    }
}
