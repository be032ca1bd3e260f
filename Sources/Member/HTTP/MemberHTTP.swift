internal import GRPCServer
internal import NIOHTTP1
internal import Platform

/// What a member answers over HTTP/1: on its client URLs, and on its metrics URLs all but the version. Paths, bodies and
/// header fields are those of etcd 3.5.
struct MemberHTTP: Sendable {
    let mailbox: Mailbox<MemberMessage>
    let meter: DiskMeter
    var isForMetrics = false

    func answer(_ request: HTTP1Request, _ respond: @escaping @Sendable (HTTP1Response) -> Void) {
        let path = request.path
        let isKnown = path == "/metrics" || path == "/version" && !self.isForMetrics || HealthProbe.isPath(path)
        guard isKnown else { return respond(.plain(.notFound, "404 page not found\n")) }
        guard request.method == .GET || path == "/metrics" else {
            var response = HTTP1Response.plain(.methodNotAllowed, "Method Not Allowed\n")
            response.headers.add(name: "allow", value: "GET")
            return respond(response)
        }
        let message: MemberMessage
        if let probe = HealthProbe(path: path, query: queryFields(of: request.target)) {
            message = .probe(probe) { respond($0.response) }
        } else if path == "/version" {
            message = .version(respond)
        } else {
            let meter = self.meter
            message = .metrics { member, calls in
                let text = MetricsText.all(member, calls, meter.figures)
                respond(HTTP1Response(.ok, "text/plain; version=0.0.4; charset=utf-8", text))
            }
        }
        if !self.mailbox.send(message) { respond(.plain(.serviceUnavailable, "the member has ended\n")) }
    }
}

extension HTTP1Response {
    /// A text, as Go's `http.Error` sends it.
    static func plain(_ status: HTTPResponseStatus, _ text: String) -> HTTP1Response {
        var response = HTTP1Response(status, "text/plain; charset=utf-8", text)
        response.headers.add(name: "x-content-type-options", value: "nosniff")
        return response
    }
}

extension HealthProbe.Verdict {
    fileprivate var response: HTTP1Response {
        guard self.isHealthy else { return .plain(.serviceUnavailable, self.text) }
        guard self.isPlain else { return HTTP1Response(.ok, "text/plain; charset=utf-8", self.text) }
        return .plain(.ok, self.text)
    }
}

/// The fields of a target's query with their values, in order.
func queryFields(of target: String) -> [(name: String, value: String)] {
    let query = target.utf8.drop { $0 != UInt8(ascii: "?") }.dropFirst()
    return query.split(separator: UInt8(ascii: "&")).map { part in
        let pair = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        return (percentDecoded(pair[0]), pair.count == 2 ? percentDecoded(pair[1]) : "")
    }
}

/// A name or value of a query: `%20` and `+` are spaces. What is no escape stays as it is.
private func percentDecoded(_ text: Substring.UTF8View) -> String {
    let text = Array(text)
    var bytes: [UInt8] = []
    var at = 0
    while at < text.count {
        if text[at] == UInt8(ascii: "%"), at + 2 < text.count,
            let byte = UInt8(String(decoding: text[(at + 1)...(at + 2)], as: UTF8.self), radix: 16)
        {
            bytes.append(byte)
            at += 3
        } else {
            bytes.append(text[at] == UInt8(ascii: "+") ? UInt8(ascii: " ") : text[at])
            at += 1
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}
