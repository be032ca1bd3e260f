import ClusterAPI
import Platform
import Testing
import YAML

@Suite("Derived names")
struct DerivedNameTests {
    private static let moment = Timestamp(rfc3339: "2026-11-22T23:02:56Z")?.namePart ?? ""
    private static let suffixes = ["scheduled-\(moment)", "final-\(moment)", "auto-1800000000", moment]

    /// Whether a file may call a resource so.
    private static func isAccepted(_ name: String) -> Bool {
        let text = """
            apiVersion: quorate.dev/v1alpha1
            kind: EtcdSnapshot
            metadata: {name: "\(name)"}
            spec: {clusterRef: orders}
            """
        let reading = Manifest.read(text)
        return reading.errors.isEmpty && reading.resources.first?.resource.metadata.name == name
    }

    @Test("Whatever the length of a cluster's name, what is made from it may be a resource's name", arguments: 1...63)
    func lengths(length: Int) {
        for base in [String(repeating: "a", count: length), Self.dashed(length)] {
            #expect(Self.isAccepted(base))
            for suffix in Self.suffixes {
                let name = DerivedName.name(base, suffix)
                #expect(Self.isAccepted(name), "\(name)")
                #expect(name.hasSuffix("-\(suffix)"))
                #expect(name == DerivedName.name(base, suffix))
                // What fits stays as it was.
                let whole = "\(base)-\(suffix)"
                #expect((name == whole) == (whole.utf8.count <= DerivedName.limit))
            }
        }
    }

    @Test("Names that differ anywhere lead to names that differ")
    func uniqueness() {
        var seen: [String: String] = [:]
        for suffix in Self.suffixes {
            for length in 1...63 {
                let base = Array(repeating: UInt8(ascii: "a"), count: length)
                for place in 0..<length {
                    var other = base
                    other[place] = UInt8(ascii: "b")
                    let text = String(decoding: other, as: UTF8.self)
                    let before = seen.updateValue(text, forKey: DerivedName.name(text, suffix))
                    #expect(before == nil, "\(before ?? "") and \(text)")
                }
            }
        }
    }

    @Test("Short names stay readable")
    func readable() {
        #expect(DerivedName.name("orders", Self.suffixes[0]) == "orders-scheduled-20261122t230256z")
    }

    /// `a-------…a`: a cut after any letter leaves dashes at its end.
    private static func dashed(_ length: Int) -> String {
        length < 3 ? String(repeating: "a", count: length) : "a" + String(repeating: "-", count: length - 2) + "a"
    }
}
