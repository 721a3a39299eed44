import Appliance
import CLinux
import EventLoop
import Wire

/// Whose MediaMTX's files are.
enum MediaFiles {
  /// A user of its own where the agent is root, and so can give a process another one; 0: the
  /// agent's.
  static var user: UInt32 { lx_is_root() != 0 ? LX_USER_MEDIA.rawValue : 0 }
}

extension Configuration.MediaServer {
  /// It listens on a port that takes a right.
  var hasLowPort: Bool { min(rtspPort, apiPort, metricsPort) < 1024 }
}

/// MediaMTX: its file, its process, its sockets and the calls to its API.
extension LinuxSystem {
  /// Writes the file of this life and starts the server.
  mutating func spawnMediaServer(_ life: UInt32, for appliance: borrowing Appliance) {
    let pid = startMediaServer(life, for: appliance)
    if pid > 0 {
      Leftover.note(pid, in: mediaNote)
      tell(.childStarted(.mediaServer, life: life, pid: pid))
    } else {
      tell(.childSpawnFailed(.mediaServer, life: life, errno: -pid))
    }
  }

  private mutating func startMediaServer(
    _ life: UInt32, for appliance: borrowing Appliance
  ) -> Int32 {
    // A hook of the last life may hold its end of the old pipe.
    forget(mediaOutput)
    mediaOutput = -1
    let folder = runPath("/mediamtx")
    let file = runPath("/mediamtx/mediamtx.yml")
    let written = writeMediaFile(file, folder, life, for: appliance)
    guard written == 0 else { return written }
    var reading: Int32 = -1
    var writing: Int32 = -1
    let piped = lx_pipe(&reading, &writing)
    guard piped == 0 else { return piped }
    let pid = children.spawnMediaServer(
      life: life, settings: configuration.mediaServer, configuration: file, directory: folder,
      output: writing)
    lx_close(writing)
    guard pid > 0 else {
      lx_close(reading)
      return pid
    }
    mediaOutput = reading
    watch(reading, .mediaServerOutput)
    return pid
  }

  private mutating func writeMediaFile(
    _ file: Text<128>, _ folder: Text<128>, _ life: UInt32, for appliance: borrowing Appliance
  ) -> Int32 {
    // Its file holds the credentials of this life: MediaMTX reads it, and cannot change it.
    let made = folder.withCString { lx_group_folder($0, MediaFiles.user) }
    guard made == 0 else { return made }
    mediaCredentials = .random()
    // Lives are counted within one of the agent's, of which a boot may have several.
    let number = boot.agentStarts << 16 | life & 0xFFFF
    let count = MediaConfigurationFile.render(
      configuration, streams: appliance.streams, credentials: mediaCredentials,
      life: MediaConfigurationFile.Life(bootID: boot.bootID, number: number), into: scratch)
    guard let count else { preconditionFailure("the file of MediaMTX outgrew its bound") }
    let written = file.withCString {
      lx_write_group_file($0, MediaFiles.user, scratch.baseAddress!, count)
    }
    lx_wipe(scratch.baseAddress!, count)
    return written
  }

  // MARK: Its API

  mutating func call(_ request: MediaRequest, for appliance: borrowing Appliance) {
    let port = configuration.mediaServer.apiPort
    var url = Text<160>()
    var records = false
    if case .addPath(_, let name) = request, let index = appliance.streams.index(of: name) {
      url = appliance.streams[index].url
      records = appliance.streams[index].recordsTold
    }
    if let failed = media.begin(
      request, pulling: url, records: records, port: port, credentials: mediaCredentials)
    {
      tell(.mediaAnswered(failed, paths: media.paths))
      return
    }
    mediaSending = true
    _ = lx_poller_add(
      poller.number, media.descriptor, LX_WRITABLE.rawValue, Token.source(.mediaCall).rawValue)
  }

  /// Goes on with the outstanding call; its answer once there is one.
  mutating func nextAnswer() -> Input? {
    guard !media.isIdle else { return nil }
    if let answer = media.advance() {
      return .mediaAnswered(answer, paths: media.paths)
    }
    if mediaSending && !media.wantsToSend {
      mediaSending = false
      _ = lx_poller_change(
        poller.number, media.descriptor, LX_READABLE.rawValue,
        Token.source(.mediaCall).rawValue)
    }
    return nil
  }

  mutating func checkMediaSockets(_ life: UInt32) {
    guard let pid = children.mediaServerPid(life: life) else { return }
    let verdict = ListeningSockets.check(pid: pid, configuration.mediaServer)
    if verdict != .asWanted { note(LogLine(.error, Text(verdict.text))) }
    tell(.mediaSocketsChecked(life: life, asWanted: verdict == .asWanted))
  }
}
