import CLinux
import Linux

/// `watchpost time`: keeps the wall clock right; a service of init.
func timeRole() -> Int32 {
  var service = TimeService(configuration: ConfigurationSource.fromArguments().configuration)
  _ = lx_confine(LX_ROLE_TIME, nil)
  service.run()
  return 0
}
