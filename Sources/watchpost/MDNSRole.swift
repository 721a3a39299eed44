import Appliance
import Linux

/// `watchpost mdns`: announces the device on its network; a service of init.
func mdnsRole() -> Int32 {
  let configuration = ConfigurationSource.fromArguments().configuration
  guard var service = MDNSService(configuration: configuration) else {
    return Int32(ServiceExit.notWanted)
  }
  service.run()
  return 0
}
