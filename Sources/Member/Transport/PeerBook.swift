internal import EtcdWire
internal import Store
internal import Synchronization

/// Whom a member knows, for those who cannot ask its thread. Written after every turn that changed it.
final class PeerBook: Sendable {
    struct Page: Sendable {
        var members: [ClusterMember] = []
        /// Where members are reached that are not known by the log yet: those of the cluster that is joined, and one that
        /// says so itself.
        var remotes: [UInt64: [String]] = [:]
        var removed: Set<UInt64> = []
        var clusterVersion: String?
    }

    private let page: Mutex<Page>
    private let memberID: UInt64

    init(memberID: UInt64, remotes: [ClusterMember]) {
        self.memberID = memberID
        var page = Page()
        for member in remotes where member.id != memberID { page.remotes[member.id] = member.peerURLs }
        self.page = Mutex(page)
    }

    func read() -> Page { self.page.withLock { $0 } }

    func write(_ members: [ClusterMember], removed: [UInt64], clusterVersion: String?) {
        self.page.withLock { page in
            (page.members, page.removed, page.clusterVersion) = (members, Set(removed), clusterVersion)
            // From here on the log says who is there.
            if members.contains(where: { $0.id == self.memberID }) { page.remotes = [:] }
        }
    }

    /// - Returns: Whether it was unknown.
    func add(_ remote: PeerDecision.Remote) -> Bool {
        self.page.withLock { page in
            guard remote.id != self.memberID, !page.removed.contains(remote.id), page.remotes[remote.id] == nil,
                page.remotes.count < 100, !page.members.contains(where: { $0.id == remote.id })
            else { return false }
            page.remotes[remote.id] = remote.urls
            return true
        }
    }

    /// Every other member, and where it is reached.
    func peers() -> [UInt64: [String]] {
        let page = self.read()
        var peers = page.remotes
        for member in page.members where member.id != self.memberID { peers[member.id] = member.peerURLs }
        return peers
    }
}
