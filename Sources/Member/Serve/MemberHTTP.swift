internal import GRPCServer
internal import NIOHTTP1
internal import Platform

/// What a member answers over HTTP/1 on its client URLs.
struct MemberHTTP: Sendable {
    let mailbox: Mailbox<MemberMessage>

    var handler: HTTP1Handler {
        let mailbox = self.mailbox
        return { request, respond in
            guard request.method == .GET else { return respond(HTTP1Response(.methodNotAllowed)) }
            let message: MemberMessage? =
                switch request.path {
                case "/version": .version(respond)
                case "/health":
                    .health(
                        isSerializable: request.query("serializable").contains("true"), excluded: request.query("exclude"),
                        respond)
                default: nil
                }
            guard let message else { return respond(HTTP1Response(.notFound, "text/plain", "404 page not found\n")) }
            if !mailbox.send(message) { respond(HTTP1Response(.serviceUnavailable)) }
        }
    }
}

extension HTTP1Request {
    /// Every value of a field of the query.
    fileprivate func query(_ name: String) -> [String] {
        let query = self.target.drop { $0 != "?" }.dropFirst()
        return query.split(separator: "&").compactMap { part in
            let pair = part.split(separator: "=", maxSplits: 1)
            return pair.count == 2 && pair[0] == name ? String(pair[1]) : nil
        }
    }
}
