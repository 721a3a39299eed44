import Linux

/// `watchpost time`: keeps the wall clock right; a service of init.
func timeRole() -> Int32 {
  var service = TimeService(configuration: ConfigurationSource.fromArguments().configuration)
  service.run()
  return 0
}
