import EtcdWire
import GRPCCore

@testable import EtcdClient
@testable import Member

/// A member, ours or etcd's, asked over its client URL: any call, and what came of it as something to compare.
final class RemoteMember: Sendable {
    /// What was answered, without what tells two members apart.
    enum Answer: Hashable, CustomStringConvertible {
        case message(encoded: [UInt8], text: String)
        case failure(EtcdError.Code, String)

        var description: String {
            switch self {
            case .message(_, let text): text
            case .failure(let code, let message): "\(code): \(message)"
            }
        }
    }

    let endpoint: Endpoint
    /// Connects anew where a connection ends between two calls.
    private let channel: MemberChannel

    init(_ url: String) throws {
        self.endpoint = try Endpoint(url)
        self.channel = MemberChannel(to: self.endpoint)
    }

    func close() async { await self.channel.close() }

    func call<Request: WireMessage, Response: WireMessage>(
        _ method: Method<Request, Response>, _ request: Request
    ) async throws(EtcdError) -> Response {
        do throws(CallFailure) {
            return try await self.channel.call(method, request, timeout: .seconds(20), sendWithin: nil)
        } catch {
            throw error.error
        }
    }

    /// What a watch is told, up to an event of a revision, or until it is canceled.
    func history(_ request: WatchCreateRequest, until revision: Int64) async throws -> [WatchResponse] {
        let transport = try MemberTransport(to: self.endpoint)
        let responses = try await transport.call(
            Methods.watch, .create(request), timeout: .seconds(20), progress: CallProgress(), staysOpen: true
        ) { responses in
            var all: [WatchResponse] = []
            for try await response in responses {
                all.append(response)
                if response.canceled || (response.events.last?.kv.modRevision ?? 0) >= revision { break }
            }
            return all
        }
        await transport.close()
        return responses
    }
}

/// Calls that the client of the controller has no use for.
enum MoreMethods {
    static let leases = Method<LeaseLeasesRequest, LeaseLeasesResponse>("Lease", "LeaseLeases", .read)
    static let hash = Method<HashRequest, HashResponse>("Maintenance", "Hash", .memberRead)
    static let downgrade = Method<DowngradeRequest, DowngradeResponse>("Maintenance", "Downgrade", .memberWrite)
}
