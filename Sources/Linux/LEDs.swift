import Appliance
import CLinux
import Wire

/// The three LEDs, wherever the configuration says they hang.
struct LEDs {
  private enum Line {
    case none
    /// It could not be opened, or stopped obeying.
    case broken
    case gpio(Int32)
    case sysfs(Text<64>)
  }

  private var lines = InlineArray<3, Line>(repeating: .none)

  /// Opens all of them. Returns what failed, as positive errnos; 0: nothing.
  mutating func open(_ mappings: InlineArray<3, LEDMapping>) -> InlineArray<3, Int32> {
    var errors = InlineArray<3, Int32>(repeating: 0)
    for index in 0..<3 {
      let mapping = mappings[index]
      switch mapping.place {
      case .none: continue
      case .gpioOffset, .gpioName: errors[index] = openLine(index, mapping)
      case .sysfs: errors[index] = openSysfs(index, mapping)
      }
    }
    return errors
  }

  private mutating func openLine(_ index: Int, _ mapping: LEDMapping) -> Int32 {
    let line = mapping.target.withCString {
      mapping.place == .gpioName
        ? lx_gpio_open(nil, 0, $0, mapping.activeLow ? 1 : 0)
        : lx_gpio_open($0, mapping.offset, nil, mapping.activeLow ? 1 : 0)
    }
    lines[index] = line < 0 ? .broken : .gpio(line)
    return line < 0 ? -line : 0
  }

  private mutating func openSysfs(_ index: Int, _ mapping: LEDMapping) -> Int32 {
    var folder = Text<64>("/sys/class/leds/")
    folder.append(mapping.target)
    // A trigger of the kernel's (heartbeat, mmc0) would fight with us; not every LED has one.
    var trigger = Text<80>(folder)
    trigger.append("/trigger")
    _ = write("none", to: trigger)
    var brightness = folder
    brightness.append("/brightness")
    lines[index] = .sysfs(brightness)
    let error = set(index, mapping.activeLow)
    if error != 0 { lines[index] = .broken }
    return error
  }

  /// True when the LED can be driven.
  func isAvailable(_ index: Int) -> Bool {
    switch lines[index] {
    case .none, .broken: false
    case .gpio, .sysfs: true
    }
  }

  /// Switches an LED. Returns a positive errno, 0 on success and for an LED that is not there.
  mutating func set(_ index: Int, _ on: Bool) -> Int32 {
    switch lines[index] {
    case .none, .broken: 0
    case .gpio(let line): -lx_gpio_set(line, on ? 1 : 0)
    // 255 is full brightness for any LED: the kernel cuts at max_brightness.
    case .sysfs(let path): write(on ? "255" : "0", to: path)
    }
  }

  private func write<let capacity: Int>(_ text: StaticString, to path: Text<capacity>) -> Int32 {
    -path.withCString { lx_write_file($0, text.utf8Start, text.utf8CodeUnitCount) }
  }
}
