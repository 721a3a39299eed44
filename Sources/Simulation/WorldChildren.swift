import Appliance
import EventLoop

/// A child process of the agent.
struct SimulatedProcess {
  var kind: ChildKind
  var life: UInt32
  /// What is behind it is stopped: SIGTERM waits, SIGKILL works.
  var isHung = false
  /// It is being ended already.
  var isEnding = false
}

extension SimulatedWorld {
  func process(_ kind: ChildKind, _ life: UInt32) -> Int? {
    processes.firstIndex { $0.kind == kind && $0.life == life }
  }

  /// Starts a process; false where there are none to be had.
  func start(_ kind: ChildKind, _ life: UInt32) -> Bool {
    starts.note(kind, self)
    guard !isNow(.spawnFails) else {
      post(.results, .childSpawnFailed(kind, life: life, errno: 11))
      return false
    }
    nextPid += 1
    processes.append(SimulatedProcess(kind: kind, life: life))
    post(.results, .childStarted(kind, life: life, pid: nextPid))
    return true
  }

  /// The process is gone; the kernel tells of it.
  func finish(_ kind: ChildKind, _ life: UInt32, _ status: ExitStatus) {
    guard let index = process(kind, life) else { return }
    processes.remove(at: index)
    switch kind {
    case .mediaServer:
      mediaServerEnded(life)
      post(.media, .mediaOutput("server ended\n"))
      if sings(.lostExit, at: 0) { return }
    case .feed(let slot): feedEnded(slot, life)
    case .probe, .recovery: break
    }
    post(.children, .childExited(kind, life: life, status))
  }

  func signal(_ kind: ChildKind, _ life: UInt32, _ signal: Signal) {
    guard let index = process(kind, life) else { return }
    switch signal {
    case .terminate:
      if processes[index].isHung || isHeld(kind) { return }
      later(random.between(2, 30)) { $0.finish(kind, life, .code(0)) }
    case .kill:
      processes[index].isEnding = true
      later(random.between(1, 10)) { $0.kill(kind, life) }
    }
  }

  /// SIGKILL has come; a process in an uninterruptible call takes it when that is over.
  private func kill(_ kind: ChildKind, _ life: UInt32) {
    guard process(kind, life) != nil else { return }
    if isHeld(kind) { return later(500) { $0.kill(kind, life) } }
    finish(kind, life, .signal(9))
  }

  /// It sits in an uninterruptible call of the kernel.
  private func isHeld(_ kind: ChildKind) -> Bool {
    switch kind {
    case .mediaServer: isNow(.mediaUnkillable)
    case .feed: isNow(.feedUnkillable)
    case .probe, .recovery: false
    }
  }
}
