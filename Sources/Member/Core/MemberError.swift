/// Why a member cannot start, or had to stop.
public struct MemberError: Error, Hashable, CustomStringConvertible {
    public var code: Code
    /// Names the file where there is one, and what would help.
    public var message: String

    public init(_ code: Code, _ message: String) {
        (self.code, self.message) = (code, message)
    }

    public var description: String { self.message }

    public enum Code: Sendable, Hashable {
        /// The settings do not fit what is on the disk, or each other.
        case configuration
        /// Another process has the data directory open.
        case locked
        /// What was durable is damaged or missing. The files are left as they are.
        case corrupt
        case disk
        /// The cluster has removed this member. It can never come back under its id.
        case removed
        case network
    }
}
