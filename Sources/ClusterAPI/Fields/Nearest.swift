/// The name that a slip of the hand may have turned into `word`; nil when none is near.
func nearest(_ word: String, in names: [String]) -> String? {
    guard word.utf8.count <= 64 else { return nil }
    let candidates = names.map { (name: $0, distance: distance(word.lowercased(), $0.lowercased())) }
    guard let best = candidates.min(by: { ($0.distance, $0.name) < ($1.distance, $1.name) }) else { return nil }
    return best.distance <= max(1, min(3, word.utf8.count / 3)) ? best.name : nil
}

/// How many letters must be added, left out, changed, or swapped with their neighbour (optimal string alignment).
private func distance(_ left: String, _ right: String) -> Int {
    let (left, right) = (Array(left.utf8), Array(right.utf8))
    var rows = [Array(0...right.count)]
    for i in 0..<left.count {
        var row = [i + 1]
        for j in 0..<right.count {
            var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (left[i] == right[j] ? 0 : 1))
            if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] { best = min(best, rows[i - 1][j - 1] + 1) }
            row.append(best)
        }
        rows.append(row)
    }
    return rows[left.count][right.count]
}
