import Appliance
import CLinux
import Linux

/// `watchpost mdns`: announces the device on its network; a service of init.
func mdnsRole() -> Int32 {
  let configuration = ConfigurationSource.fromArguments().configuration
  guard var service = MDNSService(configuration: configuration) else {
    return Int32(ServiceExit.notWanted)
  }
  _ = lx_confine(LX_ROLE_MDNS, nil)
  service.run()
  return 0
}
