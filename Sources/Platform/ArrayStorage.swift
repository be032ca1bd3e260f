extension Array {
    /// Where the elements are. Of two arrays that exist at the same time, and are not empty, the same storage means the same
    /// elements; the number means nothing once the array is changed or gone.
    public var storage: UInt {
        unsafe self.withUnsafeBufferPointer { buffer in UInt(bitPattern: buffer.baseAddress) }
    }
}
