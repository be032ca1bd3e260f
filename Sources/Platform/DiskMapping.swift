/// A file's first bytes in memory, read-only, that show every later write to the file within them. It ends with its last
/// reference, whatever became of the file's handle.
///
/// It may be longer than the file, which may grow into it; what lies past the file's end must not be touched.
@safe public final class DiskMapping: @unchecked Sendable {
    // Safe to share: both are set once, and nothing is written through the pointer by who holds this.
    private let base: UnsafeRawPointer
    /// Bytes, the part past the file's end included.
    public let count: Int
    private let release: @Sendable (UnsafeRawPointer, Int) -> Void
    private let yield: (@Sendable (UnsafeRawPointer, Int) -> Void)?

    /// - Parameters:
    ///   - release: Called once, when the last reference goes.
    ///   - yield: See ``yieldMemory()``.
    @unsafe public init(
        base: UnsafeRawPointer, count: Int, release: @escaping @Sendable (UnsafeRawPointer, Int) -> Void,
        yield: (@Sendable (UnsafeRawPointer, Int) -> Void)? = nil
    ) {
        unsafe self.base = unsafe base
        self.count = count
        unsafe self.release = unsafe release
        unsafe self.yield = unsafe yield
    }

    /// Gives back the memory in which the file was looked at so far; it comes again where it is looked at again. For who goes
    /// over a large file once.
    public func yieldMemory() {
        unsafe self.yield?(self.base, self.count)
    }

    deinit {
        unsafe self.release(self.base, self.count)
    }

    /// Valid while this object is.
    @unsafe public var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: self.base, count: self.count)
    }
}
