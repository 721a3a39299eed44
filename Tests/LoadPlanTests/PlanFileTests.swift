import Foundation
import LoadPlan
import Testing

/// A plan's way from a file.
@Suite struct PlanFileTests {
  private func said(of path: String) -> String {
    do throws(PlanError) {
      _ = try PlanReader.read(file: path)
      return ""
    } catch {
      return error.description
    }
  }

  @Test func aFileIsReadAndErrorsCallItByItsName() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).yaml")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(Texts.stages.utf8).write(to: file)
    #expect(try PlanReader.read(file: file.path) == PlanReader.read(Texts.stages, file: ""))
    try Data(Texts.stages("users: 20", "users: ten").utf8).write(to: file)
    #expect(
      said(of: file.path)
        == "\(file.path):20:12: \"ten\" is no number of users; write a whole number from 1 to "
        + "16384."
    )
  }

  @Test func whatIsNoFileIsRefused() {
    #expect(
      said(of: "/nowhere/noon.yaml")
        == "/nowhere/noon.yaml: cannot be read (No such file or directory); name a plan file, or "
        + "one that `wpload plans` lists.")
    #expect(
      said(of: "/")
        == "/: cannot be read (Is a directory); name a plan file, or one that `wpload plans` lists."
    )
  }

  @Test func aFileOfMoreThan64KiBIsRefused() {
    let large = Texts.stages + String(repeating: "#", count: 64 * 1024 - Texts.stages.utf8.count)
    #expect(Texts.refusal(large) == "")
    let refusal = "is larger than 64 KiB, which no plan is; name another file."
    #expect(Texts.refusal(large + "#") == "noon.yaml: " + refusal)
    // It has no end.
    #expect(said(of: "/dev/zero") == "/dev/zero: " + refusal)
  }

  @Test func onlyUTF8IsText() {
    let latin = Texts.stages("looks", "schaut f?r").utf8.map { $0 == 0x3F ? 0xFC : $0 }
    #expect(Texts.refusal(latin) == "noon.yaml:2:29: this is no UTF-8; save the file as UTF-8.")
    let short = Array(Texts.stages.utf8) + [0xE2, 0x82]
    #expect(Texts.refusal(short) == "noon.yaml:32:1: this is no UTF-8; save the file as UTF-8.")
    let utf16: [UInt8] = [0xFF, 0xFE] + Texts.stages.utf8.flatMap { [$0, 0] }
    #expect(Texts.refusal(utf16) == "noon.yaml:1:1: this is no UTF-8; save the file as UTF-8.")
  }

  @Test func aFileOfAnotherSystemIsRead() throws {
    let plan = try PlanReader.read(Texts.stages, file: "")
    let lines = Texts.stages.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(try PlanReader.read(lines.joined(separator: "\r\n"), file: "") == plan)
    #expect(try PlanReader.read("\u{FEFF}" + Texts.stages, file: "") == plan)
  }

  @Test func deepNestingIsRefusedWithoutTakingTheStack() {
    let refusal = "this is nested a thousand levels deep; a plan has three."
    #expect(Texts.refusal(String(repeating: "[", count: 60_000)) == "noon.yaml:1:1: " + refusal)
    #expect(Texts.refusal(String(repeating: "- ", count: 30_000)) == "noon.yaml:1:1999: " + refusal)
    let list = String(repeating: "[", count: 999) + String(repeating: "]", count: 999)
    #expect(
      Texts.refusal(list) == "noon.yaml:1:1: a list is no plan; write lines of `KEY: VALUE`.")
  }

  /// Yams compares keys by what their aliases stand for: 2^40 lists here.
  @Test func aliasesOfAliasesTakeNoTime() {
    let lines = (1...40).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1)]\n" }.joined()
    #expect(
      Texts.refusal("a0: &a0 [1]\n" + lines + "*a40 : 1\n*a39 : 1\n").hasPrefix("noon.yaml:1:5: "))
  }

  @Test func signsOfYAMLMayStandInWordsCommentsAndAlone() {
    #expect(Texts.refusal(Texts.stages("Everybody looks.", "R&D * 2 & 3 looks!")) == "")
    #expect(Texts.refusal("# *all* of &it !now\n" + Texts.stages) == "")
  }
}
