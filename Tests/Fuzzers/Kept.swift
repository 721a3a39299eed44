import Wire

@testable import Appliance
@testable import Linux

// What lies on the card: anybody who has it in hands can write it.

/// Right inputs and broken ones alike are given the right checksum when the first byte says so.
private func withSealed(
  _ bytes: UnsafeRawBufferPointer, sum: (UnsafeMutableRawBufferPointer) -> Void,
  _ body: (UnsafeRawBufferPointer) -> Void
) {
  var input = Bytes(bytes)
  let options = input.byte()
  withCopy(input.rest) { file in
    if options & 1 != 0, file.count >= 8 { sum(file) }
    body(UnsafeRawBufferPointer(file))
  }
}

private func crc(_ bytes: UnsafeMutableRawBufferPointer, _ range: Range<Int>) -> UInt32 {
  CRC32C.of(UnsafeRawBufferPointer(rebasing: bytes[range])).littleEndian
}

extension Fuzzer {
  /// In: a byte of options (1: the right checksum is put in), then an image of the client keys.
  /// Holds: one that is taken is written again byte by byte; its keys are found, and nobody else's.
  static let keys = Fuzzer("keys", longest: 16 + 3 * 224 + 8) {
    let table = MadeKeys()
    table.add("admin-0", 1, .admin)
    let one = table.image
    table.add("anna", 2, .viewer)
    table.rotate("anna", 3)
    return [[0] + one, [1] + one, [1] + table.image, [1] + MadeKeys().image]
  } run: { bytes in
    withSealed(bytes) { file in
      file.storeBytes(
        of: crc(file, 0..<(file.count - 4)), toByteOffset: file.count - 4, as: UInt32.self)
    } _: { image in
      let table = MadeKeys(isLoaded: false)
      guard table.load(image) else { return }
      table.image.withUnsafeBytes { require(isEqual($0, image), "the same image is written") }
      table.isSound()
    }
  }

  /// In: a byte of options (1: right checksums are put in), then the files of the audit, one
  /// record behind the other. Holds: what is restored is told in the order of its numbers, and is
  /// never handed over again; new entries get higher numbers; stored anew, all of it comes back.
  static let audit = Fuzzer("audit", longest: 128 * 10) {
    var file: [UInt8] = []
    for (number, code) in [AuditCode.handshakeRefused, .keyAdded, .keyAdded].enumerated() {
      var entry = AuditEntry()
      (entry.sequence, entry.count, entry.key) = (UInt64(number) + 3, 1, "anna")
      (entry.code, entry.lane) = (Code(code), Code(code.lane))
      var record = encoded(AuditEntry.size) { entry.encode(into: &$0) }
      record.withUnsafeMutableBytes { AuditRecord.encode(.init($0), into: $0) }
      file += record
    }
    return [[0] + file, [1] + file]
  } run: { bytes in
    withSealed(bytes) { file in
      for start in stride(from: 0, through: file.count - 128, by: 128) {
        file.storeBytes(
          of: crc(file, start..<(start + 124)), toByteOffset: start + 124, as: UInt32.self)
      }
    } _: { file in
      let audit = MadeAudit()
      let taken = audit.restore(file)
      let told = audit.entries()
      require(told.count <= taken.count, "nothing is told that was not taken")
      require(zip(told, told.dropFirst()).allSatisfy { $0.sequence < $1.sequence }, "in order")
      require(audit.gather().isEmpty, "what came from the card is not written again")
      let number = audit.record()
      require(number > told.last?.sequence ?? 0, "numbers rise")
      // A number just below the limit can only be a forger's. Those that follow it lie beyond, and
      // are not taken back: a known weakness.
      guard number < AuditRecord.sequenceLimit else { return }
      audit.storeAnew()
      let again = MadeAudit()
      audit.gather().withUnsafeBytes { _ = again.restore($0) }
      require(again.entries() == audit.entries(), "all of it comes back")
    }
  }

