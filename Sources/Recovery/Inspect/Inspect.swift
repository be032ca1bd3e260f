internal import EtcdWire
public import Platform
internal import WriteAheadLog

/// Says what is in a snapshot, a database, a data directory or a log. Writes nothing, and looks on after damage. Every call
/// blocks.
public enum Inspect {
    public struct Options: Sendable, Hashable {
        /// How many parts of keys, divided by `/`, sizes are summed up by.
        public var prefixDepth: Int

        public init(prefixDepth: Int = 2) {
            self.prefixDepth = prefixDepth
        }
    }

    public static func run(
        _ path: String, options: Options = Options(), disk: any Disk, progress: ProgressReport? = nil
    ) throws(RecoveryError) -> Inspection {
        let source = try RecoverySource.open(path, disk: disk)
        var facts = try SourceFacts.gather(source, disk: disk, prefixDepth: options.prefixDepth, progress: progress)
        facts.findings += CrossCheck.findings(facts)
        return Inspection(facts: facts)
    }

    /// Goes over the entries of a log as they stand in it, those that others replace included.
    /// - Parameter visit: Returns false to end it.
    public static func entries(
        _ path: String, _ filter: EntryFilter = EntryFilter(), disk: any Disk, progress: ProgressReport? = nil,
        _ visit: (EntryFacts) -> Bool
    ) throws(RecoveryError) {
        let source = try RecoverySource.open(path, disk: disk)
        guard let log = source.log else {
            throw RecoveryError(.notFound, path, "a \(source.kind.rawValue) holds no log entries; give a data directory")
        }
        var goesOn = true
        var last: UInt64 = 0
        let facts = try LogWalk.run(log, disk: disk, progress: progress) { entry, item, findings in
            let replaces = entry.index <= last
            last = entry.index
            guard goesOn, filter.indexes.contains(entry.index) else { return }
            let content = try? EntryContent(entry)
            if let keys = filter.keys, content?.touches(keys) != true { return }
            goesOn = visit(
                EntryFacts(entry, content, file: "\(log)/\(item.segment)", offset: item.offset, replaces: replaces))
        }
        if let damage = facts.findings.first(where: \.isDamage) {
            throw RecoveryError(.damaged, damage.file, at: damage.offset, damage.what)
        }
    }
}

/// All that ``Inspect`` found.
public struct Inspection: Sendable, Hashable {
    public var facts: SourceFacts

    /// Everything that is wrong, or worth knowing.
    public var findings: [Finding] {
        let databases = (self.facts.database?.findings ?? []) + self.facts.received.flatMap(\.findings)
        return databases + (self.facts.log?.findings ?? []) + self.facts.findings
    }

    public var isSound: Bool { !self.findings.contains(where: \.isDamage) }
}

/// Which entries of a log are wanted.
public struct EntryFilter: Sendable, Hashable {
    /// Those that touch a key of these; nil for all.
    public var keys: KeyRange?
    public var indexes: ClosedRange<UInt64>

    public init(keys: KeyRange? = nil, indexes: ClosedRange<UInt64> = 0...UInt64.max) {
        (self.keys, self.indexes) = (keys, indexes)
    }
}

/// One entry of a log.
public struct EntryFacts: Sendable, Hashable {
    public var index: UInt64
    public var term: UInt64
    /// What it asks for, in a line.
    public var summary: String
    /// What a transaction asks for, a line each, with the conditions first.
    public var details: [String]
    /// Under which the proposing member waited for it; 0 where it has none.
    public var requestID: UInt64
    /// Bytes of the entry's data.
    public var size: Int
    public var file: String
    public var offset: Int64
    /// Whether it takes the place of entries that a former leader wrote.
    public var replaces: Bool

    init(_ entry: RaftEntry, _ content: EntryContent?, file: String, offset: Int64, replaces: Bool) {
        (self.index, self.term, self.size) = (entry.index, entry.term, entry.data.count)
        (self.file, self.offset, self.replaces) = (file, offset, replaces)
        self.summary = content?.summary ?? "damaged: no request"
        self.details = content?.details ?? []
        self.requestID = content?.requestID ?? 0
    }
}

extension EntryContent {
    /// The id under which a request was proposed; 0 where it has none.
    var requestID: UInt64 {
        switch self {
        case .request(let request): request.header?.id ?? request.id
        case .v2(let request): request.id
        case .confChange(let change): change.id
        default: 0
        }
    }

    fileprivate var details: [String] {
        guard case .request(let request) = self, case .txn(let txn) = request.operation else { return [] }
        return txn.details(indent: "")
    }
}

extension TxnRequest {
    fileprivate func details(indent: String) -> [String] {
        var lines = self.compare.map { "\(indent)if \(KeyText.printable($0.key)) \($0.words)" }
        for (word, operations) in [("then", self.success), ("else", self.failure)] {
            for operation in operations {
                let content: InternalRaftRequest.Operation =
                    switch operation {
                    case .put(let put): .put(put)
                    case .range(let range): .range(range)
                    case .deleteRange(let delete): .deleteRange(delete)
                    case .txn(let txn): .txn(txn)
                    }
                lines.append("\(indent)\(word) \(EntryContent.request(InternalRaftRequest(operation: content)).summary)")
                if case .txn(let inner) = operation { lines += inner.details(indent: indent + "  ") }
            }
        }
        return lines
    }
}

extension Compare {
    fileprivate var words: String {
        let sign =
            switch self.result {
            case .equal: "="
            case .greater: ">"
            case .less: "<"
            case .notEqual: "!="
            }
        let operand =
            switch self.operand {
            case .version(let number), .createRevision(let number), .modRevision(let number): String(number)
            case .value(let value): "(\(value.count) bytes)"
            case .lease(let lease): hexadecimal(UInt64(bitPattern: lease))
            case nil: "0"
            }
        return "\(self.target) \(sign) \(operand)"
    }
}
