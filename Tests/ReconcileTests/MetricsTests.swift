import Reconcile
import Testing

@Suite struct MetricsTests {
    @Test func writesPrometheusText() {
        let metrics = MetricsRegistry()
        let errors = metrics.counter("b_errors_total", "Failures.", labels: ["cluster"])
        errors.increment("x\"\\\n")
        errors.increment("a", by: 2)
        metrics.gauge("a_depth", "How deep.").set(1.5)
        let time = metrics.histogram("c_seconds", "How long.", buckets: [0.1, 1])
        for value in [0.1, 0.5, 7] { time.observe(value) }
        #expect(
            metrics.render() == """
                # HELP a_depth How deep.
                # TYPE a_depth gauge
                a_depth 1.5
                # HELP b_errors_total Failures.
                # TYPE b_errors_total counter
                b_errors_total{cluster="a"} 2
                b_errors_total{cluster="x\\"\\\\\\n"} 1
                # HELP c_seconds How long.
                # TYPE c_seconds histogram
                c_seconds_bucket{le="0.1"} 1
                c_seconds_bucket{le="1"} 2
                c_seconds_bucket{le="+Inf"} 3
                c_seconds_sum 7.6
                c_seconds_count 3

                """)
        metrics.forget("cluster", "a")
        #expect(!metrics.render().contains("cluster=\"a\""))
    }

    @Test func theControllersMetricsAreDeclaredOnce() {
        let metrics = MetricsRegistry()
        ControllerMetrics(metrics).queueDepth.set(3)
        ControllerMetrics(metrics).queueDepth.add(1)
        #expect(metrics.render().contains("\nquorate_workqueue_depth 4\n"))
        #expect(metrics.render().contains("# TYPE quorate_reconcile_duration_seconds histogram"))
    }
}
