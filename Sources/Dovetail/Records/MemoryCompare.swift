#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

// With the angles of arcs, what the core takes from the C library.

/// `memcmp`.
@inline(__always)
func memoryCompare(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Int {
    Int(memcmp(a, b, count))
}

/// `memchr`: how many bytes stand before the first `byte` in the `count` bytes at `start`; nil if it is not there.
@inline(__always)
func memoryFind(_ byte: UInt8, in start: UnsafeRawPointer, _ count: Int) -> Int? {
    memchr(start, Int32(byte), count).map { UnsafeRawPointer($0) - start }
}
