internal import GRPCServer
internal import NIOCore
internal import NIOPosix

/// Where a member listens, or is reached, as its settings say: `http://HOST:PORT`, or `unix://PATH`.
enum MemberURL {
    static func address(_ url: String) throws(MemberError) -> GRPCServerConfiguration.Address {
        if url.hasPrefix("unix://") { return .unix(path: String(url.dropFirst(7))) }
        guard url.hasPrefix("http://") else { throw MemberError(.configuration, "\(url): is no http:// URL") }
        let rest = url.dropFirst(7).prefix { $0 != "/" }
        guard let colon = rest.lastIndex(of: ":"), let port = Int(rest[rest.index(after: colon)...]), port <= 65_535 else {
            throw MemberError(.configuration, "\(url): has no port")
        }
        var host = String(rest[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return .tcp(host: host, port: port)
    }

    /// What goes into `Host`.
    static func host(_ url: String) -> String {
        url.hasPrefix("unix://") ? "localhost" : String(url.dropFirst(7).prefix { $0 != "/" })
    }

    static func connect(
        _ bootstrap: ClientBootstrap, to url: String, on loop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        do throws(MemberError) {
            switch try self.address(url) {
            case .tcp(let host, let port): return bootstrap.connect(host: host, port: port)
            case .unix(let path): return bootstrap.connect(unixDomainSocketPath: path)
            }
        } catch {
            return loop.makeFailedFuture(error)
        }
    }
}
