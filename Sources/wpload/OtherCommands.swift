import ArgumentParser
import Foundation
import LoadPlan
import LoadReport
import LoadTest

struct PlansCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plans", abstract: "Lists the built-in plans, or prints one to be changed.")

  @Argument(help: "The plan whose text is printed.")
  var name: String?

  func run() throws {
    guard let name else {
      for plan in Plan.builtIn {
        let pad = String(repeating: " ", count: max(1, 13 - plan.name.count))
        print("\(plan.name)\(pad)\(plan.summary)")
      }
      return
    }
    guard let plan = Plan.builtIn(named: name) else {
      throw ValidationError("There is no plan `\(name)`; `wpload plans` lists them.")
    }
    print(plan.text, terminator: "")
  }
}

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Prints the report of a run, and writes its pages anew.")

  @Argument(help: "The folder of the results, or its summary.json.")
  var result: String

  func run() throws {
    let (run, folder) = try ResultFolder.read(result)
    print(TextReport(run).text)
    try folder?.writePages(run)
  }
}

struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Says in what two runs of a plan differ, where chance does not explain it.")

  @Argument(help: "The run before.")
  var before: String

  @Argument(help: "The run after.")
  var after: String

  func run() throws {
    let runs = (try ResultFolder.read(before).run, try ResultFolder.read(after).run)
    print(Comparison(runs.0, runs.1).text)
    guard runs.0.plan == runs.1.plan else {
      throw OtherPlans(before: runs.0.plan, after: runs.1.plan)
    }
  }
}
