internal import Platform

/// How often a duration lay at or below each of some bounds, which double from one to the next.
struct Histogram: Sendable, Hashable {
    /// In seconds.
    let bounds: [Double]
    /// Of each bound, those above the one before; last, those above all.
    private(set) var counts: [UInt64]
    private(set) var sum: Double = 0

    init(from first: Double, count: Int) {
        self.bounds = (0..<count).map { first * Double(UInt64(1) << UInt64($0)) }
        self.counts = Array(repeating: 0, count: count + 1)
    }

    mutating func observe(_ duration: Duration) {
        let seconds = Double(duration.nanoseconds) / 1e9
        self.counts[self.bounds.firstIndex { seconds <= $0 } ?? self.bounds.count] += 1
        self.sum += seconds
    }
}
