// swift-tools-version:6.1
import PackageDescription

let package = Package(
    name: "inventories",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "Dovetail", path: "../.."),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        .executableTarget(
            name: "inventories",
            dependencies: [
                .product(name: "DovetailModels", package: "Dovetail"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            path: "Sources")
    ]
)
