import Appliance
import CLinux
import EventLoop
import Wire

/// What the agent opens after the control port listens: each may be missing, and then is a fact.
extension LinuxSystem {
  mutating func openBoard(watchdog: Int32, _ facts: BootFacts) {
    self.watchdog = watchdog
    boot = facts
    readBoot()
    let ledErrors = leds.open(configuration.leds)
    for index in 0..<3 {
      boot.ledAvailable[index] = leds.isAvailable(index)
      if ledErrors[index] != 0, let led = LED(rawValue: index) {
        tell(.ledFailed(led, errno: ledErrors[index]))
      }
    }
    openButton()
    leftoverEnded = Leftover.end(notedIn: mediaNote)
    mailbox = runPath("/agent.sock").withCString { lx_mailbox_open($0) }
    watch(mailbox, .mailbox)
    openStorage()
    openNetwork()
    if lx_clock_synchronised() { tell(.clockTrusted(unixMs: lx_wall_time_ms())) }
  }

  private mutating func openButton() {
    let mapping = configuration.access.button
    guard mapping.place != .none else { return }
    var isDown: Int32 = 0
    button = mapping.target.withCString {
      mapping.place == .gpioName
        ? lx_button_open(nil, 0, $0, mapping.activeLow ? 1 : 0, &isDown)
        : lx_button_open($0, mapping.offset, nil, mapping.activeLow ? 1 : 0, &isDown)
    }
    guard button >= 0 else {
      var line = Text<160>("the button's line cannot be opened (errno ")
      line.append(decimal: UInt64(-button))
      line.append("); see access.button")
      note(LogLine(.warning, line))
      return
    }
    watch(button, .button)
    // One that is down at the start is stuck, or held by somebody who wants something else.
    boot.buttonIsDown = isDown != 0
  }

  /// Begins to look for cameras. Last, so that nothing is told of them before the start.
  mutating func openDevices() {
    guard configuration.cameras.enabled else { return }
    watch(devices.open(), .udev)
    boot.udevAvailable = devices.isAvailable
    startPictureWorker()
  }

  private mutating func readBoot() {
    boot.agentStarts = AgentEnvironment.number(AgentEnvironment.starts) ?? 1
    boot.bootID = BootIdentity.read()
    // Boards have a device tree, PCs have DMI.
    readBoardName("/proc/device-tree/model")
    if boot.board.isEmpty { readBoardName("/sys/class/dmi/id/product_name") }
  }

  private mutating func readBoardName(_ path: StaticString) {
    let length = lx_read_file(path.cString, scratch.baseAddress!, 64)
    for index in 0..<max(0, Int(length)) where scratch[index] >= 0x20 {
      boot.board.append(scratch[index])
    }
  }

  // MARK: Storage

  private mutating func openStorage() {
    if let number = AgentEnvironment.number(AgentEnvironment.storage) {
      // Under our init, which says when the partition is there: until then /data is an empty folder
      // of the root file system.
      let state = StorageFacts.State(rawValue: UInt8(truncatingIfNeeded: number)) ?? .unknown
      storage.partition = .known(state)
      if state == .missing { tell(.storageChanged(storage.judged)) }
    } else {
      // No init of ours: the folder is an ordinary one, and ours to make.
      _ = configuration.dataDirectory.withCString { lx_make_folders($0) }
    }
    startStorageWhenMounted()
  }

  /// Starts the worker where the partition is there and no worker runs.
  mutating func startStorageWhenMounted() {
    guard storage.isWanted else { return }
    let channel = storage.start(
      &children, dataDirectory: configuration.dataDirectory, boot, now: now)
    watch(channel, .storage)
    if storage.takeBeginning() { tell(.storageStarted) }
  }

  /// Adds what earlier boots have left, if it is known by now; otherwise it is told later.
  mutating func takeHistory() {
    if let history = storage.history { boot.add(history) }
  }

  // MARK: Network

  private mutating func openNetwork() {
    guard configuration.network.mode != .off else {
      // Somebody else's network: it counts as up.
      tell(.networkChanged(address: configuration.control.address, linkUp: true))
      return
    }
    network = RouteMonitor(interface: configuration.network.interface)
    guard let descriptor = network?.descriptor, let state = network?.state() else { return }
    watch(descriptor, .network)
    tell(.networkChanged(address: state.address, linkUp: state.linkUp))
  }
}

/// What the kernel calls this boot.
enum BootIdentity {
  /// `/proc/sys/kernel/random/boot_id`: 36 characters, 16 bytes in hexadecimal with four dashes
  /// (random(4)). Zeros where it cannot be read.
  static func read() -> InlineArray<16, UInt8> {
    var identity = InlineArray<16, UInt8>(repeating: 0)
    withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { text in
      let path: StaticString = "/proc/sys/kernel/random/boot_id"
      let count = lx_read_file(path.cString, text.baseAddress!, text.count)
      var digits = 0
      for index in 0..<max(0, Int(count)) {
        guard let digit = hexadecimalDigit(text[index]), digits < 32 else { continue }
        identity[digits / 2] = identity[digits / 2] << 4 | digit
        digits += 1
      }
    }
    return identity
  }

  private static func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
