internal import Glibc
internal import Mutations
internal import Platform

/// `QUORATE_FUZZ` names the target: all of them are in one program, so that it is built once.
private let target: FuzzTarget = {
    let name = unsafe getenv("QUORATE_FUZZ").map { unsafe String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        fatalError("QUORATE_FUZZ is one of \(names), not \"\(name)\"")
    }
    return target
}()

/// What libFuzzer calls first: writes the inputs to begin with into the directory that `QUORATE_FUZZ_SEEDS` names.
@_cdecl("LLVMFuzzerInitialize")
public func begin(_ count: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?) -> CInt {
    guard let path = unsafe getenv("QUORATE_FUZZ_SEEDS").map({ unsafe String(cString: $0) }) else { return 0 }
    do {
        let disk = RealDisk()
        try disk.makeDirectory(path)
        for (index, bytes) in try target.seeds().enumerated() {
            let file = try disk.open("\(path)/seed-\(index)", .create)
            try file.truncate(to: 0)
            try file.write(bytes, at: 0)
            try file.close()
        }
    } catch {
        fatalError("\(path): \(error)")
    }
    return 0
}

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe target.run(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
