/// Why bytes that a peer sent are not what its protocol says, and where that was seen. The connection is to be closed.
public struct PeerStreamError: Error, Hashable, CustomStringConvertible {
    public var problem: Problem
    /// Bytes from the start of the stream to the frame concerned.
    public var offset: Int

    public init(_ problem: Problem, offset: Int) {
        self.problem = problem
        self.offset = offset
    }

    public var description: String {
        "malformed peer stream at byte \(self.offset): \(self.problem)"
    }

    /// What was wrong.
    public enum Problem: Sendable, Hashable, CustomStringConvertible {
        case message(WireError)
        case tooLarge(size: UInt64, limit: Int)
        case unknownType(UInt8)
        /// Entries that continue a message, where none came before.
        case nothingToContinue
        case wrongIndex(UInt64, expected: UInt64)
        /// The stream ended within a frame.
        case truncated

        public var description: String {
            switch self {
            case .message(let error): "\(error)"
            case .tooLarge(let size, let limit): "\(size) bytes where at most \(limit) are allowed"
            case .unknownType(let type): "unknown frame type \(type)"
            case .nothingToContinue: "entries with no message before that they continue"
            case .wrongIndex(let index, let expected): "entry \(index) where entry \(expected) comes next"
            case .truncated: "ends within a frame"
            }
        }
    }
}

/// Bytes that came and are not decoded yet.
struct ByteQueue {
    private var bytes: [UInt8] = []
    private var start = 0
    /// Bytes taken out since the beginning.
    private(set) var offset = 0

    var count: Int { self.bytes.count - self.start }

    mutating func append(_ more: some Sequence<UInt8>) {
        if self.start > 0 && self.start >= self.bytes.count / 2 {
            self.bytes.removeSubrange(..<self.start)
            self.start = 0
        }
        self.bytes.append(contentsOf: more)
    }

    /// The next bytes, or nil while there are fewer.
    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard self.count >= count else { return nil }
        defer {
            self.start += count
            self.offset += count
        }
        return self.bytes[self.start..<(self.start + count)]
    }

    /// All there is.
    mutating func takeAll() -> ArraySlice<UInt8> {
        self.take(self.count) ?? []
    }

    /// A big-endian number of 8 bytes.
    mutating func takeNumber() -> UInt64? {
        self.take(8)?.reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension Array where Element == UInt8 {
    mutating func appendBigEndian(_ number: UInt64) {
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            self.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    /// A message after the number of its bytes.
    mutating func appendSized(_ message: some WireMessage) {
        let start = self.count
        self.appendBigEndian(0)
        message.encode(into: &self)
        var length: [UInt8] = []
        length.appendBigEndian(UInt64(self.count - start - 8))
        self.replaceSubrange(start..<(start + 8), with: length)
    }
}
