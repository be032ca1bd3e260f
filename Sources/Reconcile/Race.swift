/// Runs both at once. When one has ended the other is cancelled; returns when both have ended.
func race(_ first: @escaping @Sendable () async -> Void, _ second: @escaping @Sendable () async -> Void) async {
    await withTaskGroup { group in
        group.addTask { await first() }
        group.addTask { await second() }
        await group.next()
        group.cancelAll()
    }
}

/// Runs work that a cancelled caller still has to see through, and waits for it.
func uncancelled(_ work: @escaping @Sendable () async -> Void) async { await Task { await work() }.value }
