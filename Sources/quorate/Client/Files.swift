internal import ClusterAPI
internal import Glibc

/// Files that a person names on the command line.
enum Files {
    /// No spec is larger than this.
    static let maximumSize = 16 << 20

    static func read(_ path: String) throws(CommandError) -> [UInt8] {
        let descriptor = path == "-" ? STDIN_FILENO : unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CommandError(.usage, "\(path): \(Self.lastError())") }
        defer { if descriptor != STDIN_FILENO { close(descriptor) } }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw CommandError(.usage, "\(path): \(Self.lastError())") }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= Self.maximumSize else { throw CommandError(.usage, "\(path): larger than a spec can be") }
        }
    }

    /// A file stands for itself, a directory for the `.yaml` and `.yml` files in it, by name.
    static func expand(_ path: String) throws(CommandError) -> [String] {
        guard path != "-", let directory = unsafe opendir(path) else { return [path] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if !name.hasPrefix("."), name.hasSuffix(".yaml") || name.hasSuffix(".yml") { names.append(name) }
        }
        guard !names.isEmpty else { throw CommandError(.usage, "\(path): no .yaml or .yml file in this directory") }
        return names.sorted().map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
    }

    /// A path from the top, with `.` and `..` taken out; what it names need not be there.
    static func absolute(_ path: String) -> String {
        var whole = path
        if !path.hasPrefix("/"), let current = unsafe getcwd(nil, 0) {
            whole = unsafe "\(String(cString: current))/\(path)"
            unsafe free(current)
        }
        var parts: [Substring] = []
        for part in whole.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }

    private static func lastError() -> String {
        unsafe String(cString: strerror(errno))
    }
}

/// What stands in the files named on the command line. A file with an error gives none of its objects; the others do.
struct ManifestFiles {
    var objects: [any NamedObject] = []
    /// Each with file, line and column.
    var errors: [String] = []
    var warnings: [String] = []
    /// How many files were read.
    var count = 0

    /// - Parameter knowsZone: Whether there is a time zone of that name; nil when it is not to be looked at.
    static func read(_ paths: [String], knowsZone: ((String) -> Bool)? = nil) -> ManifestFiles {
        var read = ManifestFiles()
        for path in paths {
            do throws(CommandError) {
                for file in try Files.expand(path) {
                    read.count += 1
                    let name = file == "-" ? "<stdin>" : file
                    try Codec.manifest(Files.read(file), file: name, knowsZone: knowsZone, into: &read)
                }
            } catch {
                read.errors.append(error.message)
            }
        }
        return read
    }
}
