internal import Platform

/// Numbers as people read them.
enum Human {
    /// A span of time in one or two units, as `kubectl` writes ages: `45s`, `5m12s`, `3h`, `12d`.
    static func age(_ duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400)
        switch seconds {
        case ..<120: return "\(seconds)s"
        case ..<600: return Self.pair(minutes, "m", seconds % 60, "s")
        case ..<10_800: return "\(minutes)m"
        case ..<28_800: return Self.pair(hours, "h", minutes % 60, "m")
        case ..<172_800: return "\(hours)h"
        case ..<691_200: return Self.pair(days, "d", hours % 24, "h")
        default: return "\(days)d"
        }
    }

    /// How long ago, or `-` when it never was.
    static func age(of time: Timestamp?, at now: Timestamp) -> String {
        time.map { Self.age(now - $0) } ?? "-"
    }

    /// Bytes in binary units: `512 B`, `20 KiB`, `1.5 GiB`.
    static func bytes(_ count: Int64) -> String {
        guard count >= 1024 else { return "\(count) B" }
        var (value, unit) = (Double(count), 0)
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        // Beyond 1023.5 a unit would be written as 1024 of itself.
        while value >= 1023.5, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        let tenths = (value * 10).rounded() / 10
        let whole = tenths >= 10 || tenths == tenths.rounded()
        return "\(whole ? String(Int64(value.rounded())) : String(tenths)) \(units[unit])"
    }

    /// `1 member`, `3 members`.
    static func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }

    private static func pair(_ large: Int64, _ unit: String, _ small: Int64, _ smaller: String) -> String {
        small == 0 ? "\(large)\(unit)" : "\(large)\(unit)\(small)\(smaller)"
    }
}
