import ArgumentParser
import ControlClient
import Foundation
import Wire

struct SubscriptionsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "subscriptions", abstract: "Shows how events are delivered on the device.")

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    let connection = try await options.connect()
    let statistics = SubscriptionsDocument(try await connection.subscriptionStatistics())
    await connection.close()
    if options.json { return try Console.document(statistics) }
    var facts = TextFacts()
    facts.add("Subscribers", "\(statistics.subscribers)")
    facts.add("Published", "\(statistics.published) events")
    facts.add("Missed", "\(statistics.missedTotal) by subscribers that were too slow")
    facts.add("Next", "event \(statistics.nextSequence)")
    facts.print()
  }
}

struct PingCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ping", abstract: "Measures how fast the device answers.")

  @OptionGroup var options: GlobalOptions
  @Option(help: ArgumentHelp("How often.", valueName: "n")) var count = 1
  @Option(help: ArgumentHelp("Seconds between two.", valueName: "s")) var interval = 0.5
  @Option(help: ArgumentHelp("Bytes to send, 0 to 64.", valueName: "bytes")) var size = 8

  func validate() throws {
    guard count >= 1 else { throw ValidationError("`--count` is at least 1.") }
    guard interval >= 0, interval <= 3600 else {
      throw ValidationError("`--interval` is 0 to 3600 seconds.")
    }
    guard (0...Limits.pingSize).contains(size) else {
      throw ValidationError("`--size` is 0 to \(Limits.pingSize) bytes.")
    }
  }

  func run() async throws {
    let connection = try await options.connect()
    var times: [Duration] = []
    for number in 1...count {
      let time = try await connection.ping(size: size)
      times.append(time)
      if !options.json {
        let text = time.formatted(
          .units(allowed: [.milliseconds], fractionalPart: .show(length: 3)))
        Console.line("\(size) bytes from \(connection.device): seq=\(number) time=\(text)")
      }
      if number < count {
        try await Task.sleep(for: .milliseconds(Int64(interval * 1000)))
      }
    }
    await connection.close()
    if options.json { try Console.document(PingDocument(sent: count, times: times)) }
  }
}

struct IdentifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "identify", abstract: "Makes the LEDs show which box this is.")

  @OptionGroup var options: GlobalOptions
  @Option(help: ArgumentHelp("For how long, 1 to 600; 0 ends it.", valueName: "s"))
  var seconds = 30.0

  func validate() throws {
    guard seconds >= 0, seconds * 1000 <= Double(Limits.identifyMs) else {
      throw ValidationError("`--seconds` is 0 to \(Limits.identifyMs / 1000).")
    }
  }

  func run() async throws {
    let connection = try await options.connect()
    try await connection.identify(durationMs: UInt32(seconds * 1000))
    await connection.close()
    if options.json { return try Console.document(DoneDocument(.identify)) }
    Console.line(
      seconds == 0 ? "The LEDs show the health again." : "The LEDs of \(connection.device) blink.")
  }
}

struct RebootCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reboot", abstract: "Restarts the device in order.")

  @OptionGroup var options: GlobalOptions
  @Flag(help: "Do not ask on a terminal.") var yes = false

  func run() async throws {
    let device = try options.address()
    guard yes || Console.confirms("Restart \(device)?") else {
      throw CleanExit.message("Not done.")
    }
    let connection = try await options.connect()
    try await connection.reboot()
    await connection.close()
    if options.json { return try Console.document(DoneDocument(.reboot)) }
    Console.line("\(device) restarts.")
  }
}

struct ShutdownCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shutdown", abstract: "Switches the device off in order.",
    discussion: "It comes back only when its power is cut and restored.")

  @OptionGroup var options: GlobalOptions
  @Flag(help: "Do not ask on a terminal.") var yes = false

  func run() async throws {
    let device = try options.address()
    guard yes || Console.confirms("Switch \(device) off? Only its power brings it back.") else {
      throw CleanExit.message("Not done.")
    }
    let connection = try await options.connect()
    try await connection.shutdown()
    await connection.close()
    if options.json { return try Console.document(DoneDocument(.shutdown)) }
    Console.line("\(device) switches off.")
  }
}

struct DiscoverCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "discover", abstract: "Searches the local network for devices.",
    discussion: """
      Asks by multicast DNS for _watchpost._tcp.local. Ends with 4 when no device answers.
      """)

  @OptionGroup var options: GlobalOptions
  @Option(help: ArgumentHelp("Ask this mDNS responder only, by unicast.", valueName: "host:port"))
  var server: DeviceAddress?
  @Option(help: ArgumentHelp("Seconds to wait for answers.", valueName: "s")) var wait = 2.0

  func validate() throws {
    guard wait > 0, wait <= 3600 else {
      throw ValidationError("`--wait` is 0.001 to 3600 seconds.")
    }
  }

  func run() async throws {
    let found = try await Discovery.search(
      server: server, for: .milliseconds(Int64(wait * 1000)))
    if options.json { try Console.document(found.map(DeviceDocument.init)) }
    guard !found.isEmpty else {
      throw NothingCame(
        description: "No device answered; is one on this network? Otherwise name it with "
          + "`--device HOST:PORT`.")
    }
    guard !options.json else { return }
    var table = TextTable("NAME", "DEVICE", "HOST", "")
    for device in found {
      let addresses = device.addresses.map { "\(DeviceAddress(host: $0, port: device.port))" }
      table.add(
        .init(device.name), .init(addresses.joined(separator: " ")), .init(device.host),
        .init(device.texts.joined(separator: " "), .dim))
    }
    table.print()
  }
}
