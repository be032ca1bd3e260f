import EtcdWire
import Platform
import Testing

@testable import Member

@Suite("Restarts")
struct RestartTests {
    @Test("A member that lost power before anything stood in its log begins anew", arguments: CrashKind.all)
    func beforeTheFirstEntry(kind: CrashKind) throws {
        var configuration = MemberConfiguration()
        (configuration.name, configuration.dataDirectory) = ("a", "/a")
        configuration.initialAdvertisePeerURLs = ["http://a:2380"]
        configuration.initialCluster = [.init(name: "a", peerURLs: ["http://a:2380"])]
        let disk = SimulatedDisk(seed: 1)
        _ = try Self.open(configuration, disk, run: 1)
        var core = try Self.open(configuration, disk.afterCrash(kind), run: 2)
        var uptime = Duration.zero
        for _ in 0..<100 {
            uptime += .milliseconds(100)
            _ = try core.turn([], uptime: uptime, now: Timestamp(seconds: 1)) { _ in }
        }
        let isLeader = core.isLeader
        #expect(isLeader)
    }

    private static func open(_ configuration: MemberConfiguration, _ disk: SimulatedDisk, run: UInt64) throws -> MemberCore<Int>
    {
        let circumstances = MemberParts.Circumstances(seed: run, firstRequestID: run << 32, uptime: .zero)
        return MemberCore(try MemberParts.open(configuration, disk: disk, circumstances), configuration, uptime: .zero)
    }

    @Test("No two runs of a member ask the same question")
    func questions() {
        var (one, next) = (Reads<Int>(start: 1 << 32), Reads<Int>(start: 2 << 32))
        one.add(.call(1, .leaseLeases), until: .seconds(1))
        next.add(.call(1, .leaseLeases), until: .seconds(1))
        #expect(one.question(at: .zero) != next.question(at: .zero))
    }
}
