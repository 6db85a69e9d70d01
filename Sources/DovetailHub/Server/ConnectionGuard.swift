import HTTPTypes
import NIOCore
import NIOHTTPTypes
import NIOPosix

/// Watches one connection: ends it when a request takes too long to arrive or its client takes nothing more, and when a client that
/// waits for news is gone; gives those who wait a sign of life.
///
/// All of it happens on the connection's own event loop, so that an idle client costs no task that waits.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// Told by who answers a request: nothing is sent for a while, so the end of the client's side is the end.
    struct Waiting: Sendable {
        /// The client is gone.
        var onEnd: @Sendable () -> Void
    }

    private let limits: ServerLimits
    private var arrival: Scheduled<Void>?
    private var beats: RepeatedTask?
    private var watch: RepeatedTask?
    private var waiting: Waiting?

    init(limits: ServerLimits) { self.limits = limits }

    func handlerAdded(context: ChannelHandlerContext) {
        #if canImport(Glibc) || canImport(Musl)
            // A client that is gone without a word is noticed by what it doesn't acknowledge.
            let silence = limits.slowness.milliseconds
            context.channel.setOption(
                ChannelOptions.tcpOption(.init(rawValue: Self.tcpUserTimeout)),
                value: .init(clamping: silence)
            ).whenFailure { _ in }
        #endif
    }

    /// TCP_USER_TIMEOUT of Linux.
    private static let tcpUserTimeout: CInt = 18

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            arrival?.cancel()
            arrival = context.eventLoop.assumeIsolated().scheduleTask(in: .init(limits.arrival)) {
                context.close(promise: nil)
            }
        case .body: break
        case .end:
            arrival?.cancel()
            arrival = nil
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            if head.headerFields[.contentType] == EventStream.contentType { beginBeats(context) }
        case .body: break
        case .end:
            waiting = nil
            endBeats()
        }
        context.write(data, promise: promise)
    }

    func triggerUserOutboundEvent(
        context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?
    ) {
        guard let waiting = event as? Waiting else {
            return context.triggerUserOutboundEvent(event, promise: promise)
        }
        self.waiting = waiting
        if !context.channel.isActive { end() }
        promise?.succeed()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent, waiting != nil { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        watch?.cancel()
        watch = nil
        if !context.channel.isWritable { beginWatch(context) }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    // MARK: What repeats

    private func beginBeats(_ context: ChannelHandlerContext) {
        endBeats()
        let pause = TimeAmount(limits.heartbeat)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        beats = context.eventLoop.scheduleRepeatedTask(initialDelay: pause, delay: pause) { _ in
            let context = bound.value
            guard context.channel.isWritable else { return }
            let beat = context.channel.allocator.buffer(string: EventStream.beat)
            context.writeAndFlush(NIOAny(HTTPResponsePart.body(beat)), promise: nil)
        }
    }

    private func endBeats() {
        beats?.cancel()
        beats = nil
    }

    /// Sees now and then whether anything of what waits to be sent has gone.
    private func beginWatch(_ context: ChannelHandlerContext) {
        let pause = TimeAmount(limits.slowness)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let left = NIOLoopBoundBox(Self.unsent(context), eventLoop: context.eventLoop)
        watch = context.eventLoop.scheduleRepeatedTask(initialDelay: pause, delay: pause) { _ in
            let now = Self.unsent(bound.value)
            if now >= left.value { bound.value.close(promise: nil) }
            left.value = now
        }
    }

    private static func unsent(_ context: ChannelHandlerContext) -> Int {
        // Without options that can be asked at once, as TLS in the network framework, only time decides.
        (try? context.channel.syncOptions?.getOption(ChannelOptions.bufferedWritableBytes)) ?? 0
    }

    private func end() {
        arrival?.cancel()
        arrival = nil
        watch?.cancel()
        watch = nil
        endBeats()
        waiting?.onEnd()
        waiting = nil
    }
}

extension Duration {
    var milliseconds: Int64 { Int64(self / .milliseconds(1)) }
}
