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
  if role == "network" { return networkRole() }
  if role == "dhcp-event" { return dhcpEventRole(lx_argument(lx_argument_count() - 1)) }
  if role == "check-config" { return checkConfigRole(lx_argument(2)) }
  return 2
}

lx_exit_now(run())
