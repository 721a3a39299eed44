import Appliance
import CLinux
import Linux
import Wire

/// `watchpost network`: keeps the interface set up; a service of init.
func networkRole() -> Int32 {
  let configuration = ConfigurationSource.fromArguments().configuration
  guard var service = NetworkService(configuration: configuration) else {
    return Int32(ServiceExit.notWanted)
  }
  _ = lx_confine(LX_ROLE_NETWORK, nil)
  service.run()
  return 0
}

/// `dhcp-event NAME`: what udhcpc calls.
func dhcpEventRole(_ name: UnsafePointer<CChar>?) -> Int32 {
  guard let name else { return 2 }
  return DHCPClient.event(Text(cString: name))
}
