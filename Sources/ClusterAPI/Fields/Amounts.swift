internal import Platform
internal import YAML

/// A reason why a text is no amount.
struct AmountError: Error, Hashable {
    var message: String
}

extension Format where Value == Duration {
    /// `100ms`, `5m`, `1h30m`.
    static func duration(_ range: ClosedRange<Duration>, wholeMilliseconds: Bool = false) -> Format {
        let schema: Mapping = ["type": "string", "pattern": "^([0-9]+(h|m|s|ms|us|ns))+$"]
        return Format(schema: schema) { node, reading in
            guard let text = node.string else { return reading.refuse(node, "must be a duration such as 100ms, 5m or 1h30m") }
            do throws(AmountError) {
                let value = try parseDuration(text)
                if wholeMilliseconds, value.nanoseconds % 1_000_000 != 0 {
                    return reading.refuse(node, "must be whole milliseconds")
                }
                guard range.contains(value) else {
                    return reading.refuse(node, "must be \(range.lowerBound.text) to \(range.upperBound.text)")
                }
                return value
            } catch {
                return reading.refuse(node, error.message)
            }
        } write: {
            .string($0.text)
        }
    }
}

private let durationUnits: [(name: String, nanoseconds: Int64)] = [
    ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1),
]

func parseDuration(_ text: String) throws(AmountError) -> Duration {
    let form = "must be a duration such as 100ms, 5m or 1h30m"
    var rest = Array(text.utf8)[...]
    guard !rest.isEmpty else { throw AmountError(message: form) }
    var total: Int64 = 0
    while !rest.isEmpty {
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        rest.removeFirst(digits.count)
        let unit = rest.prefix { (0x61...0x7A).contains($0 | 0x20) }
        rest.removeFirst(unit.count)
        if rest.first == 0x2E { throw AmountError(message: "\(form), in whole numbers") }
        guard !digits.isEmpty else { throw AmountError(message: form) }
        let name = String(decoding: unit, as: UTF8.self)
        guard !name.isEmpty else { throw AmountError(message: "\(form): the unit is missing") }
        guard let factor = durationUnits.first(where: { $0.name == name })?.nanoseconds else {
            throw AmountError(message: "\(form): there is no unit \(quoted(name))")
        }
        let count = Int64(String(decoding: digits, as: UTF8.self))
        let (part, isTooLong) = (count ?? .max).multipliedReportingOverflow(by: factor)
        let (sum, isTooLongInAll) = total.addingReportingOverflow(part)
        guard count != nil, !isTooLong, !isTooLongInAll else { throw AmountError(message: "is too long") }
        total = sum
    }
    return .nanoseconds(total)
}

extension Duration {
    /// `1h30m`, `100ms`, `0s`: the largest units first.
    var text: String {
        var rest = self.nanoseconds
        guard rest > 0 else { return "0s" }
        var text = ""
        for unit in durationUnits {
            let (count, remainder) = rest.quotientAndRemainder(dividingBy: unit.nanoseconds)
            if count > 0 { text += "\(count)\(unit.name)" }
            rest = remainder
        }
        return text
    }
}

extension Format where Value == Int64 {
    /// Bytes: `2Gi`, `100Mi`, `1G`, `1.5Gi`, or a plain number.
    static func quantity(_ range: ClosedRange<Int64>) -> Format {
        let schema: Mapping = [
            "x-kubernetes-int-or-string": true,
            "pattern": "^[0-9]+([.][0-9]+)?(k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$",
        ]
        return Format(schema: schema) { node, reading in
            do throws(AmountError) {
                let value: Int64
                if let number = node.int, let exact = Int64(exactly: number) {
                    value = exact
                } else if let text = node.string {
                    value = try parseQuantity(text)
                } else {
                    throw AmountError(message: quantityForm)
                }
                guard range.contains(value) else {
                    let limits =
                        range.upperBound == .max
                        ? "\(quantityNode(range.lowerBound).shownPlain) or more"
                        : "\(quantityNode(range.lowerBound).shownPlain) to \(quantityNode(range.upperBound).shownPlain)"
                    throw AmountError(message: "must be \(limits)")
                }
                return value
            } catch {
                return reading.refuse(node, error.message)
            }
        } write: {
            quantityNode($0)
        }
    }
}

private let quantityForm = "must be a number of bytes such as 2Gi, 100Mi or 1G"

private let quantityUnits: [(name: String, bytes: Int128)] = [
    ("Ei", 1 << 60), ("Pi", 1 << 50), ("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10),
    ("E", 1_000_000_000_000_000_000), ("P", 1_000_000_000_000_000), ("T", 1_000_000_000_000), ("G", 1_000_000_000),
    ("M", 1_000_000), ("k", 1_000), ("", 1),
]

func parseQuantity(_ text: String) throws(AmountError) -> Int64 {
    let bytes = Array(text.utf8)
    let number = bytes.prefix { (0x30...0x39).contains($0) || $0 == 0x2E }
    let unit = String(decoding: bytes.dropFirst(number.count), as: UTF8.self)
    let parts = number.split(separator: 0x2E, omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else { throw AmountError(message: quantityForm) }
    guard let factor = quantityUnits.first(where: { $0.name == unit })?.bytes else {
        let hint = nearest(unit, in: quantityUnits.dropLast().map(\.name)).map { "; did you mean \($0)?" } ?? ""
        throw AmountError(message: "\(quantityForm): there is no unit \(quoted(unit))\(hint)")
    }
    let digits = String(decoding: parts.joined(), as: UTF8.self)
    let fraction = parts.count == 2 ? parts[1].count : 0
    // 15 digits before and 9 after the point: nothing below can pass 128 bits.
    guard fraction <= 9, digits.utf8.count <= 28, let value = Int128(digits) else {
        throw AmountError(message: "has too many digits")
    }
    let (scaled, overflow) = value.multipliedReportingOverflow(by: factor)
    let divisor = (0..<fraction).reduce(Int128(1)) { power, _ in power * 10 }
    guard !overflow, let result = Int64(exactly: scaled / divisor) else { throw AmountError(message: "is too large") }
    guard scaled % divisor == 0 else { throw AmountError(message: "is no whole number of bytes") }
    return result
}

/// In the largest power of 1024 that holds it exactly.
private func quantityNode(_ bytes: Int64) -> Node {
    guard bytes > 0, let unit = quantityUnits.prefix(6).first(where: { Int128(bytes) % $0.bytes == 0 }) else {
        return .int(bytes)
    }
    return .string("\(Int128(bytes) / unit.bytes)\(unit.name)")
}

extension Node {
    fileprivate var shownPlain: String {
        self.string ?? self.shown
    }
}

extension Format where Value == Int {
    /// `45%`
    static var percent: Format {
        Format(schema: ["type": "string", "pattern": "^([0-9]|[1-9][0-9]|100)%$"]) { node, reading in
            if let number = node.int { return reading.refuse(node, "must be a percentage; write \(number)%") }
            guard let text = node.string, text.utf8.last == 0x25,
                text.utf8.dropLast().allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(text.dropLast())
            else { return reading.refuse(node, "must be a percentage such as 45%") }
            guard value <= 100 else { return reading.refuse(node, "must be 0% to 100%") }
            return value
        } write: {
            .string("\($0)%")
        }
    }
}
