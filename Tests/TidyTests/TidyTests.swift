import Foundation
import Testing

/// The house rules that a machine can check. Each failure names the file, the line and the rule.
@Suite struct TidyTests {
  @Test func theTreeIsThere() {
    // Without this, an empty listing would let every rule below pass.
    #expect(SourceTree.swift.count > 20)
    #expect(SourceTree.paths.contains("Package.swift"))
  }

  @Test func topLevelHoldsOnlyTheAgreedNames() {
    let agreed: Set = ["Package.swift", "Sources", "Tests", "board", "image", "README.md"]
    let names = Set(SourceTree.paths.map { String($0.prefix { $0 != "/" }) })
    #expect(names.filter { !$0.hasPrefix(".") }.subtracting(agreed) == [])
  }

  @Test func filesAreOfReadableSize() {
    for file in SourceTree.swift where file.lines.count > 401 {
      Issue.record("\(file.path): \(file.lines.count - 1) lines, at most 400")
    }
  }

  @Test func linesFitTheScreen() {
    for file in SourceTree.swift {
      for (index, line) in file.lines.enumerated() where line.count > 100 {
        Issue.record("\(file.path):\(index + 1): \(line.count) columns, at most 100")
      }
    }
  }

  /// Dependencies point one way: Wire ← Appliance ← EventLoop ← Linux ← watchpost,
  /// Wire ← Feed, Archive ← Linux, Wire ← Noise ← EventLoop, EventLoop ← Simulation ← simulate, and
  /// Wire, Noise ← ControlClient ← tools. A module that is not listed may not exist.
  static let imports: [String: Set<String>] = [
    "Wire": ["CChecksum"],
    "Feed": ["Wire"],
    "Archive": ["Wire"],
    "Appliance": ["Wire"],
    "Noise": ["Wire", "CSodium"],
    "EventLoop": ["Appliance", "Noise", "Wire"],
    "Linux": [
      "EventLoop", "Appliance", "Archive", "Feed", "Noise", "Wire", "CLinux", "Synchronization",
    ],
    "watchpost": ["Linux", "EventLoop", "Appliance", "Wire", "CLinux"],
    "StandIn": ["CLinux"],
    "LoadGenerator": [
      "Noise", "Wire", "CEpoll", "Histogram", "DequeModule", "HeapModule", "Synchronization",
      "Glibc",
    ],
    "LoadPlan": ["Yams", "Glibc"],
    "LoadReport": ["Foundation"],
    "LoadTest": [
      "LoadGenerator", "LoadPlan", "LoadReport", "ControlClient", "Noise", "Wire", "Foundation",
      "Glibc", "Synchronization",
    ],
    "wpload": [
      "LoadTest", "LoadGenerator", "LoadPlan", "LoadReport", "ControlClient", "Signals",
      "Wire", "ArgumentParser", "Foundation",
    ],
    "Simulation": ["EventLoop", "Appliance", "Noise", "Wire"],
    "simulate": ["Simulation", "ArgumentParser", "Foundation"],
    "Signals": ["Dispatch", "Foundation"],
    "EmulatedBoard": ["Foundation", "Glibc", "Synchronization", "Dispatch"],
    "emulated-board": [
      "EmulatedBoard", "Signals", "Wire", "Foundation", "ArgumentParser", "Glibc", "Dispatch",
    ],
    "usbcam": ["EmulatedBoard", "Foundation", "ArgumentParser", "Glibc", "Dispatch"],
    "ControlClient": [
      "Wire", "Noise", "CSodium", "NIOCore", "NIOPosix", "NIOConcurrencyHelpers", "NIOHTTP1",
      "Foundation",
    ],
    "wpctl": [
      "ControlClient", "Signals", "Wire", "ArgumentParser", "Foundation", "NIOCore", "NIOPosix",
    ],
  ]

