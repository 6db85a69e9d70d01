import Foundation

/// Runs asynchronous code on one thread in an order that a seed decides, so that a run replays exactly.
///
/// The concurrency runtime lets a process take over where jobs go (`swift_task_enqueueGlobal_hook`). Jobs
/// that are
/// enqueued by a thread with a scheduler go to that scheduler; all others take their usual way, so that tests
/// of
/// another kind may run at the same time.
///
/// Unchecked because its lists are plain variables. Proof: a scheduler is made by ``run(seed:_:)`` and found
/// only
/// through a value of that very thread; every job it hands out runs on that thread, one at a time.
final class SeededScheduler: @unchecked Sendable {
    private var jobs: [UnownedJob] = []
    private var paused: [UnsafeContinuation<Void, Never>] = []
    private var random: SplitMix64

    private init(seed: UInt64) { random = SplitMix64(seed: seed, stream: "scheduler") }

    /// Runs `work` to its end on the calling thread.
    static func run<Result: Sendable>(
        seed: UInt64, _ work: @escaping @Sendable () async -> Result
    ) -> Result? {
        Hook.install()
        let scheduler = SeededScheduler(seed: seed)
        let before = Hook.current
        Hook.current = scheduler
        defer { Hook.current = before }
        let box = Box<Result>()
        Task.detached { box.result = await work() }
        while box.result == nil, scheduler.step() {}
        return box.result
    }

    /// Lets others go first. Does nothing outside of a scheduler.
    static func pause() async {
        guard let scheduler = Hook.current else { return }
        await withUnsafeContinuation { scheduler.paused.append($0) }
    }

    /// Runs one job; false when there is none left, which with work unfinished means that it waits for ever.
    private func step() -> Bool {
        let count = jobs.count + paused.count
        guard count > 0 else { return false }
        let choice = random.below(count)
        if choice < jobs.count {
            jobs.remove(at: choice).runSynchronously(on: Hook.executor.asUnownedTaskExecutor())
        } else {
            paused.remove(at: choice - jobs.count).resume()
        }
        return true
    }

    /// Unchecked. Proof: written and read by jobs of one scheduler, which run on one thread.
    private final class Box<Result>: @unchecked Sendable { var result: Result? }

    /// The way into the runtime.
    private enum Hook {
        typealias Original = @convention(thin) (UnownedJob) -> Void
        typealias Function = @convention(thin) (UnownedJob, Original) -> Void

        private static let key: pthread_key_t = {
            var key = pthread_key_t()
            pthread_key_create(&key, nil)
            return key
        }()

        static let executor = PassingExecutor()

        static var current: SeededScheduler? {
            get {
                pthread_getspecific(key).map {
                    Unmanaged<SeededScheduler>.fromOpaque($0).takeUnretainedValue()
                }
            }
            set { pthread_setspecific(key, newValue.map { Unmanaged.passUnretained($0).toOpaque() }) }
        }

        private static let installed: Bool = {
            guard let symbol = dlsym(dlopen(nil, 0), "swift_task_enqueueGlobal_hook") else { return false }
            symbol.assumingMemoryBound(to: Function?.self).pointee = { job, original in
                if let scheduler = Hook.current { scheduler.jobs.append(job) } else { original(job) }
            }
            return true
        }()

        static func install() { precondition(installed, "this Swift runtime has no hook for schedulers") }
    }

    /// Jobs run as if on this executor; what they enqueue on it goes to the scheduler of the thread.
    private final class PassingExecutor: TaskExecutor {
        func enqueue(_ job: consuming ExecutorJob) {
            Hook.current?.jobs.append(UnownedJob(job))
        }
    }
}
