internal import Testing

/// The `quorate` binary over real etcd: every test has its own directory, controller and members, and they run one after
/// another, since each of them keeps the machine busy.
@Suite("End to end", .serialized)
struct EndToEnd {}
