internal import Foundation

/// One measurement: what it is called on the command line, and the table it makes.
protocol Benchmark: SendableMetatype {
    static var name: String { get }
    static func run(_ settings: Settings) async throws -> Table
}

/// What the command line said.
struct Settings {
    /// How long one figure is measured, in seconds.
    var seconds = 2.0
    /// How often each figure is measured; the median counts.
    var rounds = 3
    /// How many write at once, for each row of the puts.
    var writers = [1, 8, 64, 256]
    /// Where data goes: what is compared is compared on the same disk.
    var directory = FileManager.default.currentDirectoryPath + "/.build/benchmark-data"
    /// The directory of etcd 3.5.
    var etcd = ProcessInfo.processInfo.environment["QUORATE_ETCD_35"] ?? ".tools/etcd-3.5.1"
    /// The size of the large snapshot, in 10^9 bytes.
    var gigabytes = 2.0
    var names: [String] = []

    static let usage = """
        usage: Benchmarks [--seconds S] [--rounds N] [--writers N,N…] [--directory DIR] [--etcd DIR]
                          [--gigabytes G] [NAME…]
        names: \(all.map { $0.name }.joined(separator: " "))
        """

    init(_ arguments: [String]) throws {
        var rest = arguments[...]
        func value() throws -> String {
            guard let value = rest.popFirst() else { throw Failure(Self.usage) }
            return value
        }
        while let argument = rest.popFirst() {
            switch argument {
            case "--seconds": self.seconds = try Self.number(value())
            case "--rounds": self.rounds = Int(try Self.number(value()))
            case "--writers": self.writers = try value().split(separator: ",").map { Int(try Self.number(String($0))) }
            case "--directory": self.directory = try value()
            case "--etcd": self.etcd = try value()
            case "--gigabytes": self.gigabytes = try Self.number(value())
            case let name where all.contains { $0.name == name }: self.names.append(name)
            default: throw Failure(Self.usage)
            }
        }
        guard self.rounds > 0, self.seconds > 0, self.gigabytes > 0, self.writers.allSatisfy({ $0 > 0 })
        else { throw Failure(Self.usage) }
    }

    /// The program under test.
    func quorate() throws -> String {
        let binary = ProcessInfo.processInfo.environment["QUORATE_BINARY"] ?? ".build/release/quorate"
        guard FileManager.default.isExecutableFile(atPath: binary) else {
            throw Failure("no quorate at \(binary): swift build -c release --product quorate, or set QUORATE_BINARY")
        }
        return binary
    }

    private static func number(_ text: String) throws -> Double {
        guard let number = Double(text) else { throw Failure(Self.usage) }
        return number
    }
}

struct Failure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Every benchmark, in the order in which they run.
let all: [any Benchmark.Type] = [
    PutBenchmark.self, WatchBenchmark.self, CreateBenchmark.self, ResyncBenchmark.self, RecoveryBenchmark.self,
    ReplayBenchmark.self, BoltBenchmark.self, ArchiveBenchmark.self, ServeBenchmark.self,
    ServeThreeBenchmark.self, FanoutBenchmark.self, MillionBenchmark.self,
]

@main
enum Main {
    static func main() async {
        do {
            let settings = try Settings(Array(CommandLine.arguments.dropFirst()))
            for benchmark in all where settings.names.isEmpty || settings.names.contains(benchmark.name) {
                print(try await benchmark.run(settings))
            }
        } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            exit(1)
        }
    }
}
