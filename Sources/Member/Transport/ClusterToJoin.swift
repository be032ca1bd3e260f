internal import EtcdWire
internal import NIOCore
internal import NIOHTTP1
internal import Platform
package import Store

/// A cluster that runs, and which of its members the one that joins is.
package struct ClusterToJoin: Sendable {
    package var clusterID: UInt64
    package var memberID: UInt64
    /// All of them, the one that joins included.
    package var members: [ClusterMember]

    package init(clusterID: UInt64, memberID: UInt64, members: [ClusterMember]) {
        (self.clusterID, self.memberID, self.members) = (clusterID, memberID, members)
    }

    /// Asks the other members that the settings name, one after the other, until one answers.
    ///
    /// - Returns: Nil where there is nothing to join: the cluster is new, or the member ran before.
    /// - Throws: ``MemberError`` where nobody answers, or what they say does not fit the settings.
    static func find(
        _ configuration: MemberConfiguration, _ disk: any Disk, _ group: any EventLoopGroup
    ) async throws -> ClusterToJoin? {
        guard configuration.initialClusterState == .existing else { return nil }
        let place = MemberPlace(configuration, disk)
        guard try !place.isThere(place.log) else { return nil }
        var problems: [String] = []
        for member in configuration.initialCluster where member.name != configuration.name {
            for url in member.peerURLs {
                do {
                    let answer = try await PeerClient(group: group).send(.GET, url, PeerPath.members).get()
                    guard answer.status == 200,
                        let id = answer.headers.first(name: PeerHeaders.clusterIDName).flatMap({ PeerHeaders.id($0) })
                    else {
                        problems.append("\(url): answered \(answer.status)")
                        continue
                    }
                    return try self.match(configuration, clusterID: id, try PeerMembers.read(answer.body))
                } catch let error as MemberError {
                    throw error
                } catch {
                    problems.append("\(url): \(error)")
                }
            }
        }
        throw MemberError(
            .network,
            "no member of the cluster to join answers (\(problems.joined(separator: "; "))); --initial-cluster names them")
    }

    /// The settings name the same members, each by its peer URLs.
    static func match(
        _ configuration: MemberConfiguration, clusterID: UInt64, _ members: [ClusterMember]
    ) throws(MemberError) -> ClusterToJoin {
        guard members.count == configuration.initialCluster.count else {
            throw MemberError(
                .configuration,
                "--initial-cluster names \(configuration.initialCluster.count) members, but the cluster has "
                    + "\(members.count); the member must have been added, and all others be named")
        }
        var own: UInt64?
        for named in configuration.initialCluster {
            let urls = named.peerURLs.sorted()
            guard let member = members.first(where: { $0.peerURLs.sorted() == urls }) else {
                throw MemberError(
                    .configuration,
                    "--initial-cluster has \(named.name)=\(urls.joined(separator: ",")), and no member of the cluster has "
                        + "these peer URLs")
            }
            if named.name == configuration.name { own = member.id }
        }
        guard let own else {
            throw MemberError(.configuration, "--initial-cluster: has no member named \(configuration.name)")
        }
        return ClusterToJoin(clusterID: clusterID, memberID: own, members: members)
    }
}
