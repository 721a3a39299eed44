import CLinux
import Linux
import Wire

/// What `--version` prints and every client is told.
var version: StaticString { productVersion }

/// `watchpost agent [--board-config FILE] [--config FILE]`.
func agentRole() -> Int32 {
  AgentRole.run(ConfigurationSource.fromArguments(), version: Text(version))
}

/// `watchpost limits [--board-config FILE] [--config FILE]`.
func limitsRole() -> Int32 { LimitsRole.run(ConfigurationSource.fromArguments().configuration) }

func versionRole() -> Int32 {
  var line = Text<64>("watchpost ")
  line.append(version)
  line.append("\n")
  line.withBytes { _ = lx_write_all(1, $0.baseAddress!, $0.count) }
  return 0
}

func usage() -> Int32 {
  let text: StaticString = """
    usage: watchpost agent [--config FILE]          serve a board or a PC
           watchpost check-config FILE | --keys     check a configuration, list its keys
           watchpost limits [--config FILE]         what memory goes where
           watchpost --version
    Roles that other processes start: init, network, dhcp-event, probe, feed, picture, storage,
    keeper, job, usb.

    """
  _ = lx_write_all(2, text.utf8Start, text.utf8CodeUnitCount)
  return 2
}
