import Glibc

/// libFuzzer without a main function of its own (compiler-rt, `fuzzer_no_main`).
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ run: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// The fuzzer of this process.
private nonisolated(unsafe) var chosen = Fuzzer.planted

/// `Tests/Campaigns/fuzz` calls this after it has built it.
@main struct Fuzz {
  private static let usage = """
    fuzz NAME [LIBFUZZER-OPTION | FOLDER]...   runs a fuzzer
    fuzz --list                                names all fuzzers but `planted`
    fuzz --seeds NAME FOLDER [HEX-FILE]...     writes its seeds, and the inputs of files, as files
    fuzz --hex FOLDER                          writes a folder's inputs as lines of such a file

    """
  /// What a process that libFuzzer itself starts is told its fuzzer by.
  private static let variable = "WATCHPOST_FUZZER"

  static func main() {
    let words = CommandLine.arguments
    switch words.dropFirst().first {
    case "--list": for fuzzer in Fuzzer.all { print(fuzzer.name) }
    case "--seeds" where words.count >= 4:
      HexCorpus.write(fuzzer(words[2]).seeds(), into: words[3])
      for (number, path) in words.dropFirst(4).enumerated() {
        HexCorpus.unpack(path, into: words[3], as: "kept-\(number)")
      }
    case "--hex" where words.count == 3: HexCorpus.pack(words[2])
    case let name? where !name.hasPrefix("--"): exit(run(name))
    default: stop(usage)
    }
  }

  private static func fuzzer(_ name: String) -> Fuzzer {
    guard let found = ([Fuzzer.planted] + Fuzzer.all).first(where: { $0.name == name }) else {
      stop("fuzz: there is no fuzzer \"\(name)\"; see fuzz --list.\n")
    }
    return found
  }

  private static func stop(_ text: String) -> Never {
    complain(text)
    exit(2)
  }

  /// Hands libFuzzer its arguments: all but the name.
  private static func run(_ name: String) -> Int32 {
    var arguments = Array(
      UnsafeBufferPointer(
        start: CommandLine.unsafeArgv, count: Int(CommandLine.argc)))
    if name.hasPrefix("-") {
      guard let given = getenv(variable) else { stop(usage) }
      chosen = fuzzer(String(cString: given))
    } else {
      chosen = fuzzer(name)
      arguments.remove(at: 1)
    }
    setenv(variable, chosen.name, 1)
    arguments.insert(strdup("-max_len=\(chosen.longest)"), at: 1)
    var count = Int32(arguments.count)
    arguments.append(nil)
    return arguments.withUnsafeMutableBufferPointer { words in
      var start = words.baseAddress!
      return runDriver(&count, &start) { bytes, count in
        chosen.run(UnsafeRawBufferPointer(start: bytes, count: count))
        return 0
      }
    }
  }
}
