import Appliance
import CLinux
import Wire

/// Cameras as udev tells of them: messages, and an enumeration whenever messages may be missing.
struct Devices {
  private enum State {
    /// udev is not to be had on this machine.
    case off
    /// An enumeration has begun and this has not been told yet.
    case beginning
    /// Going through what is there; messages wait meanwhile.
    case enumerating
    /// Behind the devices: the files that are played as cameras, from this one on.
    case playing(Int)
    case listening
  }
  private var state = State.off
  /// udev is to be had.
  private(set) var isAvailable = false
  private let files: InlineArray<4, Configuration.PlaybackFile>

  init(playing files: InlineArray<4, Configuration.PlaybackFile>) { self.files = files }

  /// There is something to tell that no descriptor announces: an enumeration goes on.
  var hasMore: Bool {
    switch state {
    case .beginning, .enumerating, .playing: true
    case .off, .listening: false
    }
  }

  /// Starts to listen, then to enumerate: in this order nothing can fall between. Returns the
  /// descriptor to watch, or a negative errno: then only files are told.
  mutating func open() -> Int32 {
    let monitor = lx_udev_open()
    isAvailable = monitor >= 0
    enumerate()
    return monitor
  }

  private mutating func enumerate() { state = .beginning }

  /// The first file from `first` on.
  private func file(from first: Int) -> Int? {
    for index in files.indices where index >= first && !files[index].path.isEmpty { return index }
    return nil
  }

  /// The next thing udev has to tell.
  mutating func next() -> Input? {
    var device = lx_device()
    while true {
      switch state {
      case .off: return nil
      case .beginning:
        let hasDevices = isAvailable && lx_udev_enumerate() == 0
        state = hasDevices ? .enumerating : .playing(0)
        return .devicesEnumerating
      case .enumerating:
        if lx_udev_enumerated(&device) == 1 { return .deviceAdded(DeviceFacts(device)) }
        state = .playing(0)
      case .playing(let next):
        if let index = file(from: next) {
          state = .playing(index + 1)
          return .deviceAdded(PlaybackCamera.facts(files[index], index))
        }
        state = isAvailable ? .listening : .off
        return .devicesEnumerated
      case .listening:
        let result = lx_udev_next(&device)
        if result == -Int32(LX_ENOBUFS.rawValue) {
          enumerate()
          continue
        }
        guard result == 1 else { return nil }
        switch UInt32(device.action) {
        case LX_DEVICE_ADDED.rawValue: return .deviceAdded(DeviceFacts(device))
        case LX_DEVICE_REMOVED.rawValue:
          return .deviceRemoved(node: DeviceFacts(device).node)
        default: continue
        }
      }
    }
  }
}

extension DeviceFacts {
  init(_ device: lx_device) {
    self.init()
    withUnsafeBytes(of: device.node) { node = Text($0) }
    withUnsafeBytes(of: device.port) { port = Text($0) }
    withUnsafeBytes(of: device.bus) { bus = Text($0) }
    withUnsafeBytes(of: device.serial) { serial = Text($0) }
    withUnsafeBytes(of: device.product) { product = Text($0) }
    vendorID = device.vendor
    productID = device.product_id
    index = device.index
  }
}

extension Devices {
  /// Who holds `/dev/NODE`: its pid, 0 if unknown, and its name.
  ///
  /// Asked by the agent: a probe or a feed may not look into other processes.
  static func holder(of node: Text<16>) -> (Int32, Text<16>) {
    var path = Text<32>("/dev/")
    path.append(node)
    var name: (UInt64, UInt64) = (0, 0)
    return withUnsafeMutableBytes(of: &name) { bytes in
      let holder = path.withCString {
        lx_device_holder($0, bytes.baseAddress!.assumingMemoryBound(to: CChar.self))
      }
      return (holder, Text(UnsafeRawBufferPointer(bytes)))
    }
  }
}
