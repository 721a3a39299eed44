import Wire

extension Appliance {
  /// The answer to `cameraRecovery`.
  public func writeRecovery(
    _ name: Name, now: Instant, into writer: inout ByteWriter
  ) throws(Status) {
    guard let index = cameras.index(of: name) else { throw .unknownCamera }
    let recovery = cameras.table[index].recovery
    var report = RecoveryReport()
    report.camera = name
    report.rung = Code(recovery.rung)
    report.attempts = recovery.history.attempts
    if recovery.rung != .none, cameras.table[index].nextAttempt != .never {
      report.nextInMs = UInt32(clamping: max(1, cameras.table[index].nextAttempt.since(now)))
    }
    report.reopens = recovery.history.reopens
    report.restarts = recovery.history.restarts
    report.reauthorisations = recovery.history.reauthorisations
    report.powerCycles = recovery.history.powerCycles
    report.recoveries = recovery.recoveries
    report.count = UInt16(recovery.history.count)
    report.encode(into: &writer)
    for entry in 0..<recovery.history.count {
      let step = recovery.history[entry]
      var told = RecoveryStep()
      told.atMs = step.at.ms
      told.rung = Code(step.rung)
      told.outcome = Code(step.outcome)
      told.cause = Code(step.cause)
      told.encode(into: &writer)
    }
  }
}
