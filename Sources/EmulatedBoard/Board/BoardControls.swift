/// What a person does to a running board besides power, console, cameras and cable.
extension EmulatedBoard {
  // MARK: Console

  /// Types at the serial console, as a person does who has a terminal there.
  public func type(_ text: String) throws {
    _ = try running()
    let line = try SerialLine(path: state.file("serial"))
    defer { line.hangUp() }
    try line.type(text)
  }

  // MARK: Card

  /// Makes the card hang from now on – requests are neither answered nor refused, except perhaps
  /// one that comes right now – or work again; what had been hanging then completes.
  public func setCardHanging(_ hanging: Bool) async throws {
    try await limitCard("bps-total", to: hanging ? 1 : 0)
    if !hanging { try await wakeCard() }
  }

  /// Lets the card read and write together so many bytes a second; nil: as many as it can.
  public func slowCard(to bytesPerSecond: Int?) async throws {
    let rate = Int64(bytesPerSecond ?? 0)
    try await setLimits(["bps-total": .integer(rate)])
    if bytesPerSecond == nil { try await wakeCard() }
  }

  /// New limits do not wake requests that sleep under the old ones; stopping the machine does,
  /// because it drains the block layer first.
  private func wakeCard() async throws {
    let monitor = try running().monitor
    try await monitor.execute("stop")
    try await monitor.execute("cont")
  }

  /// Lets the card take about so many bytes more and makes it hang then, in the middle of whatever
  /// the board writes. Returns once it hangs, or when `limit` is over and less was written.
  ///
  /// The board must have been configured with `cardLosesWrites`.
  public func hangCard(afterWriting bytes: Int, within limit: Duration) async throws {
    guard let losingCard else {
      throw BoardError("What is written is seen only on a card with `cardLosesWrites`.")
    }
    let until = ContinuousClock.now + limit
    let before = try losingCard.logBytes()
    try await limitCard("bps-write", to: max(1, bytes))
    while try losingCard.logBytes() < before + UInt64(max(1, bytes)), ContinuousClock.now < until {
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  /// Lets the card hang when it has taken `bytes`; 0: never. Either all of them count, or only what
  /// is written.
  private func limitCard(_ what: String, to bytes: Int) async throws {
    var limits: [String: JSONValue] = [:]
    for name in ["bps-total", "bps-write"] {
      let bytes = name == what ? bytes : 0
      limits[name] = .integer(min(1, Int64(bytes)))
      limits[name + "-max"] = .integer(Int64(bytes))
    }
    try await setLimits(limits)
  }

  private func setLimits(_ limits: [String: JSONValue]) async throws {
    try await running().monitor.execute(
      "qom-set",
      [
        "path": .string("/objects/\(CommandLine.throttleGroup)"), "property": "limits",
        "value": .object(limits),
      ])
  }

  /// Gives the card these faults, and no others, from now on and over power cuts.
  public func setCardFaults(_ faults: [CardFault]) async throws {
    let monitor = try running().monitor
    for (command, arguments) in CommandLine.changeFaults(
      from: configuration.cardFaults, to: faults)
    {
      try await monitor.execute(command, arguments)
    }
    configuration.cardFaults = faults
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
