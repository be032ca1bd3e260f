internal import Synchronization

/// The numbers the program tells of itself, in Prometheus' text format 0.0.4. Each metric is one family of series, told
/// apart by the values of its labels.
public final class MetricsRegistry: Sendable {
    private let families = Mutex<[String: MetricFamily]>([:])

    public init() {}

    /// A number that only rises. By convention its name ends in `_total`.
    public func counter(_ name: String, _ help: String, labels: [String] = []) -> Counter {
        Counter(family: self.family(name, help, .counter, labels))
    }

    public func gauge(_ name: String, _ help: String, labels: [String] = []) -> Gauge {
        Gauge(family: self.family(name, help, .gauge, labels))
    }

    /// - Parameter buckets: Upper bounds, ascending, without infinity.
    public func histogram(
        _ name: String, _ help: String, labels: [String] = [], buckets: [Double] = Histogram.seconds
    ) -> Histogram { Histogram(family: self.family(name, help, .histogram(buckets), labels)) }

    /// Forgets every series with this label value, such as those of a cluster that was deleted.
    public func forget(_ label: String, _ value: String) {
        let families = self.families.withLock { $0.values.sorted { $0.name < $1.name } }
        for family in families { family.forget(label, value) }
    }

    /// All series, sorted by name, then by label values.
    public func render() -> String {
        let families = self.families.withLock { $0.values.sorted { $0.name < $1.name } }
        var text = ""
        for family in families { family.render(into: &text) }
        return text
    }

    private func family(_ name: String, _ help: String, _ kind: MetricFamily.Kind, _ labels: [String]) -> MetricFamily {
        self.families.withLock { families in
            if let family = families[name] {
                precondition(family.kind == kind && family.labels == labels, "\(name) is declared twice, and differently")
                return family
            }
            let family = MetricFamily(name: name, help: help, kind: kind, labels: labels)
            families[name] = family
            return family
        }
    }
}

/// A number that only rises.
public struct Counter: Sendable {
    let family: MetricFamily

    /// - Parameter labels: The values of the metric's labels, in their order.
    public func increment(_ labels: String..., by amount: Double = 1) {
        self.family.update(labels) { $0.value += max(0, amount) }
    }
}

/// A number that rises and falls.
public struct Gauge: Sendable {
    let family: MetricFamily

    public func set(_ value: Double, _ labels: String...) { self.family.update(labels) { $0.value = value } }

    public func add(_ amount: Double, _ labels: String...) { self.family.update(labels) { $0.value += amount } }

    /// Takes the series away: the value is no longer known.
    public func remove(_ labels: String...) { self.family.remove(labels) }
}

/// How many observations fell below each of some bounds.
public struct Histogram: Sendable {
    /// Bounds for durations in seconds.
    public static let seconds: [Double] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60]

    let family: MetricFamily

    public func observe(_ value: Double, _ labels: String...) {
        guard case .histogram(let buckets) = self.family.kind else { preconditionFailure("\(self.family.name): no histogram") }
        self.family.update(labels) { series in
            if series.counts.isEmpty { series.counts = Array(repeating: 0, count: buckets.count) }
            for (index, bound) in buckets.enumerated() where value <= bound { series.counts[index] += 1 }
            series.count += 1
            series.value += value
        }
    }
}

/// All series of one name.
final class MetricFamily: Sendable {
    enum Kind: Sendable, Hashable {
        case counter
        case gauge
        case histogram([Double])

        var word: String {
            switch self {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        }
    }

    struct Series: Sendable {
        /// The sum of all observations, of a histogram.
        var value = 0.0
        var count: UInt64 = 0
        /// Observations at or below each bound.
        var counts: [UInt64] = []
    }

    let name: String
    let help: String
    let kind: Kind
    let labels: [String]
    private let series: Mutex<[[String]: Series]>

    init(name: String, help: String, kind: Kind, labels: [String]) {
        (self.name, self.help, self.kind, self.labels) = (name, help, kind, labels)
        // What has no labels is there from the start, so that a counter's first step shows as one.
        self.series = Mutex(labels.isEmpty ? [[]: Series()] : [:])
    }

    func update(_ values: [String], _ change: (inout Series) -> Void) {
        precondition(values.count == self.labels.count, "\(self.name) has the labels \(self.labels)")
        self.series.withLock { change(&$0[values, default: Series()]) }
    }

    func remove(_ values: [String]) { self.series.withLock { _ = $0.removeValue(forKey: values) } }

    func forget(_ label: String, _ value: String) {
        guard let index = self.labels.firstIndex(of: label) else { return }
        self.series.withLock { series in series = series.filter { $0.key[index] != value } }
    }

    func render(into text: inout String) {
        let all = self.series.withLock { $0.sorted { $0.key.lexicographicallyPrecedes($1.key) } }
        text += "# HELP \(self.name) \(escape(self.help, quotes: false))\n# TYPE \(self.name) \(self.kind.word)\n"
        for (values, series) in all {
            guard case .histogram(let bounds) = self.kind else {
                text += "\(self.name)\(self.pairs(values)) \(number(series.value))\n"
                continue
            }
            for (index, bound) in bounds.enumerated() {
                let count = series.counts.isEmpty ? 0 : series.counts[index]
                text += "\(self.name)_bucket\(self.pairs(values, le: number(bound))) \(count)\n"
            }
            text += "\(self.name)_bucket\(self.pairs(values, le: "+Inf")) \(series.count)\n"
            text += "\(self.name)_sum\(self.pairs(values)) \(number(series.value))\n"
            text += "\(self.name)_count\(self.pairs(values)) \(series.count)\n"
        }
    }

    private func pairs(_ values: [String], le bound: String? = nil) -> String {
        var pairs = zip(self.labels, values).map { "\($0)=\"\(escape($1, quotes: true))\"" }
        if let bound { pairs.append("le=\"\(bound)\"") }
        return pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}"
    }
}

private func escape(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\\": escaped += "\\\\"
        case "\n": escaped += "\\n"
        case "\"" where quotes: escaped += "\\\""
        default: escaped.unicodeScalars.append(scalar)
        }
    }
    return escaped
}

private func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
    return value.description
}
