import Wire

/// Names: climbing the identity ladder among the cameras that are here and those remembered.
extension Cameras {
  struct Resolution {
    var rung: IdentityRung
    var name: Name
    var collided: Bool
  }

  /// Climbs the identity ladder for a device that is about to get `slot`, or none yet.
  mutating func resolve(
    _ device: DeviceFacts, slot: Int?, _ streams: Streams, _ effects: inout Effects
  ) -> Resolution {
    guard Identity.isSane(device.serial) else {
      let rung = device.port.isEmpty ? IdentityRung.bus : .port
      return resolution(rung, device, slot: slot, streams, collided: false)
    }
    if let incumbent = incumbent(of: device, except: slot) {
      let isNews = !known.isCollided(device) && !table[incumbent].collided
      table[incumbent].collided = true
      known.markCollided(device)
      let later = resolution(.serialAndPort, device, slot: slot, streams, collided: true)
      if isNews {
        let detail = Text<88>(device.serial)
        effects.append(
          .publish(Event(.cameraSerialCollision, subject: later.name, detail: detail)))
      }
      return later
    }
    guard known.isCollided(device) else {
      return resolution(.serial, device, slot: slot, streams, collided: false)
    }
    let isIncumbent = known.incumbentPort(of: device) == device.place
    return resolution(
      isIncumbent ? .serial : .serialAndPort, device, slot: slot, streams, collided: true)
  }

  func resolution(
    _ rung: IdentityRung, _ device: DeviceFacts, slot: Int?, _ streams: Streams, collided: Bool
  ) -> Resolution {
    let key = IdentityKey(rung, of: device)
    // An external source that has the name keeps it.
    if let index = known.index(of: key), streams.url(of: known[index].name).isEmpty {
      return Resolution(rung: rung, name: known[index].name, collided: collided)
    }
    var name = key.name(product: device.product)
    if isTaken(name, by: key, except: slot) || !streams.url(of: name).isEmpty {
      name = key.name(product: device.product, digits: 8)
    }
    return Resolution(rung: rung, name: name, collided: collided)
  }

  mutating func identify(_ index: Int, as identity: Resolution) {
    table[index].name = identity.name
    table[index].rung = identity.rung
    table[index].collided = identity.collided
    table[index].stopped = known.isStopped(identity.name)
  }

  /// The present camera that owns the serial's name.
  func incumbent(of device: DeviceFacts, except slot: Int?) -> Int? {
    for index in slots where index != slot && table[index].isPresent {
      let other = table[index].device
      if table[index].rung == .serial, other.serial == device.serial,
        other.vendorID == device.vendorID, other.productID == device.productID
      {
        return index
      }
    }
    return nil
  }

  func isTaken(_ name: Name) -> Bool {
    for index in slots where table[index].state != .free && table[index].name == name {
      return true
    }
    return false
  }

  func isTaken(_ name: Name, by key: IdentityKey, except slot: Int?) -> Bool {
    if let index = known.index(named: name), IdentityKey(known[index]) != key { return true }
    for index in slots
    where index != slot && table[index].state != .free && table[index].name == name {
      if IdentityKey(table[index].rung, of: table[index].device) != key { return true }
    }
    return false
  }
}

extension KnownCamera {
  init(_ camera: borrowing Camera) {
    self.init()
    name = camera.name
    rung = camera.rung
    vendorID = camera.device.vendorID
    productID = camera.device.productID
    product = camera.device.product
    serial = camera.device.serial
    port = camera.device.place
    collided = camera.collided
    stopped = camera.stopped
  }
}

extension DeviceFacts {
  /// What is still known of a camera that is not there.
  init(remembered camera: KnownCamera) {
    self.init()
    product = camera.product
    serial = camera.serial
    vendorID = camera.vendorID
    productID = camera.productID
    if camera.rung == .bus { bus = camera.port } else { port = camera.port }
  }
}