  /// In: a byte of options (1: the right checksum, magic and length are put in; the rest: which
  /// boot it is), then an image of the configuration changes. Holds: one that is taken is running,
  /// and what it writes then is taken as well, with the same changes in the same states.
  static let changes = Fuzzer("changes", longest: 1 + 176 + 12 * 416) {
    let desk = MadeChanges()
    desk.begin()
    let empty = desk.image
    desk.stage()
    return [[0] + empty, [1] + empty, [1] + desk.image, [3] + desk.image]
  } run: { bytes in
    let boot = bytes.first ?? 0
    withSealed(bytes) { file in
      file.storeBytes(of: crc(file, 4..<file.count), as: UInt32.self)
    } _: { image in
      // An image has one size; most of it is free places.
      var whole = [UInt8](image)
      if boot & 1 != 0 {
        whole += [UInt8](
          repeating: 0, count: max(0, ConfigurationChanges.imageSize - whole.count))
        whole.withUnsafeMutableBytes {
          $0.storeBytes(of: crc($0, 4..<$0.count), as: UInt32.self)
        }
      }
      let desk = MadeChanges()
      guard desk.restore(whole, boot: boot >> 1 & 1) else { return }
      let again = MadeChanges()
      let kept = desk.image
      require(again.restore(kept, boot: boot >> 1 & 1), "what was kept is taken")
      require(again.states == desk.states, "the same changes")
    }
  }

  /// In: which blob, a byte of options (1: the right checksum is put in), then a file. Holds: only
  /// a whole file is right, and what it holds lies in it; sealed again, it is the same file.
  static let blobs = Fuzzer("blobs", longest: 1024) {
    let blobs: [(Blob, Int)] = [(.device, 32), (.clients, 20), (.changes, 0), (.staged, 100)]
    let files = blobs.map { blob, size in
      [blob.rawValue - 1, 1] + MadeBlob.sealed(blob, 7, [UInt8](repeating: 9, count: size))
    }
    return files + [[3, 1] + MadeBlob.sealed(.swap, 1, [1, 1] + [UInt8](repeating: 0, count: 22))]
  } run: { bytes in
    var input = Bytes(bytes)
    let blob = Blob(rawValue: input.byte() % 5 + 1) ?? .device
    let options = input.byte()
    withCopy(input.rest) { file in
      if options & 1 != 0, file.count >= BlobCopy.headSize { MadeBlob.seal(file) }
      let copy = BlobCopy(blob, .init(file))
      guard copy.state == .right else { return require(copy.bytes.isEmpty, "nothing is told") }
      require(lies(copy.bytes, in: .init(file)), "it lies in the file")
      require(blob.lengths.contains(copy.bytes.count), "a length that can be right")
      let again = MadeBlob.sealed(blob, copy.sequence, [UInt8](copy.bytes))
      again.withUnsafeBytes {
        require(isEqual($0, .init(rebasing: file[..<again.count])), "the same file")
      }
      guard blob == .swap, let journal = ConfigurationSwap.Journal(copy.bytes) else { return }
      let written = encoded(ConfigurationSwap.Journal.size) { journal.encode(into: &$0) }
      written.withUnsafeBytes {
        require(ConfigurationSwap.Journal($0)?.id == journal.id, "the same journal")
      }
    }
  }
}

private enum MadeBlob {
  static func sealed(_ blob: Blob, _ sequence: UInt64, _ bytes: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: BlobCopy.headSize + bytes.count) { room, count in
      let room = UnsafeMutableRawBufferPointer(room)
      count = bytes.withUnsafeBytes {
        BlobCopy.sealed(blob, sequence: sequence, $0, in: room).count
      }
    }
  }

  static func seal(_ file: UnsafeMutableRawBufferPointer) {
    let length = UInt32(littleEndian: file.loadUnaligned(fromByteOffset: 16, as: UInt32.self))
    let end = min(file.count, BlobCopy.headSize + Int(length))
    let head = CRC32C.of(UnsafeRawBufferPointer(rebasing: file[..<20]))
    let sum = CRC32C.of(
      UnsafeRawBufferPointer(rebasing: file[BlobCopy.headSize..<end]), behind: head)
    file.storeBytes(of: sum.littleEndian, toByteOffset: 20, as: UInt32.self)
  }
}
