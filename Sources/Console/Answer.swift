internal import YAML

/// What is answered to a request.
enum Answer: Sendable {
    case json(Int, Node)
    case text(Int, String, type: String = "text/plain; charset=utf-8")
    /// Lines of JSON, for as long as the watch lasts.
    case watch(WatchStream)
}
