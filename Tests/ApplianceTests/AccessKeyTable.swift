import Wire

@testable import Appliance

/// The table of keys in memory of its own, and keys that are made from a number.
final class KeyTable {
  private let memory: UnsafeMutableBufferPointer<ClientKey>
  private var keys: ClientKeys
  var now = Instant(ms: 1_000_000)
  /// Who adds keys.
  var adder: Name = "admin-0"

  static let defaults = KeyLimits(rate: 100, slots: 4)

  init(isLoaded: Bool = true) {
    memory = .allocate(capacity: ClientKeys.capacity)
    keys = ClientKeys(memory, defaults: KeyTable.defaults)
    if isLoaded { keys.startEmpty() }
  }

  /// A table with an admin, key 0.
  static func withAdmin() -> KeyTable {
    let table = KeyTable()
    table.add("admin-0", 0, .admin)
    return table
  }

  deinit { memory.deallocate() }

  static func key(_ number: Int) -> PublicKey {
    bytes(number, 0x51).withUnsafeBytes { PublicKey($0) }
  }

  static func secret(_ number: Int) -> [UInt8] { bytes(number, 0xA7) }

  private static func bytes(_ number: Int, _ salt: UInt8) -> [UInt8] {
    var bytes: [UInt8] = []
    for index: UInt8 in 0..<24 { bytes.append(salt &+ index) }
    for place in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * place))) }
    return bytes
  }

  @discardableResult
  func add(
    _ name: Name, _ number: Int, _ role: Role = .viewer, _ limits: KeyLimits = KeyLimits()
  ) -> Result<KeyHandle, KeyError> {
    add(name, KeyTable.key(number), KeyTable.secret(number), role, limits)
  }

  func add(
    _ name: Name, _ key: PublicKey, _ secret: [UInt8], _ role: Role,
    _ limits: KeyLimits = KeyLimits()
  ) -> Result<KeyHandle, KeyError> {
    secret.withUnsafeBytes { bytes in
      do throws(KeyError) {
        return .success(
          try keys.add(
            name, key, secret: bytes, role: role, limits: limits, addedBy: adder,
            unixMs: 1_793_364_092_123))
      } catch { return .failure(error) }
    }
  }

  @discardableResult
  func rotate(_ name: Name, to number: Int) -> Result<KeyHandle, KeyError> {
    KeyTable.secret(number).withUnsafeBytes { bytes in
      do throws(KeyError) {
        return .success(
          try keys.rotate(name, to: KeyTable.key(number), secret: bytes, now: now))
      } catch { return .failure(error) }
    }
  }

  @discardableResult
  func remove(_ name: Name) -> KeyError? {
    do throws(KeyError) { try keys.remove(name) } catch { return error }
    return nil
  }

  @discardableResult
  func change(_ name: Name, _ role: Role, _ limits: KeyLimits = KeyLimits()) -> KeyError? {
    do throws(KeyError) {
      try keys.change(name, role: role, limits: limits)
    } catch { return error }
    return nil
  }

  func startEmpty() { keys.startEmpty() }
  func reset() { keys.reset() }
  func takeChange() -> Bool { keys.takeChange() }
  var isLoaded: Bool { keys.isLoaded }
  var count: Int { keys.count }
  var hasAdmin: Bool { keys.hasAdmin }
  var deadline: Instant { keys.deadline }
  /// The entry in a place, with what is not told.
  func place(_ index: Int) -> ClientKey { keys.table[index] }

  func find(_ number: Int) -> KeyHandle? { find(KeyTable.key(number)) }
  func find(_ key: PublicKey) -> KeyHandle? { keys.find(key, now: now) }
  func isCurrent(_ handle: KeyHandle) -> Bool { keys.isCurrent(handle) }
  func role(of handle: KeyHandle) -> Role? { keys.role(of: handle) }
  func name(of handle: KeyHandle) -> Name { keys.name(of: handle) }
  func limits(of handle: KeyHandle) -> KeyLimits? { keys.limits(of: handle) }
  @discardableResult
  func used(_ handle: KeyHandle) -> Bool { keys.used(handle, now: now) }
  func enter(_ handle: KeyHandle) -> Bool { keys.enter(handle) }
  func leave(_ handle: KeyHandle) { keys.leave(handle) }
  func spend(_ handle: KeyHandle) -> Bool { keys.spend(handle, now: now) }

  func name(_ number: Int) -> Name? {
    guard let handle = find(number) else { return nil }
    return keys.name(of: handle)
  }

  func secret(_ handle: KeyHandle) -> [UInt8]? { keys.withSecret(of: handle) { [UInt8]($0) } }

  /// Names whose former keys are retired at `now`.
  func expire() -> [Name] {
    var names: [Name] = []
    while let name = keys.expire(now: now) { names.append(name) }
    return names
  }

  var entries: [KeyEntry] {
    (0..<ClientKeys.capacity).compactMap { keys.entry($0, now: now) }
  }

  var image: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: ClientKeys.imageCapacity) { buffer, count in
      buffer.initialize(repeating: 0xA5)
      count = keys.encode(into: UnsafeMutableRawBufferPointer(buffer), now: now)
    }
  }

  /// nil: the image was taken.
  func load(_ image: [UInt8]) -> KeyImageError? {
    image.withUnsafeBytes { bytes in
      do throws(KeyImageError) { try keys.load(image: bytes, now: now) } catch { return error }
      return nil
    }
  }
}

extension Result {
  var error: Failure? {
    if case .failure(let error) = self { error } else { nil }
  }
  var value: Success? {
    if case .success(let value) = self { value } else { nil }
  }
}
