internal import Glibc

/// The mapped files of a ``SimulatedDisk``: buffers that stay where they are, into which each write is copied.
struct SimulatedMappings {
    private struct Entry {
        weak var mapping: DiskMapping?
    }

    /// By the number of the file.
    private var entries: [Int: [Entry]] = [:]

    /// - Parameter bytes: What the file holds now.
    mutating func map(_ node: Int, _ bytes: [UInt8], size: Int) -> DiskMapping {
        guard let base = unsafe calloc(size, 1) else { preconditionFailure("no memory for a mapping of \(size) bytes") }
        let mapping = unsafe DiskMapping(base: base, count: size) { base, _ in
            unsafe free(UnsafeMutableRawPointer(mutating: base))
        }
        self.entries[node, default: []].removeAll { $0.mapping == nil }
        self.entries[node, default: []].append(Entry(mapping: mapping))
        self.show(bytes, at: 0, of: node)
        return mapping
    }

    /// Copies bytes written at `offset` of a file into its mappings.
    func show(_ bytes: [UInt8], at offset: Int, of node: Int) {
        for entry in self.entries[node] ?? [] {
            guard let mapping = entry.mapping, offset >= 0, offset < mapping.count else { continue }
            unsafe bytes.withUnsafeBytes { source in
                // Allocated above as memory that may be written; `count` keeps the copy within it.
                let target = unsafe UnsafeMutableRawBufferPointer(mutating: mapping.bytes)
                let count = min(source.count, target.count - offset)
                guard count > 0 else { return }
                unsafe (target.baseAddress! + offset).copyMemory(from: source.baseAddress!, byteCount: count)
            }
        }
    }
}
