import ArgumentParser
import ControlClient
import Foundation
import Wire

struct SupportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "support", abstract: "Collects what somebody needs who shall help, in one file.",
    discussion: """
      A tar archive of the device's state, its cameras, its files' names and its logs of this boot \
      and the one before, as JSON and text. Passwords, tokens and keys are replaced by `***`; \
      pictures are not in it. What could not be collected stands in its manifest.json.
      """)

  @OptionGroup var options: GlobalOptions
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Where to write it. Default: support-HOST-TIME.tar.", valueName: "file"))
  var output: String?

  func run() async throws {
    let connection = try await options.connect()
    let now = Date()
    let bundle = await SupportBundle.collect(connection, at: now)
    await connection.close()
    guard !bundle.manifest.files.isEmpty else {
      throw connection.endReason ?? ControlError.closed(connection.device)
    }
    let file = output ?? Self.name(connection.device, now)
    do {
      try Data(try bundle.bytes()).write(to: URL(filePath: file), options: .atomic)
    } catch {
      throw Unwritable(file: file, reason: (error as NSError).localizedDescription)
    }
    if options.json { return try Console.document(bundle.manifest) }
    for failure in bundle.manifest.failed {
      Console.complain("\(failure.name) is not in it: \(failure.reason.printable)")
    }
    Console.line("\(file): \(bundle.manifest.files.count) files of \(connection.device)")
  }

  /// `support-10.0.0.5-20260101T000000Z.tar`
  private static func name(_ device: DeviceAddress, _ time: Date) -> String {
    let host = device.host.map {
      $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") ? $0 : "-"
    }
    let stamp = time.formatted(
      Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted))
    return "support-\(String(host))-\(stamp).tar"
  }
}
