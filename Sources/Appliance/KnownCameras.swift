import Wire

/// The cameras that were ever named, the least recently seen first; kept on the data partition.
///
/// Holds `ApplianceMemory.knownCameras` entries. When it is full, the least recently seen camera
/// that is not plugged in gives way: it keeps its name all the same, since names do not depend on
/// this memory, but its part in a collision of serials is forgotten.
public struct KnownCameras {
  private let table: Table<KnownCamera>
  public private(set) var count = 0
  /// True once the memory has been read; until then nothing is written, or half a memory would
  /// replace the whole one.
  public private(set) var isLoaded = false
  /// Something changed since the last write.
  private var isDirty = false

  init(_ table: Table<KnownCamera>) { self.table = table }

  public subscript(index: Int) -> KnownCamera {
    precondition(index < count, "known camera index out of range")
    return table[index]
  }

  /// The entry of an identity.
  func index(of key: IdentityKey) -> Int? {
    for index in 0..<count where IdentityKey(table[index]) == key { return index }
    return nil
  }

  func index(named name: Name) -> Int? {
    for index in 0..<count where table[index].name == name { return index }
    return nil
  }

  /// Whether several units are known to give this device's serial.
  func isCollided(_ device: DeviceFacts) -> Bool {
    for index in 0..<count where table[index].collided && hasSerial(index, of: device) {
      return true
    }
    return false
  }

  /// Where the unit that owns the serial's name was seen last.
  func incumbentPort(of device: DeviceFacts) -> Text<32>? {
    for index in 0..<count where table[index].rung == .serial && hasSerial(index, of: device) {
      return table[index].port
    }
    return nil
  }

  /// The camera seen last at a port that has nothing but its port to identify it by.
  func lastOccupant(of port: Text<32>) -> KnownCamera? {
    var index = count
    while index > 0 {
      index -= 1
      if table[index].rung == .port, table[index].port == port { return table[index] }
    }
    return nil
  }

  func isStopped(_ name: Name) -> Bool {
    guard let index = index(named: name) else { return false }
    return table[index].stopped
  }

  mutating func setStopped(_ name: Name, _ stopped: Bool) {
    guard let index = index(named: name), table[index].stopped != stopped else { return }
    table[index].stopped = stopped
    isDirty = true
  }

  mutating func markCollided(_ device: DeviceFacts) {
    for index in 0..<count where hasSerial(index, of: device) && !table[index].collided {
      table[index].collided = true
      isDirty = true
    }
  }

  /// Notes that `camera` is here now; `isPresent` tells which names must not give way.
  mutating func remember(_ camera: KnownCamera, isPresent: (Name) -> Bool) {
    if let index = index(of: IdentityKey(camera)) {
      if table[index] != camera { isDirty = true }
      remove(index)
    } else {
      isDirty = true
      if count == table.count, !makeRoom(isPresent: isPresent) { return }
    }
    table[count] = camera
    count += 1
  }

  /// Takes what the data partition remembers. What this life has named already stays as it is: a
  /// name once announced is not taken back.
  mutating func load(_ cameras: UnsafeBufferPointer<KnownCamera>) {
    let fresh = count
    for camera in cameras {
      guard isUsable(camera) else { continue }
      if let index = index(of: IdentityKey(camera)) {
        if camera.collided { table[index].collided = true }
        if camera.stopped { table[index].stopped = true }
        continue
      }
      guard index(named: camera.name) == nil, count < table.count else { continue }
      table[count] = camera
      count += 1
    }
    rotate(fresh)
    // What was named before the memory came must be written now.
    isDirty = fresh > 0
    isLoaded = true
  }

  /// True once after each change that is to be written.
  mutating func takeChange() -> Bool {
    guard isDirty, isLoaded else { return false }
    isDirty = false
    return true
  }

  /// What was to be kept may not have reached the data partition.
  mutating func keepAgain() { if isLoaded { isDirty = true } }

  private func isUsable(_ camera: KnownCamera) -> Bool {
    camera.rung != .none && camera.name.isName
  }

  private func hasSerial(_ index: Int, of device: DeviceFacts) -> Bool {
    let camera = table[index]
    guard camera.rung == .serial || camera.rung == .serialAndPort else { return false }
    return camera.vendorID == device.vendorID && camera.productID == device.productID
      && camera.serial == device.serial
  }

  private mutating func makeRoom(isPresent: (Name) -> Bool) -> Bool {
    for index in 0..<count where !isPresent(table[index].name) {
      remove(index)
      return true
    }
    return false
  }

  private mutating func remove(_ index: Int) {
    for position in index + 1..<max(count, index + 1) { table[position - 1] = table[position] }
    count -= 1
  }

  /// Moves the first `fresh` entries behind the loaded ones: they were seen last.
  private mutating func rotate(_ fresh: Int) {
    for _ in 0..<fresh {
      let first = table[0]
      remove(0)
      table[count] = first
      count += 1
    }
  }
}