  @Test func importsPointOneWay() throws {
    let pattern =
      #/
      ^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal)\s)?
      import\s(?:(?:struct|func|class|enum|protocol|let|var|typealias)\s)?(\w+)
      /#
    for file in SourceTree.swift where file.path.hasPrefix("Sources/") {
      let module = try #require(file.module)
      guard let allowed = TidyTests.imports[module] else {
        Issue.record("\(file.path): module \(module) has no entry in the table of imports")
        continue
      }
      for (index, line) in file.lines.enumerated() {
        guard let match = line.firstMatch(of: pattern) else { continue }
        if !allowed.contains(String(match.1)) {
          Issue.record("\(file.path):\(index + 1): \(module) must not import \(match.1)")
        }
      }
    }
  }

  /// The only files that may know which of the two builds they are in.
  static let embeddedAware: Set<String> = []

  @Test func onlyListedFilesKnowTheBuild() {
    for file in SourceTree.swift where file.path.hasPrefix("Sources/") {
      for (index, line) in file.lines.enumerated()
      where line.contains("hasFeature(Embedded)") && !TidyTests.embeddedAware.contains(file.path) {
        Issue.record("\(file.path):\(index + 1): not in the list of build-aware files")
      }
      for (index, line) in file.lines.enumerated() where line.contains("#if os(") {
        Issue.record("\(file.path):\(index + 1): os(…) is false in the embedded build")
      }
    }
  }

  static let pure = ["Wire", "Feed", "Archive", "Appliance", "Noise"]

  @Test func pureModulesUseNoHeapAndNoClock() {
    // The embedded build forbids allocation by flag; these words catch what only it would find.
    let forbidden =
      #/
      \b(class|any\s[A-Z]|Array|Dictionary|Set|String)\b(?!\()|\.map\s*\{|\bclock_gettime\b
      /#
    for file in SourceTree.swift
    where TidyTests.pure.contains(where: { file.path.hasPrefix("Sources/" + $0 + "/") }) {
      for (index, line) in file.lines.enumerated() {
        let code = line.prefix { $0 != "/" }
        guard !code.contains("\""), let match = code.firstMatch(of: forbidden) else { continue }
        Issue.record("\(file.path):\(index + 1): \(match.0) in a pure module")
      }
    }
  }

  @Test func nothingIsLeftUnfinished() {
    let words = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK", "not " + "implemented"]
    for file in SourceTree.files {
      for (index, line) in file.lines.enumerated() {
        for word in words where line.contains(word) {
          Issue.record("\(file.path):\(index + 1): \(word)")
        }
      }
    }
  }

  @Test func namesAreNounsOfTheField() {
    let pattern =
      #/
      \b(?:class|struct|enum|protocol|actor|typealias)\s+
      \w*(?:Manager|Helper|Util|Utils|Common|Handler)\b
      /#
    for file in SourceTree.swift {
      for (index, line) in file.lines.enumerated() {
        guard let match = line.firstMatch(of: pattern) else { continue }
        Issue.record("\(file.path):\(index + 1): \(match.0)")
      }
    }
  }

  @Test func theRepositorySpeaksOfTheProductAlone() {
    let home = ProcessInfo.processInfo.environment["HOME"].map { $0 + "/" }
    let root = SourceTree.root.deletingLastPathComponent().path + "/"
    let places = [root, home == "/" ? nil : home, "../" + "shared"].compactMap(\.self)
    let registry = /https?:\/\/[a-z0-9.\/-]*(debian|pypi|pythonhosted)/
    for file in SourceTree.files {
      for (index, line) in file.lines.enumerated() {
        for place in places where line.contains(place) {
          Issue.record("\(file.path):\(index + 1): names \(place)")
        }
        if line.contains(registry) {
          Issue.record("\(file.path):\(index + 1): names a package archive")
        }
      }
    }
  }

  @Test func noBinaryAndNothingLargeIsCommitted() throws {
    for path in SourceTree.paths {
      let bytes = try Data(contentsOf: SourceTree.root.appending(path: path))
      #expect(bytes.count <= 512 * 1024, "\(path) has \(bytes.count) bytes")
      #expect(!bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]), "\(path) is a program")
    }
  }

  /// The documentation catalogue's text is excluded from the module, its folder must still exist.
  @Test func theSpecificationLiesBesideItsCode() {
    #expect(SourceTree.paths.contains { $0.hasPrefix("Sources/Wire/Wire.docc/") })
  }
}
