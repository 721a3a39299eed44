import Wire

@testable import Appliance

// A file without Foundation, whose `Stream` would hide the product's.

/// A table of streams, all wanted, in memory that is never given back: a test's.
func wantedStreams(_ names: [StaticString], capacity: Int = 64) -> Streams {
  let memory = UnsafeMutableBufferPointer<Stream>.allocate(capacity: capacity)
  var streams = Streams(Table(memory, repeating: Stream()))
  for name in names { streams.want(Name(name)) }
  return streams
}
