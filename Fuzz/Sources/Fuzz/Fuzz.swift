internal import Glibc
internal import Mutations

/// What libFuzzer calls with each input. `QUORATE_FUZZ` names the target: all of them are in one program, so that it is built
/// once.
private let target: FuzzTarget = {
    let name = unsafe getenv("QUORATE_FUZZ").map { unsafe String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        fatalError("QUORATE_FUZZ is one of \(names), not \"\(name)\"")
    }
    return target
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe target.run(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
