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
  case noAccessUnits(file: String)

  public var description: String {
    switch self {
    case .noPictures(let folder):
      "there are no .jpg or .jpeg files in \(folder)"
    case .unreadable(let file):
      "\(file) cannot be read"
    case .noAccessUnits(let file):
      "\(file) holds no H.264 pictures in Annex B form (ffmpeg: -c copy -f h264)"
    }
  }
}

/// JPEG files of a folder, in the order of their names, over and over. They are sent as they are.
public struct JPEGFolder: FrameSource {
  private let pictures: [[UInt8]]
  private var next = 0

  /// Reads the folder's `.jpg` and `.jpeg` files.
  public init(_ folder: String) throws(FrameSourceError) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let chosen = names.filter {
      let name = $0.lowercased()
      return name.hasSuffix(".jpg") || name.hasSuffix(".jpeg")
    }
    guard !chosen.isEmpty else { throw .noPictures(folder: folder) }
    var pictures: [[UInt8]] = []
    for name in chosen.sorted() { pictures.append(try readFile("\(folder)/\(name)")) }
    self.pictures = pictures
  }

  public mutating func start(_ selection: StreamSelection) { next = 0 }

  public mutating func frame(_ number: UInt64) -> [UInt8] {
    defer { next = (next + 1) % pictures.count }
    return pictures[next]
  }
}

/// The access units of an H.264 byte stream, over and over. A stream always begins with the first,
/// which is the one that a decoder can start at.
public struct AnnexBFile: FrameSource {
  private let units: [[UInt8]]
  private var next = 0

  public init(_ file: String) throws(FrameSourceError) {
    units = AnnexB.accessUnits(of: try readFile(file))
    guard !units.isEmpty else { throw .noAccessUnits(file: file) }
  }

  public mutating func start(_ selection: StreamSelection) { next = 0 }

  public mutating func frame(_ number: UInt64) -> [UInt8] {
    defer { next = (next + 1) % units.count }
    return units[next]
  }
}

private func readFile(_ path: String) throws(FrameSourceError) -> [UInt8] {
  guard let data = FileManager.default.contents(atPath: path) else {
    throw .unreadable(file: path)
  }
  return [UInt8](data)
}
