/// Why bytes are not the message they were taken for, and where that was seen.
public struct WireError: Error, Hashable, CustomStringConvertible {
    public var problem: Problem
    /// Bytes from the start of the outermost message.
    public var offset: Int

    public init(_ problem: Problem, offset: Int) {
        self.problem = problem
        self.offset = offset
    }

    public var description: String {
        "malformed message at byte \(self.offset): \(self.problem.rawValue)"
    }

    /// What was wrong.
    public enum Problem: String, Sendable, Hashable {
        case truncated = "a field ends after its message"
        case varintTooLong = "a varint takes more than ten bytes"
        case invalidTag = "field number 0 or above 536870911"
        case invalidWireType = "unknown wire type"
        case wrongWireType = "a known field has another wire type"
        case unknownEnumValue = "an enum has a value this version does not know"
        case invalidUTF8 = "a string is not UTF-8"
        case tooDeep = "messages nest too deep"
        case tooLarge = "the message is too large"
        case unbalancedGroup = "a group is not closed, or closed twice"
    }
}
