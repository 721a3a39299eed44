/// What a person does to a running board besides power, console, cameras and cable.
extension EmulatedBoard {
  // MARK: Card

  /// Makes the card hang from now on – requests are neither answered nor refused, except perhaps
  /// one that comes right now – or work again; what had been hanging then completes.
  public func setCardHanging(_ hanging: Bool) async throws {
    let monitor = try running().monitor
    let limits: JSONValue =
      hanging ? ["bps-total": 1, "bps-total-max": 1] : ["bps-total": 0, "bps-total-max": 0]
    try await monitor.execute(
      "qom-set",
      [
        "path": .string("/objects/\(CommandLine.throttleGroup)"), "property": "limits",
        "value": limits,
      ])
    if !hanging {
      // New limits do not wake requests that sleep under the old ones; stopping the machine does,
      // because it drains the block layer first.
      try await monitor.execute("stop")
      try await monitor.execute("cont")
    }
  }

  // MARK: Pins

  /// Levels of the GPIO controller's eight lines, line 0 in bit 0.
  public func pinLevels() async throws -> UInt8 {
    // PL061 (ARM DDI 0190B), GPIODATA with all eight mask bits, at its address on `virt`.
    let text = try await running().monitor.human("xp /1xb 0x090303fc")
    guard let last = text.split(whereSeparator: \.isWhitespace).last,
      let value = UInt8(last.dropFirst(2), radix: 16)
    else { throw BoardError("QEMU's memory dump is unreadable: \(text)") }
    return value
  }

  /// Drives an input line, as a button does.
  public func drivePin(_ line: Int, high: Bool) async throws {
    guard let probe = try running().probe else {
      throw BoardError("Driving pins needs `watchesPins`.")
    }
    try await probe.drive(line: line, high: high)
  }

  // MARK: Monitor

  /// Executes a QMP command, for what this class has no word for.
  @discardableResult
  public func monitor(
    _ command: String, _ arguments: [String: JSONValue] = [:]
  ) async throws -> JSONValue {
    try await running().monitor.execute(command, arguments)
  }

  /// Stops the machine's time altogether, and lets it run again.
  public func setPaused(_ paused: Bool) async throws {
    try await running().monitor.execute(paused ? "stop" : "cont")
  }
}
