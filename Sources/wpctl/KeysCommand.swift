import ArgumentParser
import ControlClient
import Foundation

struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Shows this client's key.",
    subcommands: [Mine.self])

  struct Mine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints this client's public key: what an admin gives to `wpctl keys add`.",
      discussion: """
        Makes one where there is none. The fingerprint is the first 16 bytes of the SHA-256 of the \
        public key.
        """)
    @OptionGroup var options: GlobalOptions

    func run() async throws {
      let identity = try ClientIdentity.findOrMake(in: options.folder)
      let key = OwnKeyDocument(identity, in: options.folder)
      if options.json { return try Console.document(key) }
      var facts = TextFacts()
      facts.add("Public key", key.publicKey)
      facts.add("Fingerprint", key.fingerprint)
      facts.add("Folder", key.folder)
      facts.print()
    }
  }
}
