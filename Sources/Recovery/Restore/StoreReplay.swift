internal import EtcdWire
internal import Platform

/// The store as a replay's engine.
final class StoreReplay: ReplayEngine {
    private(set) var revision: Int64 = 1

    init(_ path: String, disk: any Disk) throws(RecoveryError) {
        throw RecoveryError(.unreachable, path, "replay is not there yet")
    }

    func apply(_ entry: RaftEntry) throws(RecoveryError) {}
    func commit() throws(RecoveryError) {}
    func discard() {}
    func close() throws(RecoveryError) {}
}
