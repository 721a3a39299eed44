// swift-tools-version: 6.2
import PackageDescription

// One package, two worlds. The device side (Wire … watchpost, StandIn) is Embedded Swift that also
// builds as ordinary Swift; the host side (ControlClient … usbcam) is ordinary Swift with the usual
// packages. Everything that differs between boards lies in board/toolset, never here.

/// Set by `image/build`: turns any use of the heap in the pure core into a compile error. Only the
/// embedded compiler knows the flag, so ordinary builds leave it out.
let noAllocations: [SwiftSetting] =
  Context.environment["WATCHPOST_EMBEDDED"] == nil ? [] : [.unsafeFlags(["-no-allocations"])]

/// What is not on the way of a request is built for size, the rest (board/toolset) for speed.
let compact: [SwiftSetting] =
  Context.environment["WATCHPOST_EMBEDDED"] == nil ? [] : [.unsafeFlags(["-Osize"])]

let device: [SwiftSetting] = [.enableExperimentalFeature("Lifetimes")]

/// Secrets need a place of their own to be wiped in (Sources/Noise/Secret.swift).
let rawLayout: [SwiftSetting] = [.enableExperimentalFeature("RawLayout")]

let package = Package(
  name: "watchpost",
  products: [
    .executable(name: "watchpost", targets: ["watchpost"]),
    .executable(name: "mediamtx-standin", targets: ["StandIn"]),
    .executable(name: "wpctl", targets: ["wpctl"]),
    .executable(name: "usbcam", targets: ["usbcam"]),
    .executable(name: "emulated-board", targets: ["emulated-board"]),
    .executable(name: "wpload", targets: ["wpload"]),
    .executable(name: "simulate", targets: ["simulate"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // Device, pure.
    .target(name: "CChecksum"),
    .target(
      name: "Wire", dependencies: ["CChecksum"], exclude: ["Wire.docc"],
      swiftSettings: device + noAllocations),
    .target(name: "Feed", dependencies: ["Wire"], swiftSettings: device + noAllocations + compact),
    .target(
      name: "Archive", dependencies: ["Wire"], swiftSettings: device + noAllocations + compact),
    .target(
      name: "Appliance", dependencies: ["Wire"], swiftSettings: device + noAllocations + compact),
    .target(name: "CSodium", linkerSettings: [.linkedLibrary("sodium")]),
    .target(
      name: "Noise", dependencies: ["Wire", "CSodium"],
      swiftSettings: device + rawLayout + noAllocations + compact),

    // Device, with the kernel.
    .target(
      name: "EventLoop", dependencies: ["Appliance", "Noise", "Wire"], swiftSettings: device),
    .target(
      name: "CLinux",
      cSettings: [.define("_GNU_SOURCE")],
      linkerSettings: [
        .linkedLibrary("udev"), .linkedLibrary("gpiod"), .linkedLibrary("yajl"),
        .linkedLibrary("http_parser"), .linkedLibrary("inih"), .linkedLibrary("v4lconvert"),
        .linkedLibrary("jpeg"), .linkedLibrary("openh264"), .linkedLibrary("stdc++"),
      ]),
    .target(
      name: "Linux",
      dependencies: ["EventLoop", "Appliance", "Archive", "Feed", "Noise", "Wire", "CLinux"],
      swiftSettings: device),
    .executableTarget(
      name: "watchpost", dependencies: ["Linux", "EventLoop", "Appliance", "Wire", "CLinux"],
      swiftSettings: device),
    .executableTarget(name: "StandIn", dependencies: ["CLinux"], swiftSettings: device),

    // Host.
    .systemLibrary(name: "CEpoll"),
    .target(
      name: "LoadGenerator",
      dependencies: [
        "Noise", "Wire", "CEpoll", .product(name: "Histogram", package: "hdrhistogram-swift"),
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "HeapModule", package: "swift-collections"),
      ]),
    .target(
      name: "LoadPlan", dependencies: [.product(name: "Yams", package: "Yams")],
      exclude: ["Plans.md"]),
    .target(name: "LoadReport"),
    .target(
      name: "LoadTest",
      dependencies: [
        "LoadGenerator", "LoadPlan", "LoadReport", "ControlClient", "Noise", "Wire",
      ]),
    .executableTarget(
      name: "wpload",
      dependencies: [
        "LoadTest", "LoadGenerator", "LoadPlan", "LoadReport", "ControlClient", "Signals", "Wire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .target(name: "Signals"),
    .target(name: "EmulatedBoard"),
    .executableTarget(
      name: "usbcam",
      dependencies: [
        "EmulatedBoard", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(
      name: "emulated-board",
      dependencies: [
        "EmulatedBoard", "Signals", "Wire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .target(
      name: "ControlClient",
      dependencies: [
        "Wire", "Noise", "CSodium", .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ], exclude: ["Schemas"]),
    .executableTarget(
      name: "wpctl",
      dependencies: [
        "ControlClient", "Signals", "Wire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .target(name: "Simulation", dependencies: ["EventLoop", "Appliance", "Noise", "Wire"]),
    .executableTarget(
      name: "simulate",
      dependencies: [
        "Simulation", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .executableTarget(
      name: "bench",
      dependencies: [
        "LoadGenerator", "Wire", "StandInDriver",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], path: "Tests/Benchmarks/bench"),

    // Built with AddressSanitizer by Tests/campaign access.
    .executableTarget(
      name: "access-campaign",
      dependencies: ["EventLoop", "Appliance", "Noise", "Wire", "CSodium"],
      path: "Tests/Campaigns/mutations"),

    .testTarget(name: "EmulatedBoardTests", dependencies: ["EmulatedBoard"]),
    .testTarget(
      name: "BoardTests",
      dependencies: ["EmulatedBoard", "ControlClient", "Appliance", "Wire", "StandInDriver"]),
    .testTarget(name: "WireTests", dependencies: ["Wire"]),
    .testTarget(name: "LoadGeneratorTests", dependencies: ["LoadGenerator", "Noise", "Wire"]),
    .testTarget(name: "LoadPlanTests", dependencies: ["LoadPlan"]),
    .testTarget(name: "LoadReportTests", dependencies: ["LoadReport"]),
    .testTarget(
      name: "LoadTestTests",
      dependencies: [
        "LoadTest", "LoadGenerator", "LoadPlan", "LoadReport", "ControlClient", "Noise", "Wire",
        "wpload",
      ]),
    .testTarget(name: "WploadTests", dependencies: ["wpload"]),
    .testTarget(
      name: "ControlClientTests",
      dependencies: [
        "ControlClient", "Signals", "Wire", "Noise", "Appliance", "wpctl",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
      ]),
    .target(name: "MadeFilms", path: "Tests/MadeFilms"),
    .testTarget(name: "ArchiveTests", dependencies: ["Archive", "Wire", "MadeFilms"]),
    .testTarget(name: "FeedTests", dependencies: ["Feed", "Wire"]),
    .testTarget(name: "ApplianceTests", dependencies: ["Appliance", "Wire"]),
    .testTarget(name: "NoiseTests", dependencies: ["Noise", "CSodium", "Wire"]),
    .testTarget(name: "EventLoopTests", dependencies: ["EventLoop", "Appliance", "Noise", "Wire"]),
    .testTarget(name: "SimulationTests", dependencies: ["Simulation"]),
    .testTarget(
      name: "SessionTests",
      dependencies: [
        "ControlClient", "EventLoop", "Appliance", "Noise", "Wire",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
      ]),
    .testTarget(
      name: "AgentTests",
      dependencies: [
        "watchpost", "StandIn", "ControlClient", "Noise", "Wire", "StandInDriver",
      ]),
    .testTarget(name: "TidyTests"),
    .target(name: "StandInDriver", path: "Tests/StandInDriver"),
    .testTarget(name: "StandInTests", dependencies: ["StandIn", "StandInDriver"]),
    .testTarget(
      name: "LinuxTests",
      dependencies: [
        "Linux", "CLinux", "Appliance", "Archive", "Feed", "Noise", "Wire", "StandInDriver",
        "MadeFilms", "watchpost",
      ]),
  ],
  swiftLanguageModes: [.v6]
)

// Built by Tests/Campaigns/fuzz alone: every module is compiled with the instrumentation of
// libFuzzer, and their insides can be seen. What the parsers ask the kernel is answered from the
// input (Tests/Fuzzers/world).
if Context.environment["WATCHPOST_FUZZERS"] != nil {
  let wrapped = [
    "open", "close", "ioctl", "mmap", "munmap", "lx_sleep_ms", "lx_set_address",
    "lx_clear_address", "lx_add_gateway", "lx_replace_file", "lx_unlink", "udev_new",
    "udev_monitor_new_from_netlink",
    "udev_monitor_set_receive_buffer_size", "udev_monitor_filter_add_match_subsystem_devtype",
    "udev_monitor_enable_receiving", "udev_monitor_get_fd", "udev_monitor_receive_device",
    "udev_device_get_action", "udev_device_get_sysname", "udev_device_get_sysattr_value",
    "udev_device_get_parent_with_subsystem_devtype", "udev_device_get_parent",
    "udev_device_unref",
  ]
  package.targets += [
    .target(name: "CWorld", dependencies: ["CLinux"], path: "Tests/Fuzzers/world"),
    .executableTarget(
      name: "fuzz",
      dependencies: ["CWorld", "Linux", "CLinux", "Feed", "Archive", "Appliance", "Noise", "Wire"],
      path: "Tests/Fuzzers", exclude: ["corpora", "world"],
      linkerSettings: [
        .linkedLibrary("stdc++"),
        .unsafeFlags(wrapped.flatMap { ["-Xlinker", "--wrap=\($0)"] }),
      ]),
  ]
}
