internal import YAML

/// Which objects of a list or a watch are wanted, by fields and labels.
struct Selector: Sendable {
    private enum Test: Sendable {
        case equal([String], String)
        case differs([String], String)
        case present([String])
        case absent([String])
    }

    private var tests: [Test] = []

    init() {}

    /// - Parameter regarding: `EtcdCluster/orders`, for events.
    init(_ request: APIRequest) throws(StatusError) {
        for term in Self.terms(request.query["fieldSelector"]) {
            guard let test = Self.comparison(term, Self.fieldPath) else {
                throw .badRequest("fieldSelector: \(quoted(String(term))): write FIELD=VALUE or FIELD!=VALUE")
            }
            // Events do not record the uid of what they are about; its kind and name say it.
            if case .equal(["involvedObject", "uid"], _) = test { continue }
            self.tests.append(test)
        }
        for term in Self.terms(request.query["labelSelector"]) {
            if let test = Self.comparison(term, Self.labelPath) {
                self.tests.append(test)
            } else if term.contains(" ") || term.contains("(") {
                throw .badRequest("labelSelector: \(quoted(String(term))): write KEY=VALUE, KEY!=VALUE, KEY or !KEY")
            } else {
                let isNegated = term.hasPrefix("!")
                let path = Self.labelPath(term.drop { $0 == "!" })
                self.tests.append(isNegated ? .absent(path) : .present(path))
            }
        }
        if let regarding = request.query["regarding"] { self.tests.append(.equal(["regarding"], regarding)) }
    }

    func matches(_ document: Node) -> Bool {
        self.tests.allSatisfy { test in
            switch test {
            case .equal(let path, let value): document.text(at: path) ?? "" == value
            case .differs(let path, let value): document.text(at: path) ?? "" != value
            case .present(let path): document.text(at: path) != nil
            case .absent(let path): document.text(at: path) == nil
            }
        }
    }

    private static func terms(_ text: String?) -> [Substring] {
        (text ?? "").split(separator: ",")
    }

    private static func comparison(_ term: Substring, _ path: (Substring) -> [String]) -> Test? {
        guard let sign = term.firstIndex(of: "=") else { return nil }
        let before = term[..<sign]
        let value = String(term[term.index(after: sign)...].drop { $0 == "=" })
        if before.hasSuffix("!") { return .differs(path(before.dropLast()), value) }
        return .equal(path(before), value)
    }

    private static func fieldPath(_ field: Substring) -> [String] { field.split(separator: ".").map(String.init) }

    private static func labelPath(_ key: Substring) -> [String] { ["metadata", "labels", String(key)] }
}

extension Node {
    /// The string at a path of keys.
    func text(at path: [String]) -> String? {
        path.reduce(self as Node?) { $0?[$1] }?.string
    }
}
