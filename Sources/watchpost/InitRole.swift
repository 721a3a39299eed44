import Linux

/// `watchpost init`: PID 1 of a board.
func initRole() -> Int32 {
  var executor = InitExecutor()
  executor.run()
  return 0
}
