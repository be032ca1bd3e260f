public import NIOHTTP1

/// A request over HTTP/1 on the port that gRPC is served on.
public struct HTTP1Request: Sendable {
    public var method: HTTPMethod
    /// Path and query as they came: `/health?exclude=NOSPACE`.
    public var target: String
    public var headers: HTTPHeaders
    public var body: [UInt8]
    /// As ``CallContext/peer``.
    public var peer: String

    public var path: Substring {
        self.target.prefix { $0 != "?" }
    }
}

/// The answer to a request over HTTP/1.
public struct HTTP1Response: Sendable {
    public var status: HTTPResponseStatus
    /// `content-length` is added.
    public var headers: HTTPHeaders
    public var body: [UInt8]

    public init(_ status: HTTPResponseStatus, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    public init(_ status: HTTPResponseStatus, _ contentType: String, _ text: String) {
        self.init(status, headers: ["content-type": contentType], body: Array(text.utf8))
    }
}

/// Answers requests over HTTP/1. Runs on the event loop of the connection: `respond` may be called at once, or later from
/// any thread; once.
public typealias HTTP1Handler =
    @Sendable (
        _ request: HTTP1Request, _ respond: @escaping @Sendable (HTTP1Response) -> Void
    ) -> Void
