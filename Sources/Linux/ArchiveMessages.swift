import Appliance
import CLinux
import Wire

// What the agent and its storage worker say to each other of recordings and files; see
// StorageMessages.

/// Which recording the segments of a camera belong to that begin from now on; 0: none.
struct RecordingTag {
  static let size = 36
  var camera = Name()
  var recording: UInt32 = 0

  func encode(into writer: inout ByteWriter) {
    writer.write(camera)
    writer.write(recording)
  }

  init(camera: Name, recording: UInt32) {
    self.camera = camera
    self.recording = recording
  }

  init(from reader: inout ByteReader) {
    camera = reader.read()
    recording = reader.read()
  }
}

extension KnownRecording {
  static let encodedSize = 44

  func encode(into writer: inout ByteWriter) {
    writer.write(camera)
    writer.write(number)
    writer.write(durationS)
    writer.write(remainingS)
  }

  init(from reader: inout ByteReader) {
    self.init()
    camera = reader.read()
    number = reader.read()
    durationS = reader.read()
    remainingS = reader.read()
  }
}

extension SegmentNews {
  static let size = 48

  func encode(into writer: inout ByteWriter) {
    writer.write(camera)
    writer.write(what.rawValue)
    writer.zero(3)
    writer.write(life)
    writer.write(bytes)
  }

  init?(from reader: inout ByteReader) {
    self.init()
    camera = reader.read()
    let number = reader.read(UInt8.self)
    reader.skip(3)
    life = reader.read()
    bytes = reader.read()
    guard let what = What(rawValue: number) else { return nil }
    self.what = what
  }
}

extension ArchiveTotals {
  static let size = 48

  func encode(into writer: inout ByteWriter) {
    writer.write(recordingBytes)
    writer.write(snapshotBytes)
    writer.write(recordingFiles)
    writer.write(snapshotFiles)
    writer.write(foreignFiles)
    writer.write(repairedFiles)
    writer.write(removedFiles)
    writer.zero(4)
    writer.write(removedBytes)
  }

  init(from reader: inout ByteReader) {
    self.init()
    recordingBytes = reader.read()
    snapshotBytes = reader.read()
    recordingFiles = reader.read()
    snapshotFiles = reader.read()
    foreignFiles = reader.read()
    repairedFiles = reader.read()
    removedFiles = reader.read()
    reader.skip(4)
    removedBytes = reader.read()
  }
}

/// A file whose end a power cut had left unfinished.
struct RepairNews {
  static let size = 96
  var camera = Name()
  /// `.repaired` or `.damaged`.
  var state = FileState.repaired
  var name = Text<56>()

  func encode(into writer: inout ByteWriter) {
    writer.write(camera)
    writer.write(state.rawValue)
    writer.zero(7)
    writer.write(name)
  }

  init(camera: Name, state: FileState, name: Text<56>) {
    self.camera = camera
    self.state = state
    self.name = name
  }

  init(from reader: inout ByteReader) {
    camera = reader.read()
    state = FileState(rawValue: reader.read()) ?? .damaged
    reader.skip(7)
    name = reader.read()
  }
}

/// A request of a client that a worker answers; its payload follows.
struct JobRequest {
  static let size = 8
  /// The agent's number for it.
  var id: UInt32
  var kind: Kind

  init(id: UInt32, kind: Kind) {
    self.id = id
    self.kind = kind
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(id)
    writer.write(kind.rawValue)
    writer.zero(2)
  }

  /// nil: a kind that this build does not know.
  init?(from reader: inout ByteReader) {
    id = reader.read()
    let kind = Kind(rawValue: reader.read())
    reader.skip(2)
    guard let kind else { return nil }
    self.kind = kind
  }
}

/// What came of a job; the answer's bytes come as sealed memory beside the message.
struct JobReply {
  static let size = 12
  var id: UInt32
  var status: Status
  /// Bytes of the answer; 0: it is empty, and no memory comes.
  var bytes: UInt32

  init(id: UInt32, status: Status, bytes: UInt32 = 0) {
    self.id = id
    self.status = status
    self.bytes = bytes
  }

  func encode(into writer: inout ByteWriter) {
    writer.write(id)
    writer.write(status.rawValue)
    writer.zero(2)
    writer.write(bytes)
  }

  init(from reader: inout ByteReader) {
    id = reader.read()
    status = Status(rawValue: reader.read()) ?? .internalError
    reader.skip(2)
    bytes = reader.read()
  }
}
