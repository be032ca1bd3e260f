internal import Logging
internal import Platform

/// Writes one line per record. A line is handed over whole, so that lines of several threads never mix.
struct LineLogHandler: LogHandler {
    var label: String
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    let format: LogFormat
    let clock: any WallClock
    let write: @Sendable (String) -> Void

    init(
        label: String, level: Logger.Level, format: LogFormat, clock: any WallClock,
        write: @escaping @Sendable (String) -> Void
    ) {
        self.label = label
        self.logLevel = level
        self.format = format
        self.clock = clock
        self.write = write
    }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var metadata = self.metadata
        if let provider = self.metadataProvider { metadata.merge(provider.get()) { $1 } }
        if let given = event.metadata { metadata.merge(given) { $1 } }
        if let error = event.error { metadata["error"] = "\(error)" }
        self.write(
            self.format.line(
                time: self.clock.now(), level: event.level, label: self.label, message: event.message.description,
                metadata: metadata))
    }
}
