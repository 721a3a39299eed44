/// Every bound of the protocol. A change here is a change of the specification.
public enum Limits {
  /// Bytes of a frame header.
  public static let headerSize = 32
  /// Bytes of the largest frame, header and tag included.
  public static let frameSize = 16 * 1024
  /// Bytes of the largest payload: 16 less than fit, for the tag of a sealed frame. So the largest
  /// frame fits the same buffers sealed and plain, and no answer depends on which it is.
  public static let payloadSize = frameSize - headerSize - 16
  /// Bytes of the largest plain frame.
  public static let plainSize = headerSize + payloadSize
  /// Bytes of a payload that a handshake carries.
  public static let handshakePayloadSize = 64
  /// Bytes a ping may carry; they come back unchanged.
  public static let pingSize = 64
  /// Bytes of a health payload; never changes.
  public static let healthSize = 256
  /// Camera slots of a device.
  public static let cameras = 32
  /// Capture modes told per camera; a camera with more says so by a flag.
  public static let modesPerCamera = 128
  /// Pixel formats named in a camera's status.
  public static let formatsPerCamera = 4
  /// Streams of a device: one per camera slot and as many from the network.
  public static let streams = 64
  /// Text bytes in one log answer.
  public static let logChunkSize = 8 * 1024
  /// The longest `identify`, in milliseconds.
  public static let identifyMs: UInt32 = 600_000
  /// Bytes of the largest picture of a snapshot.
  public static let pictureSize = 2 * 1024 * 1024
  /// Bytes of the largest message to subscribers.
  public static let messageSize = 2 * 1024 * 1024
  /// RTSP sources on the network.
  public static let sources = 32
  /// Bytes of a source's URL.
  public static let urlSize = 160
  /// The longest recording with an end, in seconds.
  public static let recordingS: UInt32 = 86_400
  /// Bytes of the largest answer that comes in `BulkPart`s.
  public static let bulkSize = 1024 * 1024
  /// Entries of a page of files.
  public static let files = 1000
  /// Entries of a page of files for which no number is asked.
  public static let filesByDefault = 50
  /// The shortest age, in seconds, and the smallest size, in bytes, of a retention.
  public static let retentionS: UInt32 = 60
  public static let retentionBytes: UInt64 = 1024 * 1024
  /// Steps of a camera's recovery that are remembered.
  public static let recoverySteps = 16
}
