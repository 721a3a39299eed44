import CLinux
import Linux
import Wire

/// The role: the name under which the program was started, or its first argument.
func chosenRole() -> Text<32> {
  let path = lx_argument(0).map { Text<256>(cString: $0) } ?? .empty
  var name = Text<32>()
  for index in 0..<path.count {
    if path[index] == UInt8(ascii: "/") { name = .empty } else { name.append(path[index]) }
  }
  if name == "init" || name == "dhcp-event" { return name }
  return lx_argument(1).map { Text(cString: $0) } ?? .empty
}

func run() -> Int32 {
  let role = chosenRole()
  if role == "init" { return initRole() }
  if role == "agent" { return agentRole() }
  if role == "probe" { return ProbeRole.run(argument(2)) }
  if role == "feed" { return FeedArguments.run() }
  if role == "usb" {
    _ = lx_confine(LX_ROLE_USB, nil)
    return USBRole.run(argument(2), argument(3))
  }
  if role == "picture" {
    _ = lx_confine(LX_ROLE_PICTURE, nil)
    return PictureRole.run()
  }
  if role == "storage" {
    _ = lx_confine(LX_ROLE_STORAGE, nil)
    return StorageRole.run(dataDirectory: argument(2))
  }
  if role == "keeper" {
    // A confined one cannot ask any more.
    let hasConsole = lx_is_terminal(2) != 0
    _ = lx_confine(LX_ROLE_KEEPER, nil)
    return KeeperRole.run(
      folder: argument(2), dataDirectory: argument(3), hasConsole: hasConsole)
  }
  if role == "job" {
    _ = lx_confine(LX_ROLE_JOB, nil)
    return JobRole.run(dataDirectory: argument(2))
  }
  if role == "limits" { return limitsRole() }
  if role == "network" { return networkRole() }
  if role == "dhcp-event" { return dhcpEventRole(lx_argument(lx_argument_count() - 1)) }
  if role == "time" { return timeRole() }
  if role == "mdns" { return mdnsRole() }
  if role == "check-config" { return checkConfigRole(lx_argument(2)) }
  if role == "--version" { return versionRole() }
  return usage()
}

/// An argument as text, empty where it is missing.
func argument<let capacity: Int>(_ index: Int32) -> Text<capacity> {
  lx_argument(index).map { Text(cString: $0) } ?? .empty
}

lx_exit_now(run())
