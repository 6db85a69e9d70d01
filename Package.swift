// swift-tools-version:6.1
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Floors of docs/architecture.md: a target imports only from floors below it.
let package = Package(
    name: "Dovetail",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Dovetail", targets: ["Dovetail"]),
        .library(name: "DovetailEngine", targets: ["DovetailEngine"]),
        .library(name: "DovetailMemory", targets: ["DovetailMemory"]),
        .library(name: "DovetailModels", targets: ["DovetailModels"]),
        .library(name: "DovetailDiffSync", targets: ["DovetailDiffSync"]),
        .library(name: "DovetailSQLite", targets: ["DovetailSQLite"]),
        .library(name: "DovetailFlatFiles", targets: ["DovetailFlatFiles"]),
        .library(name: "DovetailPostgres", targets: ["DovetailPostgres"]),
        .library(name: "DovetailDocuments", targets: ["DovetailDocuments"]),
        .library(name: "DovetailHub", targets: ["DovetailHub"]),
        .library(name: "DovetailPrograms", targets: ["DovetailPrograms"]),
        .library(name: "DovetailConformance", targets: ["DovetailConformance"]),
        .executable(name: "dovetail", targets: ["DovetailCommand"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "3.12.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.90.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.30.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.20.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.30.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.8.0"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
    ],
    targets: [
        // Floor 1: the pure core.
        .systemLibrary(
            name: "CXXHash", pkgConfig: "libxxhash",
            providers: [.apt(["libxxhash-dev"]), .brew(["xxhash"])]),
        .target(name: "Dovetail", dependencies: ["CXXHash"], swiftSettings: strict),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),

        // Floor 2: the run.
        .target(
            name: "DovetailEngine",
            dependencies: [
                "Dovetail",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            swiftSettings: strict),

        // Floor 3: replicas and state stores.
        .target(
            name: "DovetailMemory", dependencies: ["Dovetail", "DovetailEngine"], swiftSettings: strict),
        .target(
            name: "DovetailDiffSync", dependencies: ["Dovetail"], swiftSettings: strict),
        .target(
            name: "DovetailSQLite",
            dependencies: [
                "Dovetail", "DovetailEngine",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .target(name: "CLibPQ"),
        .target(
            name: "DovetailPostgres", dependencies: ["CLibPQ", "Dovetail", "DovetailEngine"],
            swiftSettings: strict),
        .target(name: "CAtomicSwap"),
        .target(
            name: "DovetailFlatFiles", dependencies: ["CAtomicSwap", "Dovetail", "DovetailEngine"],
            swiftSettings: strict),

        .target(
            name: "DovetailDocuments",
            dependencies: [
                "CAtomicSwap", "CZlib", "Dovetail", "DovetailEngine",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict),

        // Floor 4: the server.
        .target(
            name: "DovetailHub",
            dependencies: [
                "CLibPQ", "Dovetail", "DovetailDocuments", "DovetailEngine", "DovetailPostgres",
                "DovetailSQLite",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            resources: [
                .embedInCode("Page/Assets/hub.html"), .embedInCode("Page/Assets/hub.css"),
                .embedInCode("Page/Assets/compare.js"),
                .embedInCode("Page/Assets/hub.js"),
            ],
            swiftSettings: strict),
        .target(name: "CSpawn"),
        .target(
            name: "DovetailPrograms", dependencies: ["CSpawn", "Dovetail", "DovetailEngine"],
            swiftSettings: strict),

        // Floor 4: datasets in code.
        .target(
            name: "DovetailModels",
            dependencies: ["Dovetail", "DovetailEngine", "DovetailFlatFiles", "DovetailPrograms"],
            swiftSettings: strict),

        // Floor 4: job files.
        .target(
            name: "DovetailJobs",
            dependencies: [
                "Dovetail", "DovetailDocuments", "DovetailEngine", "DovetailFlatFiles", "DovetailPostgres",
                "DovetailPrograms", "DovetailSQLite", .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict),

        // Floor 4: pages that show what changed.
        .target(
            name: "DovetailPages",
            dependencies: ["Dovetail", "DovetailEngine"],
            resources: [
                .embedInCode("Assets/page.css"), .embedInCode("Assets/print.css"),
                .embedInCode("Assets/list.js"), .embedInCode("Assets/projection.js"),
                .embedInCode("Assets/drawing.js"), .embedInCode("Assets/map.js"),
                .embedInCode("Assets/page.js"), .embedInCode("Assets/land.js"),
            ],
            swiftSettings: strict),

        // Floor 5: the command.
        .executableTarget(
            name: "DovetailCommand",
            dependencies: [
                "Dovetail", "DovetailDocuments", "DovetailEngine", "DovetailHub", "DovetailJobs",
                "DovetailPages", "DovetailPostgres",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),

        // How we know.
        .target(
            name: "DovetailConformance", dependencies: ["Dovetail", "DovetailEngine", "DovetailMemory"],
            swiftSettings: strict),
        .target(
            name: "DovetailSimulation",
            dependencies: ["Dovetail", "DovetailDocuments", "DovetailEngine", "DovetailMemory"],
            swiftSettings: strict),
        .executableTarget(
            name: "DovetailSimulate",
            dependencies: [
                "DovetailSimulation",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "DovetailBenchmarks",
            dependencies: ["Dovetail"],
            path: "Benchmarks/DovetailBenchmarks",
            swiftSettings: strict),
        .executableTarget(
            name: "DovetailModelsBenchmark",
            dependencies: ["DovetailModels"],
            path: "Benchmarks/DovetailModelsBenchmark",
            swiftSettings: strict),
        .executableTarget(
            name: "DovetailTextBenchmark",
            dependencies: ["Dovetail"],
            path: "Benchmarks/DovetailTextBenchmark",
            swiftSettings: strict),
        .testTarget(name: "DovetailTests", dependencies: ["Dovetail"], swiftSettings: strict),
        .testTarget(
            name: "DovetailEngineTests",
            dependencies: ["DovetailEngine", "DovetailMemory", "DovetailConformance", "DovetailSimulation"],
            swiftSettings: strict),
        .testTarget(
            name: "DovetailSQLiteTests",
            dependencies: [
                "DovetailSQLite", "DovetailMemory", "DovetailConformance", "DovetailTestSQLite",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .target(
            name: "DovetailTestSQLite",
            dependencies: [
                "Dovetail", "DovetailConformance", "DovetailEngine", "DovetailSQLite",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            path: "Tests/Support/DovetailTestSQLite", swiftSettings: strict),
        .target(
            name: "DovetailTestPostgres", dependencies: ["CLibPQ"],
            path: "Tests/Support/DovetailTestPostgres",
            swiftSettings: strict),
        .testTarget(
            name: "DovetailPostgresTests",
            dependencies: [
                "CLibPQ", "Dovetail", "DovetailConformance", "DovetailEngine", "DovetailMemory",
                "DovetailPostgres",
                "DovetailSQLite", "DovetailTestPostgres", "DovetailTestSQLite",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "DovetailFlatFilesTests",
            dependencies: [
                "DovetailFlatFiles", "DovetailMemory", "DovetailSQLite", "DovetailConformance",
                "DovetailTestSQLite",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "DovetailJobsTests",
            dependencies: [
                "Dovetail", "DovetailEngine", "DovetailJobs", "DovetailSQLite",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .target(
            name: "DovetailTestHub",
            dependencies: [
                "Dovetail", "DovetailDocuments", "DovetailHub",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Tests/Support/DovetailTestHub", swiftSettings: strict),
        .executableTarget(
            name: "DovetailHubBenchmark",
            dependencies: ["Dovetail", "DovetailDocuments", "DovetailHub", "DovetailTestHub"],
            path: "Benchmarks/DovetailHubBenchmark",
            swiftSettings: strict),
        .testTarget(
            name: "DovetailDocumentsTests",
            dependencies: ["Dovetail", "DovetailDocuments", "DovetailEngine", "DovetailSimulation"],
            swiftSettings: strict),
        .testTarget(
            name: "DovetailHubTests",
            dependencies: [
                "Dovetail", "DovetailDocuments", "DovetailHub", "DovetailTestCommitter", "DovetailTestHub",
                "DovetailTestPostgres", "BrowserSupport",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "DovetailTestCommitter", dependencies: ["Dovetail", "DovetailDocuments", "DovetailHub"],
            path: "Tests/Support/DovetailTestCommitter", swiftSettings: strict),
        .testTarget(
            name: "DovetailProgramsTests",
            dependencies: [
                "Dovetail", "DovetailConformance", "DovetailEngine", "DovetailMemory", "DovetailPrograms",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "DovetailTestProgram", dependencies: ["DovetailModels"],
            path: "Tests/Support/DovetailTestProgram", swiftSettings: strict),
        // The example, run by the tests of the command. In its own package it is called otherwise.
        .executableTarget(
            name: "DovetailTestInventories",
            dependencies: ["DovetailModels", .product(name: "GRDB", package: "GRDB.swift")],
            path: "Examples/Inventories/Sources", swiftSettings: strict),
        .target(name: "BrowserSupport", path: "Tests/Support/Browser", swiftSettings: strict),
        .testTarget(
            name: "DovetailModelsTests", dependencies: ["Dovetail", "DovetailEngine", "DovetailModels"],
            swiftSettings: strict),
        .testTarget(
            name: "DovetailDiffSyncTests", dependencies: ["DovetailDiffSync"], exclude: ["Cases"],
            swiftSettings: strict),
        .testTarget(
            name: "DovetailPagesTests",
            dependencies: [
                "Dovetail", "DovetailEngine", "DovetailMemory", "DovetailPages", "BrowserSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "DovetailCommandTests",
            dependencies: [
                "DovetailCommand", "DovetailTestHub", "DovetailTestPostgres", "DovetailTestInventories",
                "DovetailTestProgram",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
    ]
)
