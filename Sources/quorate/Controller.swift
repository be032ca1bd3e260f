/// Puts the controller together and runs it until it is told to stop.
enum Controller {
    static func run(_ options: RunOptions) async throws {
        throw CommandError(.failed, "the controller is not wired up yet")
    }
}
