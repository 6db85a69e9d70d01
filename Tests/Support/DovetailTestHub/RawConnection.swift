import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// A connection for clients that don't behave: sends bytes as they are, and collects what comes back.
public final class RawConnection: Sendable {
    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    private init(_ channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>) { self.channel = channel }

    public static func open(port: Int) async throws -> RawConnection {
        RawConnection(
            try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(ChannelOptions.socketOption(.so_rcvbuf), value: 4_096)
                .connect(host: "127.0.0.1", port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel(
                            wrappingChannelSynchronously: channel,
                            configuration: .init(
                                backPressureStrategy: .init(lowWatermark: 1, highWatermark: 2),
                                isOutboundHalfClosureEnabled: true))
                    }
                })
    }

    /// Sends, and reads until the server closes, `enough` is seen, or time is over.
    /// - Parameter isHalfClosed: says that nothing more will be sent.
    public func exchange(
        _ bytes: [UInt8], isHalfClosed: Bool = false, seconds: Double = 30,
        until enough: @escaping @Sendable ([UInt8]) -> Bool = { _ in false }
    ) async throws -> (answer: [UInt8], isClosed: Bool) {
        let channel = channel.channel
        let deadline = channel.eventLoop.scheduleTask(in: .milliseconds(Int64(seconds * 1000))) {
            channel.close(promise: nil)
        }
        let end = NIODeadline.now() + .milliseconds(Int64(seconds * 1000))
        // What came counts, even if closing fails, as it does where the server was first.
        let received = Mutex<[UInt8]>([])
        var isEnough = false
        do {
            isEnough = try await self.channel.executeThenClose { inbound, outbound in
                try? await outbound.write(ByteBuffer(bytes: bytes))
                if isHalfClosed { outbound.finish() }
                do {
                    for try await piece in inbound {
                        let answer = received.withLock {
                            $0 += piece.readableBytesView
                            return $0
                        }
                        if enough(answer) { return true }
                    }
                } catch {}
                return false
            }
        } catch {}
        deadline.cancel()
        return (received.withLock { $0 }, !isEnough && NIODeadline.now() < end)
    }

    /// Sends, and reads nothing, until the server closes.
    /// - Returns: whether it did so in time.
    public func isDropped(afterSending bytes: [UInt8], seconds: Double) async throws -> Bool {
        let channel = channel.channel
        try await channel.setOption(ChannelOptions.autoRead, value: false).get()
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
        let end = NIODeadline.now() + .milliseconds(Int64(seconds * 1000))
        // With nothing read, an end is only seen by writing; servers pass over line ends between requests.
        var isDropped = false
        while NIODeadline.now() < end, !isDropped {
            try await Task.sleep(for: .milliseconds(50))
            do { try await channel.writeAndFlush(ByteBuffer(string: "\r\n")).get() } catch {
                isDropped = true
            }
            if !channel.isActive { isDropped = true }
        }
        channel.close(promise: nil)
        return isDropped
    }
}
