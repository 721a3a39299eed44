import Foundation

/// Where a camera's pictures come from.
public protocol FrameSource: Sendable {
  /// A stream begins: the next frame is its first.
  mutating func start(_ selection: StreamSelection)
  /// The frame with this number. Numbers count from 0 at plugging and never go back.
  mutating func frame(_ number: UInt64) -> [UInt8]
}

/// Why files cannot serve as pictures.
public enum FrameSourceError: Error, CustomStringConvertible {
  case noPictures(folder: String)
  case unreadable(file: String)
  case noJPEG(file: String)
  case noAccessUnits(file: String)

  public var description: String {
    switch self {
    case .noPictures(let folder):
      "there are no .jpg or .jpeg files in \(folder)"
    case .unreadable(let file):
      "\(file) cannot be read"
    case .noJPEG(let file):
      "\(file) is no JPEG picture, so it cannot be stamped"
    case .noAccessUnits(let file):
      "\(file) holds no H.264 pictures in Annex B form (ffmpeg: -c copy -f h264)"
    }
  }
}

/// JPEG files of a folder, in the order of their names, over and over.
public struct JPEGFolder: FrameSource {
  private let pictures: [[UInt8]]
  private let stamped: Bool
  private var next = 0

  /// Reads the folder's `.jpg` and `.jpeg` files.
  /// - Parameter stamped: each picture gets a `FrameStamp` as its first comment; without, the files
  ///   are sent as they are.
  public init(_ folder: String, stamped: Bool = true) throws(FrameSourceError) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let chosen = names.filter {
      let name = $0.lowercased()
      return name.hasSuffix(".jpg") || name.hasSuffix(".jpeg")
    }
    guard !chosen.isEmpty else { throw .noPictures(folder: folder) }
    var pictures: [[UInt8]] = []
    for name in chosen.sorted() {
      let file = "\(folder)/\(name)"
      let picture = try readFile(file)
      if stamped, !picture.starts(with: [0xFF, JPEG.startOfImage]) { throw .noJPEG(file: file) }
      pictures.append(picture)
    }
    (self.pictures, self.stamped) = (pictures, stamped)
  }

  public mutating func start(_ selection: StreamSelection) { next = 0 }

  public mutating func frame(_ number: UInt64) -> [UInt8] {
    defer { next = (next + 1) % pictures.count }
    let picture = pictures[next]
    return stamped ? FrameStamp(number: number).marked(jpeg: picture) : picture
  }
}

/// The access units of an H.264 byte stream, over and over. A stream always begins with the first,
/// which is the one that a decoder can start at.
public struct AnnexBFile: FrameSource {
  /// Access units, each cut where its stamp goes.
  private let units: [(head: [UInt8], slices: [UInt8])]
  private let stamped: Bool
  private var next = 0

  /// Reads the file.
  /// - Parameters:
  ///   - delimiters: what becomes of the access unit delimiters.
  ///   - stamped: each access unit gets a `FrameStamp` as an SEI message.
  public init(
    _ file: String, delimiters: AccessUnitDelimiters = .keep, stamped: Bool = true
  ) throws(FrameSourceError) {
    units = AnnexB.accessUnits(of: try readFile(file)).map {
      let unit = AnnexB.accessUnit($0, with: delimiters)
      let cut = AnnexB.firstSlice(of: unit)
      return (Array(unit[..<cut]), Array(unit[cut...]))
    }
    self.stamped = stamped
    guard !units.isEmpty else { throw .noAccessUnits(file: file) }
  }

  public mutating func start(_ selection: StreamSelection) { next = 0 }

  public mutating func frame(_ number: UInt64) -> [UInt8] {
    defer { next = (next + 1) % units.count }
    let (head, slices) = units[next]
    return stamped
      ? head + FrameStamp(number: number).supplementalInformation + slices : head + slices
  }
}

private func readFile(_ path: String) throws(FrameSourceError) -> [UInt8] {
  guard let data = FileManager.default.contents(atPath: path) else {
    throw .unreadable(file: path)
  }
  return [UInt8](data)
}
