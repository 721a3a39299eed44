import LoadPlan
import Testing

/// Whatever stands in a file: it is a plan, or one sentence says why not.
@Suite struct PlanFuzzTests {
  private static let pieces = [
    "- ", ": ", "[", "]", "{", "}", "\"", "'", "#", "|", ">", "?", "*a", "&a", "!!int", "<<: ", "%",
    "\t", "\r\n", "\n", "---\n", "...\n", "\\", "\\uD800", "\u{0}", "é", "\u{2028}", "\u{FEFF}",
    "~",
    "1e999", "-1", "0", "0x10", "99999999999999999999", "1..2", "10/s", "ms", "0ms", "nan", "null",
    "stages:\n", "ladder:\n", "name: a\n", "  - name: b\n", "work: visitor\n", "mix: {ping: 1}\n",
  ]

  private static func mutated(_ text: String, _ source: inout Seeded) -> [UInt8] {
    var bytes = Array(text.utf8)
    for _ in 0..<Int.random(in: 1...3, using: &source) {
      let place = Int.random(in: 0...bytes.count, using: &source)
      let end = min(bytes.count, place + Int.random(in: 0...12, using: &source))
      switch Int.random(in: 0..<6, using: &source) {
      case 0: bytes.insert(contentsOf: (pieces.randomElement(using: &source) ?? "").utf8, at: place)
      case 1: bytes.removeSubrange(place..<end)
      case 2:
        bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...place, using: &source))
      case 3 where place < bytes.count: bytes[place] = .random(in: 0...255, using: &source)
      case 4 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &source)
      default:
        var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        lines.swapAt(
          .random(in: lines.indices, using: &source), .random(in: lines.indices, using: &source))
        bytes = Array(lines.joined(separator: [0x0A]))
      }
    }
    return bytes
  }

  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func mutatedTextsArePlansOrErrors(seed: UInt64) {
    var source = Seeded(seed)
    let texts = [Texts.stages, Texts.ladder] + Plan.builtIn.map(\.text)
    var (plans, errors) = (0, 0)
    for number in 0..<500 {
      let bytes = PlanFuzzTests.mutated(texts.randomElement(using: &source) ?? "", &source)
      do throws(PlanError) {
        let plan = try PlanReader.read(bytes, file: "f")
        plans += 1
        #expect(Texts.refusal(plan.text) == "", "seed \(seed), number \(number)")
        #expect(plan.dealt(50).count == 50)
        #expect(Texts.refusal(plan.shortened(to: 2, users: 10).text) == "", "shortened")
      } catch {
        errors += 1
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).count
        #expect((1...lines + 1).contains(error.line) && error.column > 0, "\(error)")
        #expect(error.text.hasSuffix(".") && error.text.contains(";"), "\(error)")
        #expect(!error.text.contains("\n"), "\(error)")
      }
    }
    // Neither way is unvisited.
    #expect(plans > 10 && errors > 100, "\(plans) plans, \(errors) errors")
  }
}
