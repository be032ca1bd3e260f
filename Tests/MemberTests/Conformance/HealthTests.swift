import EtcdWire
import Synchronization
import TestSupport
import Testing

@testable import Member

/// The endpoints over HTTP/1: answer for answer as etcd's.
@Suite("HTTP/1 endpoints")
struct HealthTests {
    @Test("Probes name their checks, and which failed")
    func probes() throws {
        func verdict(
            _ target: String, _ alarms: [AlarmType] = [], hasLeader: Bool = true, isLearner: Bool = false,
            failing: Set<Bool> = []
        ) throws -> HealthProbe.Verdict {
            let path = target.prefix { $0 != "?" }
            let probe = try #require(HealthProbe(path: path, query: queryFields(of: target)))
            var probes = HealthProbes()
            let answer = Mutex<HealthProbe.Verdict?>(nil)
            let condition = HealthProbes.Condition(alarms: alarms, hasLeader: hasLeader, isLearner: isLearner)
            for read in probes.begin(probe, condition, { verdict in answer.withLock { $0 = verdict } }) {
                probes.answered(read.number, failure: failing.contains(read.isSerializable) ? "etcdserver: no" : nil)
            }
            return try #require(answer.withLock { $0 })
        }
        let true1 = #"{"health":"true","reason":""}"#
        #expect(try verdict("/health").text == true1)
        #expect(try verdict("/health", hasLeader: false).text == #"{"health":"false","reason":"RAFT NO LEADER"}"# + "\n")
        #expect(try verdict("/health?serializable=true", hasLeader: false).text == true1)
        #expect(try verdict("/health", [.noSpace]).text == #"{"health":"false","reason":"ALARM NOSPACE"}"# + "\n")
        #expect(try verdict("/health?exclude=NOSPACE", [.noSpace]).isHealthy)
        #expect(try !verdict("/health?exclude=NOSPACE", [.noSpace, .corrupt]).isHealthy)
        #expect(try verdict("/health?exclude=NOSPACE&exclude=CORRUPT", [.noSpace, .corrupt]).isHealthy)
        #expect(
            try verdict("/health", failing: [false]).text
                == #"{"health":"false","reason":"RANGE ERROR:etcdserver: no"}"# + "\n")
        #expect(try verdict("/livez").text == "ok\n")
        #expect(try verdict("/livez?verbose").text == "[+]serializable_read ok\nok\n")
        #expect(
            try verdict("/livez/serializable_read", failing: [true]).text == "[-]serializable_read failed: etcdserver: no\n\n")
        #expect(
            try verdict("/readyz", [.corrupt], isLearner: true).text == """
                [-]data_corruption failed: alarm activated: CORRUPT
                [+]serializable_read ok
                [+]linearizable_read ok
                [-]non_learner failed: not supported for learner


                """)
        #expect(try verdict("/readyz?exclude=data_corruption&verbose=", [.corrupt, .noSpace]).isHealthy)
        #expect(try !verdict("/readyz", failing: [false]).isHealthy)
        #expect(HealthProbe(path: "/livez/linearizable_read", query: []) == nil)
        #expect(HealthProbe(path: "/healthy", query: []) == nil)
    }

    @Test(
        "Numbers are printed as Go prints them",
        arguments: [
            (0.0, "0"), (1, "1"), (-2.5, "-2.5"), (0.001, "0.001"), (8.192, "8.192"), (0.0001, "0.0001"), (0.00001, "1e-05"),
            (2_147_483_648, "2.147483648e+09"), (1_000_000, "1e+06"), (123_456, "123456"), (1e21, "1e+21"), (1e100, "1e+100"),
            (Double.infinity, "+Inf"), (1.7e-300, "1.7e-300"), (123_456.75, "123456.75"),
        ])
    func numbers(value: Double, text: String) {
        #expect(MetricsText.text(value) == text)
    }

    @Test("Durations are counted under the bound that they do not pass")
    func histogram() {
        var histogram = Histogram(from: 0.001, count: 3)
        for milliseconds in [0, 1, 2, 3, 4, 5, 100] { histogram.observe(.milliseconds(milliseconds)) }
        #expect(histogram.counts == [2, 1, 2, 2] && abs(histogram.sum - 0.115) < 1e-9)
        var text = MetricsText()
        text.histogram("h", "A test.", histogram)
        text.family("a", .gauge, "A test.", [([("l", "x\"y\\z\n")], 1.5)])
        #expect(
            text.text == """
                # HELP a A test.
                # TYPE a gauge
                a{l="x\\"y\\\\z\\n"} 1.5
                # HELP h A test.
                # TYPE h histogram
                h_bucket{le="0.001"} 2
                h_bucket{le="0.002"} 3
                h_bucket{le="0.004"} 5
                h_bucket{le="+Inf"} 7
                h_sum 0.115
                h_count 7

                """)
    }
}
