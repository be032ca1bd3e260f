/// Why a connection or a stream is ended (RFC 9113, 7).
enum HTTP2ErrorCode: UInt32, Sendable {
    case noError = 0
    case protocolError, internalError, flowControlError, settingsTimeout, streamClosed, frameSizeError, refusedStream
    case cancel, compressionError, connectError, enhanceYourCalm, inadequateSecurity, http11Required
}

/// The peer broke the protocol, or asks for too much: the connection ends.
struct HTTP2Error: Error, Hashable, CustomStringConvertible {
    var code: HTTP2ErrorCode
    /// What was wrong; goes into GOAWAY for whoever debugs the client.
    var reason: String

    init(_ code: HTTP2ErrorCode, _ reason: String) {
        (self.code, self.reason) = (code, reason)
    }

    var description: String { "\(self.code): \(self.reason)" }
}
