internal import Foundation

/// Figures with a title and what they mean, printed in columns.
struct Table: CustomStringConvertible {
    var title: String
    var columns: [String]
    var rows: [[String]] = []
    /// What was compared with what, and how.
    var notes: [String] = []

    var description: String {
        let widths = self.columns.indices.map { column in
            ([self.columns] + self.rows).map { $0[column].count }.max() ?? 0
        }
        func line(_ cells: [String]) -> String {
            let padded = zip(cells, widths).enumerated().map { place, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return place == 0 ? cell.0 + space : space + cell.0
            }
            return "  " + padded.joined(separator: "  ")
        }
        let rule = "  " + widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")
        return ([self.title, line(self.columns), rule] + self.rows.map(line) + self.notes.map { "  \($0)" })
            .joined(separator: "\n") + "\n"
    }
}

extension Double {
    func formatted(_ digits: Int) -> String {
        String(format: "%.\(digits)f", self)
    }

    /// Seconds as milliseconds.
    var milliseconds: String {
        (self * 1000).formatted(2)
    }
}

extension [Double] {
    var median: Double {
        self.quantile(0.5)
    }

    /// The nearest value at or above the fraction; 0 of none.
    func quantile(_ fraction: Double) -> Double {
        let sorted = self.sorted()
        guard !sorted.isEmpty else { return 0 }
        return sorted[Swift.min(sorted.count - 1, Int(Double(sorted.count) * fraction))]
    }
}

extension Duration {
    var seconds: Double {
        let (seconds, attoseconds) = self.components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
