import Appliance
import Wire

/// Ten thousand cases, one after the other: what the results have a line for. It depends on its
/// seed and its number alone.
struct Stretch {
  static let cases = 10_000
  /// Cases with one device; then there is a new one.
  private static let life = 500

  let seed: UInt64
  let number: Int
  var canary: Canary?
  /// Of its cases, so many.
  var most = Stretch.cases

  /// The kinds of cases, with their shares.
  static let kinds: [(name: String, weight: Int, run: @Sendable (Scene) -> Void)] = [
    ("right handshake", 3, { $0.rightHandshake() }),
    ("bits of a handshake", 12, { $0.flippedHandshake() }),
    ("length of a handshake", 6, { $0.resizedHandshake() }),
    ("version of a handshake", 4, { $0.otherForm() }),
    ("parts of handshakes", 4, { $0.swappedParts() }),
    ("frame of a handshake", 6, { $0.damagedHandshake() }),
    ("replayed handshake", 4, { $0.replayedHandshake() }),
    ("weak point", 4, { $0.weakPoint() }),
    ("other encoding", 2, { $0.otherEncoding() }),
    ("other prologue or device", 2, { $0.otherContext() }),
    ("wrong psk", 3, { $0.wrongSecret() }),
    ("unknown key", 4, { $0.unknownKey() }),
    ("pairing", 4, { $0.pairing() }),
    ("removed key", 2, { $0.removedKey() }),
    ("used up slots", 1, { $0.usedUpSlots() }),
    ("too many handshakes", 1, { $0.tooManyHandshakes() }),
    ("right frames", 3, { $0.rightFrames() }),
    ("bits of a frame", 11, { $0.flippedFrame() }),
    ("truncated frame", 5, { $0.truncatedFrame() }),
    ("length of a frame", 5, { $0.otherLength() }),
    ("order of frames", 5, { $0.otherOrder() }),
    ("foreign frame", 3, { $0.foreignFrame() }),
    ("downgrade", 3, { $0.downgrade() }),
    ("nonsense", 2, { $0.nonsense() }),
    ("wrong header", 2, { $0.wrongHeader() }),
    ("plain request", 2, { $0.plainRequest() }),
  ]

  struct Result {
    var failed = 0
    /// Of the first cases that failed: number, kind, what was wrong.
    var problems: [String] = []
    /// Cases of each kind.
    var counts = [Int](repeating: 0, count: Stretch.kinds.count)
  }

  func run() throws -> Result {
    var random = SplitMix(seed: seed, stream: UInt64(number))
    var result = Result()
    var next = 0
    while next < most {
      let life = next..<min(next + Stretch.life, most)
      next = life.upperBound
      let device = try Device(seed: random.next())
      let witnesses = try Device.holders.map { try Stretch.witness(on: device, Holder($0.name)) }
      for number in life {
        let kind = draw(&random)
        result.counts[kind] += 1
        let stream = SplitMix(seed: random.next(), stream: 0)
        let problems = run(number, kind, stream, device, witnesses)
        guard !problems.isEmpty else { continue }
        result.failed += 1
        let name = Stretch.kinds[kind].name
        if result.problems.count < 20 {
          result.problems.append("case \(number), \(name): \(problems.joined(separator: "; "))")
        }
        // What is wrong once may be wrong from now on.
        next = number + 1
        break
      }
    }
    return result
  }

  private func draw(_ random: inout SplitMix) -> Int {
    var left = random.below(Stretch.kinds.map(\.weight).reduce(0, +))
    for (index, kind) in Stretch.kinds.enumerated() {
      if left < kind.weight { return index }
      left -= kind.weight
    }
    return 0
  }

  private func run(
    _ number: Int, _ kind: Int, _ random: SplitMix, _ device: Device, _ witnesses: [Line]
  ) -> [String] {
    // What the rate of handshakes has lent is paid back.
    device.pass(ms: 250)
    let isPlanted = number % 50 == 7
    let scene = Scene(
      device, number: UInt32(number), random: random,
      canary: canary == .credulous || isPlanted ? canary : nil)
    if canary == .overrun, isPlanted { device.fences.overrun() }
    scene.open(Stretch.kinds[kind].name == "too many handshakes" ? .closed : nil)
    Stretch.kinds[kind].run(scene)
    return scene.finish(witness: witnesses[number % witnesses.count])
  }

  /// Somebody whose session lasts, and whom no case may disturb.
  private static func witness(on device: Device, _ holder: Holder) throws -> Line {
    let line = Line(device, holder, from: IPv4(10, 0, 0, 1))
    line.send([line.hello(ephemeral: Primitives.sha256(holder.psk))])
    guard let reply = line.readPlain(most: 1)?.first, line.accept(reply) else {
      throw Broken.noWitness
    }
    line.send([line.seal(frame(.ping, id: 1))])
    guard line.read()?.count == 1 else { throw Broken.noWitness }
    return line
  }

  enum Broken: Error { case noWitness }
}
