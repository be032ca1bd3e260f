internal import ArgumentParser
internal import AsyncHTTPClient
internal import NIOCore
@main struct Quorate { static func main() {} }
