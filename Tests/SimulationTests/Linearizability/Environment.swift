import Glibc

/// How much is tried, where more is asked for than a quick run has time for.
func environmentNumber(_ name: String, default number: Int) -> Int {
    unsafe getenv(name).flatMap { unsafe Int(String(cString: $0)) } ?? number
}
