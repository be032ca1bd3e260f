/// One condition of a transaction: what `target` of the keys of `[key, rangeEnd)` is compared to.
public struct Compare: WireMessage {
    public var result = CompareResult.equal
    public var target = CompareTarget.version
    public var key: [UInt8] = []
    /// What the target is compared to. When it is another target's, or missing, it counts as zero or empty.
    public var operand: Operand?
    public var rangeEnd: [UInt8] = []

    public init() {}

    public init(
        result: CompareResult = .equal, target: CompareTarget = .version, key: [UInt8] = [], operand: Operand? = nil,
        rangeEnd: [UInt8] = []
    ) {
        self.result = result
        self.target = target
        self.key = key
        self.operand = operand
        self.rangeEnd = rangeEnd
    }

    /// Compares the number of puts since the key was created; 0 when it does not exist.
    public static func version(of key: [UInt8], _ result: CompareResult, _ version: Int64) -> Compare {
        Compare(result: result, target: .version, key: key, operand: .version(version))
    }

    /// Compares the revision that created the key; 0 when it does not exist.
    public static func createRevision(of key: [UInt8], _ result: CompareResult, _ revision: Int64) -> Compare {
        Compare(result: result, target: .create, key: key, operand: .createRevision(revision))
    }

    /// Compares the revision that changed the key last; 0 when it does not exist.
    public static func modRevision(of key: [UInt8], _ result: CompareResult, _ revision: Int64) -> Compare {
        Compare(result: result, target: .mod, key: key, operand: .modRevision(revision))
    }

    /// Compares the value; false whatever the result asked for when the key does not exist.
    public static func value(of key: [UInt8], _ result: CompareResult, _ value: [UInt8]) -> Compare {
        Compare(result: result, target: .value, key: key, operand: .value(value))
    }

    /// Compares the lease; 0 when the key hangs on none or does not exist.
    public static func lease(of key: [UInt8], _ result: CompareResult, _ lease: Int64) -> Compare {
        Compare(result: result, target: .lease, key: key, operand: .lease(lease))
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.result = try reader.enumeration()
        case 2: self.target = try reader.enumeration()
        case 3: self.key = try reader.bytes()
        case 4: self.operand = .version(try reader.int64())
        case 5: self.operand = .createRevision(try reader.int64())
        case 6: self.operand = .modRevision(try reader.int64())
        case 7: self.operand = .value(try reader.bytes())
        case 8: self.operand = .lease(try reader.int64())
        case 64: self.rangeEnd = try reader.bytes()
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.enumeration(1, self.result)
        writer.enumeration(2, self.target)
        writer.bytes(3, self.key)
        switch self.operand {
        case .version(let version): writer.int64(4, version, always: true)
        case .createRevision(let revision): writer.int64(5, revision, always: true)
        case .modRevision(let revision): writer.int64(6, revision, always: true)
        case .value(let value): writer.bytes(7, value, always: true)
        case .lease(let lease): writer.int64(8, lease, always: true)
        case nil: break
        }
        writer.bytes(64, self.rangeEnd)
    }

    /// How the key's side must stand to the operand.
    public enum CompareResult: Int32, Sendable, Hashable, CaseIterable {
        case equal = 0
        case greater, less, notEqual
    }

    /// What is compared.
    public enum CompareTarget: Int32, Sendable, Hashable, CaseIterable {
        case version = 0
        case create, mod, value, lease
    }

    /// The other side of the comparison (`target_union`).
    public enum Operand: Sendable, Hashable {
        case version(Int64)
        case createRevision(Int64)
        case modRevision(Int64)
        case value([UInt8])
        case lease(Int64)
    }
}

/// One operation of a transaction. One that says nothing reads as a range without a key, which no server accepts.
public enum RequestOp: WireMessage {
    case range(RangeRequest)
    case put(PutRequest)
    case deleteRange(DeleteRangeRequest)
    case txn(TxnRequest)

    public init() {
        self = .range(RangeRequest())
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self = .range(try reader.message())
        case 2: self = .put(try reader.message())
        case 3: self = .deleteRange(try reader.message())
        case 4: self = .txn(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        switch self {
        case .range(let request): writer.message(1, request)
        case .put(let request): writer.message(2, request)
        case .deleteRange(let request): writer.message(3, request)
        case .txn(let request): writer.message(4, request)
        }
    }
}

/// What one operation of a transaction came to.
public enum ResponseOp: WireMessage {
    case range(RangeResponse)
    case put(PutResponse)
    case deleteRange(DeleteRangeResponse)
    case txn(TxnResponse)

    public init() {
        self = .range(RangeResponse())
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self = .range(try reader.message())
        case 2: self = .put(try reader.message())
        case 3: self = .deleteRange(try reader.message())
        case 4: self = .txn(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        switch self {
        case .range(let response): writer.message(1, response)
        case .put(let response): writer.message(2, response)
        case .deleteRange(let response): writer.message(3, response)
        case .txn(let response): writer.message(4, response)
        }
    }
}

/// When every comparison holds does `success`, else `failure`, as one change.
public struct TxnRequest: WireMessage {
    public var compare: [Compare] = []
    public var success: [RequestOp] = []
    public var failure: [RequestOp] = []

    public init() {}

    public init(compare: [Compare] = [], success: [RequestOp] = [], failure: [RequestOp] = []) {
        self.compare = compare
        self.success = success
        self.failure = failure
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: self.compare.append(try reader.message())
        case 2: self.success.append(try reader.message())
        case 3: self.failure.append(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.message(1, self.compare)
        writer.message(2, self.success)
        writer.message(3, self.failure)
    }
}

/// What a transaction came to: one response for each operation of the branch taken.
public struct TxnResponse: WireMessage {
    public var header = ResponseHeader()
    /// Whether the comparisons held.
    public var succeeded: Bool = false
    public var responses: [ResponseOp] = []

    public init() {}

    public init(header: ResponseHeader = ResponseHeader(), succeeded: Bool = false, responses: [ResponseOp] = []) {
        self.header = header
        self.succeeded = succeeded
        self.responses = responses
    }

    public mutating func decode(field: Int, from reader: inout ProtoReader) throws(WireError) {
        switch field {
        case 1: try reader.merge(into: &self.header)
        case 2: self.succeeded = try reader.bool()
        case 3: self.responses.append(try reader.message())
        default: try reader.skip()
        }
    }

    public func encode(into writer: inout ProtoWriter) {
        writer.header(self.header)
        writer.bool(2, self.succeeded)
        writer.message(3, self.responses)
    }
}
