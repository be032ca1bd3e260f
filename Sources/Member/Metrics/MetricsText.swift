/// Metrics in Prometheus' text format, sorted by name as etcd gives them.
/// Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
struct MetricsText {
    private var families: [(name: String, text: String)] = []

    enum Kind: String { case counter, gauge, histogram }

    /// A metric's samples, each with its labels.
    typealias Samples = [(labels: [(name: String, value: String)], value: Double)]

    mutating func counter(_ name: String, _ help: String, _ value: UInt64) {
        self.family(name, .counter, help, [([], Double(value))])
    }

    mutating func gauge(_ name: String, _ help: String, _ value: Double) {
        self.family(name, .gauge, help, [([], value)])
    }

    /// Nothing where there is no sample.
    mutating func family(_ name: String, _ kind: Kind, _ help: String, _ samples: Samples) {
        guard !samples.isEmpty else { return }
        var text = Self.head(name, kind, help)
        for sample in samples { text += Self.sample(name, sample.labels, sample.value) }
        self.families.append((name, text))
    }

    mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
        var text = Self.head(name, .histogram, help)
        var count: UInt64 = 0
        for (bound, more) in zip(histogram.bounds, histogram.counts) {
            count += more
            text += Self.sample(name + "_bucket", [("le", Self.text(bound))], Double(count))
        }
        count += histogram.counts.last ?? 0
        text += Self.sample(name + "_bucket", [("le", "+Inf")], Double(count))
        text += Self.sample(name + "_sum", [], histogram.sum) + Self.sample(name + "_count", [], Double(count))
        self.families.append((name, text))
    }

    var text: String {
        self.families.sorted { $0.name < $1.name }.reduce(into: "") { $0 += $1.text }
    }

    private static func head(_ name: String, _ kind: Kind, _ help: String) -> String {
        "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    private static func sample(_ name: String, _ labels: [(name: String, value: String)], _ value: Double) -> String {
        let list = labels.map { label in
            let value = label.value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            return "\(label.name)=\"\(value)\""
        }
        return name + (list.isEmpty ? "" : "{" + list.joined(separator: ",") + "}") + " " + Self.text(value) + "\n"
    }

    /// As Go's shortest `%g`: an exponent below 1e-04 and from 1e+06 on.
    static func text(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
        guard value != 0 else { return "0" }
        let sign = value < 0 ? "-" : ""
        var (digits, exponent) = Self.digits(abs(value))
        if exponent < -4 || exponent >= 6 {
            let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
            let power = abs(exponent) < 10 ? "0\(abs(exponent))" : "\(abs(exponent))"
            return "\(sign)\(digits.prefix(1))\(fraction)e\(exponent < 0 ? "-" : "+")\(power)"
        }
        if exponent < 0 { return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits }
        if digits.count <= exponent + 1 {
            digits += String(repeating: "0", count: exponent + 1 - digits.count)
            return sign + digits
        }
        return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
    }

    /// The fewest digits that tell a number from all others, and the power of ten of the first.
    private static func digits(_ value: Double) -> (digits: String, exponent: Int) {
        let parts = value.description.split(separator: "e")
        let number = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let (whole, fraction) = (String(number[0]), number.count > 1 ? String(number[1]) : "")
        let all = whole + fraction
        let leading = all.prefix { $0 == "0" }.count
        var digits = String(all.dropFirst(leading))
        while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
        return (digits, whole.count - 1 - leading + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0))
    }
}
