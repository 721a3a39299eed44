/// The state of one connection of a generator.
struct Connection {
  /// -1: not connected, or failed.
  var descriptor: Int32 = -1
  /// Requests that were written whole.
  var sent = 0
  /// Bytes of the next one that were written.
  var partial = 0
  /// Requests that are to be written, at most.
  var due = 0
  var answered = 0
  /// `answered` when the current run began.
  var base = 0
  /// Bytes of an incomplete answer.
  var held = 0
  /// The socket takes no more: it is watched until it does.
  var isBlocked = false

  var awaited: Int { sent - answered }
}
