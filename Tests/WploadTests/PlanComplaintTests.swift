import Foundation
import Testing

/// Plans that are none.
@Suite struct PlanComplaintTests {
  static let sound = """
    name: small
    summary: "A few questions."
    classes:
      users:
        mix:
          ping: 1
    stages:
      - name: only
        users: 3
        rate: 10/s
        duration: 1s

    """

  static let broken: [(from: String, to: String, line: Int, word: String)] = [
    ("rate: 10/s", "rats: 10/s", 10, "rats"), ("users: 3", "users: three", 9, "three"),
    ("rate: 10/s", "rate: -10/s", 10, "rate"), ("ping: 1", "dance: 1", 6, "dance"),
    ("ping: 1", "[ping", 7, "YAML"),
  ]

  @Test(arguments: broken)
  func theLineIsNamed(from: String, to: String, line: Int, word: String) async throws {
    let place = try Place()
    let text = Self.sound.replacingOccurrences(of: from, with: to)
    let plan = try place.file("plan.yaml", text)
    let run = try await wpload("run", plan, "--out", place.results)
    #expect(run.code == 2)
    let sentence = run.sentence()
    #expect(sentence.hasPrefix("\(plan):\(line):") && sentence.contains(word), "\(sentence)")
    #expect(run.output == "" && !FileManager.default.fileExists(atPath: place.results))
  }

  @Test func whatIsNoFileIsNamed() async throws {
    let place = try Place()
    let large = try place.file("large.yaml", String(repeating: "#\n", count: 5 << 20))
    let cases = [
      ("\(place.path)/none.yaml", "No such file or directory"), (place.path, "Is a directory"),
      (large, "larger than 64 KiB"), (try place.file("empty.yaml", ""), "no plan is here"),
      // Nobody, not even root, reads the first page of memory.
      ("/proc/self/mem", "Input/output error"), ("no-such-plan", "`wpload plans` lists"),
    ]
    for (file, reason) in cases {
      let run = try await wpload("run", file, "--out", place.results)
      #expect(run.code == 2)
      let sentence = run.sentence()
      #expect(sentence.hasPrefix(file) && sentence.contains(reason), "\(sentence)")
      #expect(run.seconds < 120)
    }
    #expect(!FileManager.default.fileExists(atPath: place.results))
  }

  @Test func optionsOutOfRangeAreRefused() async throws {
    let options = [
      ["--threads", "0"], ["--seconds", "-1"], ["--seconds", "nan"], ["--users", "1000000"],
      ["--target", "host:99999"], ["--seed", "-1"], ["--fast"],
    ]
    for option in options {
      let run = try await WploadProcess(["run", "baseline"] + option).end()
      #expect(run.code == 2 && run.output == "" && run.complaint.contains(option[0]), "\(option)")
    }
  }
}
