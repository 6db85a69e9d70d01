import NIOCore
import NIOPosix
import Synchronization

/// Passes bytes on between clients and a server on this machine, and counts them.
public final class CountingProxy: Sendable {
    private let counts = Mutex<(up: Int, down: Int)>((0, 0))
    private let seen = Mutex<[UInt8]>([])
    private let channel: Mutex<(any Channel)?> = Mutex(nil)

    public init() {}

    /// Bytes to the server and from it since the last time that someone asked.
    public func take() -> (up: Int, down: Int) {
        seen.withLock { $0 = [] }
        return counts.withLock { counts in
            defer { counts = (0, 0) }
            return counts
        }
    }

    /// What passed since the last ``take()``, of both directions, for those who wonder.
    public var transcript: String { seen.withLock { String(decoding: $0, as: UTF8.self) } }

    /// - Returns: the port it listens on.
    public func start(to port: Int) async throws -> Int {
        let listening = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(ChannelOptions.autoRead, value: false)
            .childChannelInitializer { client in
                let made = ClientBootstrap(group: client.eventLoop)
                    .connect(host: "127.0.0.1", port: port)
                return made.flatMap { server in
                    client.eventLoop.makeCompletedFuture {
                        try client.pipeline.syncOperations.addHandler(
                            Pass(to: server) { [self] bytes in count(bytes, isUp: true) })
                        try server.pipeline.syncOperations.addHandler(
                            Pass(to: client) { [self] bytes in count(bytes, isUp: false) })
                    }
                }.flatMap { client.setOption(ChannelOptions.autoRead, value: true) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        channel.withLock { $0 = listening }
        return listening.localAddress?.port ?? 0
    }

    public func stop() async throws {
        try await channel.withLock { $0 }?.close()
    }

    private func count(_ bytes: ByteBuffer, isUp: Bool) {
        counts.withLock { if isUp { $0.up += bytes.readableBytes } else { $0.down += bytes.readableBytes } }
        seen.withLock { seen in
            if seen.count < 1 << 16 { seen.append(contentsOf: bytes.readableBytesView) }
        }
    }

    private final class Pass: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let other: any Channel
        private let count: (ByteBuffer) -> Void

        init(to other: any Channel, counting count: @escaping (ByteBuffer) -> Void) {
            self.other = other
            self.count = count
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            count(bytes)
            other.writeAndFlush(bytes, promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
    }
}
