import Foundation
import Glibc
import StandInDriver
import Testing
import Wire

@testable import Appliance
@testable import Linux

/// Runs one call as the loop would; nil when no answer came in time.
func call(
  _ fed: FedExchange, _ request: MediaRequest, port: UInt16, within limit: Duration = .seconds(5),
  showing credentials: MediaCredentials = madeCredentials
) -> MediaAnswer? {
  if let answer = fed.exchange.begin(request, port: port, credentials: credentials) {
    return answer
  }
  let end = ContinuousClock.now + limit
  while ContinuousClock.now < end {
    let events = fed.exchange.wantsToSend ? POLLOUT : POLLIN
    var watched = pollfd(fd: fed.exchange.descriptor, events: Int16(events), revents: 0)
    if poll(&watched, 1, 20) > 0, let answer = fed.exchange.advance() { return answer }
  }
  fed.exchange.cancel()
  return nil
}

/// What `renderedConfiguration` lets in.
let madeCredentials = MediaCredentials(
  password: Text("0123abcd"), agentPassword: Text("4567cdef"))

/// The configuration file as the agent writes it.
func renderedConfiguration(
  _ settings: Configuration, _ streams: Streams, limit: Int = MediaConfigurationFile.limit
) -> String? {
  var bytes = [UInt8](repeating: 0, count: limit)
  let life = MediaConfigurationFile.Life(
    bootID: InlineArray(repeating: 0xA5), number: 7)
  let count = bytes.withUnsafeMutableBytes {
    MediaConfigurationFile.render(
      settings, streams: streams, credentials: madeCredentials, life: life, into: $0)
  }
  return count.map { String(decoding: bytes[..<$0], as: UTF8.self) }
}

/// A stand-in that runs on the file that the agent writes.
func standInOnRenderedFile(
  _ names: [StaticString] = ["cam-front", "cam-rear"], settings given: Configuration? = nil
) throws -> (StandInProcess, Configuration) {
  let ports = StandInProcess.Ports()
  var settings = given ?? Configuration()
  settings.mediaServer.apiPort = ports.api
  settings.mediaServer.metricsPort = ports.metrics
  settings.mediaServer.rtspPort = ports.rtsp
  let standIn = try StandInProcess(ports: ports) { _, _ in
    renderedConfiguration(settings, wantedStreams(names)) ?? ""
  }
  return (standIn, settings)
}

@Suite struct MediaExchangeTests {
  @Test func theStandInTakesTheFileAndAnswers() throws {
    let (standIn, settings) = try standInOnRenderedFile()
    #expect(standIn.waitUntilUp(), Comment(rawValue: standIn.log))
    let port = settings.mediaServer.apiPort
    let fed = FedExchange()
    let info = call(fed, .info(life: 1), port: port)
    #expect(info?.outcome == .info(version: Text("v1.20.1")))
    #expect(fed.isIdle)
    let list = call(fed, .listPaths(life: 1, page: 0), port: port)
    #expect(list?.outcome == .paths(pages: 1))
    #expect(fed.paths.map(\.name) == [Name("cam-front"), Name("cam-rear")])
  }

  @Test func pathsComeAndGo() throws {
    let (standIn, settings) = try standInOnRenderedFile()
    #expect(standIn.waitUntilUp())
    let port = settings.mediaServer.apiPort
    let fed = FedExchange()
    func names() -> [Name] {
      _ = call(fed, .listPaths(life: 1, page: 0), port: port)
      return fed.paths.map(\.name)
    }
    #expect(call(fed, .addPath(life: 1, Name("cam-new")), port: port)?.outcome == .done)
    #expect(waitUntil { names().contains(Name("cam-new")) })
    let again = call(fed, .addPath(life: 1, Name("cam-new")), port: port)
    #expect(again?.outcome == .rejected(status: 400))
    #expect(fed.refusal == "path already exists")
    #expect(call(fed, .removePath(life: 1, Name("cam-new")), port: port)?.outcome == .done)
    #expect(waitUntil { !names().contains(Name("cam-new")) })
    let gone = call(fed, .removePath(life: 1, Name("cam-new")), port: port)
    #expect(gone?.outcome == .rejected(status: 404))
  }

  @Test func listsComeInPages() throws {
    let (standIn, settings) = try standInOnRenderedFile([])
    #expect(standIn.waitUntilUp())
    let fed = FedExchange()
    let port = settings.mediaServer.apiPort
    for index in 0..<40 {
      var name = Name("cam-")
      name.append(decimal: UInt64(100 + index))
      #expect(call(fed, .addPath(life: 1, name), port: port)?.outcome == .done)
    }
    let isComplete = waitUntil {
      let first = call(fed, .listPaths(life: 1, page: 0), port: port)
      let isFull = first?.outcome == .paths(pages: 2) && fed.paths.count == 32
      let second = call(fed, .listPaths(life: 1, page: 1), port: port)
      return isFull && second?.outcome == .paths(pages: 2) && fed.paths.count == 8
    }
    #expect(isComplete)
  }

  @Test func mediaIsSeen() throws {
    let (standIn, settings) = try standInOnRenderedFile()
    #expect(standIn.waitUntilUp())
    let fed = FedExchange()
    let port = settings.mediaServer.apiPort
    let right = "Basic " + Data("watchpost:0123abcd".utf8).base64EncodedString()
    let publisher = try RTSPPublisher(
      port: settings.mediaServer.rtspPort, path: "cam-front", media: .motionJPEG(),
      authorization: right)
    #expect(try publisher.announce() == 200)
    publisher.start()
    defer { publisher.stop() }
    let flows = waitUntil {
      _ = call(fed, .listPaths(life: 1, page: 0), port: port)
      return fed.paths.first.map { $0.ready && $0.inboundBytes > 10_000 } ?? false
    }
    #expect(flows)
  }

  /// The file lets nobody ask, from this machine either, who does not know this life's password.
  @Test func theAPINeedsThePassword() throws {
    let (standIn, settings) = try standInOnRenderedFile()
    #expect(standIn.waitUntilUp())
    let media = settings.mediaServer
    #expect(try standIn.api("GET", "/v3/config/global/get").status == 401)
    #expect(try HTTPExchange.perform(port: media.metricsPort, target: "/metrics").status == 401)
    var wrong = madeCredentials
    wrong.agentPassword = madeCredentials.password
    let list = MediaRequest.listPaths(life: 1, page: 0)
    let answer = call(FedExchange(), list, port: media.apiPort, showing: wrong)
    #expect(answer?.outcome == .rejected(status: 401))
    // What feeds publish with opens nothing else.
    wrong.agentUser = madeCredentials.user
    let feeds = call(FedExchange(), list, port: media.apiPort, showing: wrong)
    #expect(feeds?.outcome == .rejected(status: 401))
  }

  /// With a reader in the configuration, nobody else reads.
  @Test func readingNeedsTheConfiguredPassword() throws {
    var settings = Configuration()
    settings.rtsp.user = Text("guard")
    settings.rtsp.password = Text("correct-horse")
    let (standIn, media) = try standInOnRenderedFile(settings: settings)
    #expect(standIn.waitUntilUp())
    _ = try standIn.api("POST", "/standin/fault/auth-delay/1")
    func describe(_ pair: String?) throws -> Int {
      let port = media.mediaServer.rtspPort
      let reader = try RTSPClient(port: port)
      reader.authorization = pair.map { "Basic " + Data($0.utf8).base64EncodedString() }
      return try reader.request("DESCRIBE", "rtsp://127.0.0.1:\(port)/cam-front").status
    }
    for pair in [nil, "guard:wrong-horse", "any:", "watchpost:0123abcd"] {
      #expect(try describe(pair) == 401, "\(pair ?? "nothing")")
    }
    // Let in: there is no stream yet.
    #expect(try describe("guard:correct-horse") == 404)
  }

  /// The file lets nobody publish who does not know this life's password.
  @Test func publishingNeedsThePassword() throws {
    let (standIn, settings) = try standInOnRenderedFile()
    #expect(standIn.waitUntilUp())
    _ = try standIn.api("POST", "/standin/fault/auth-delay/1")
    for password in [nil, "watchpost:wrong", "watchpost:"] {
      let publisher = try RTSPPublisher(
        port: settings.mediaServer.rtspPort, path: "cam-front", media: .motionJPEG(),
        authorization: password.map { "Basic " + Data($0.utf8).base64EncodedString() })
      #expect(try publisher.announce() == 401)
    }
  }

  @Test func aPortWithoutListenerRefuses() {
    let answer = call(FedExchange(), .info(life: 9), port: freePort())
    #expect(answer == MediaAnswer(request: .info(life: 9), outcome: .failed(.refused)))
  }

  /// A stopped server accepts and never answers: the caller's time-out ends the call.
  @Test func aStoppedServerNeverAnswers() throws {
    let (standIn, settings) = try standInOnRenderedFile()
    #expect(standIn.waitUntilUp())
    standIn.send(signal: SIGSTOP)
    let fed = FedExchange()
    let port = settings.mediaServer.apiPort
    let list = MediaRequest.listPaths(life: 1, page: 0)
    #expect(call(fed, list, port: port, within: .milliseconds(300)) == nil)
    #expect(fed.isIdle)
    standIn.send(signal: SIGCONT)
    #expect(call(fed, list, port: port)?.outcome == .paths(pages: 1))
  }

  @Test func aServerThatDiesClosesTheCall() throws {
    let (standIn, settings) = try standInOnRenderedFile()
    #expect(standIn.waitUntilUp())
    _ = try standIn.api("POST", "/standin/fault/slow-api/60000")
    let fed = FedExchange()
    let list = MediaRequest.listPaths(life: 1, page: 0)
    var answer = fed.exchange.begin(
      list, port: settings.mediaServer.apiPort, credentials: madeCredentials)
    #expect(answer == nil)
    usleep(20_000)
    answer = fed.exchange.advance()
    #expect(answer == nil)
    standIn.send(signal: SIGKILL)
    #expect(
      waitUntil {
        answer = fed.exchange.advance()
        return answer != nil
      })
    #expect(answer?.outcome == .failed(.closed))
  }

  @Test func poisonIsARejection() throws {
    let (standIn, settings) = try standInOnRenderedFile()
    #expect(standIn.waitUntilUp())
    _ = try standIn.api("POST", "/standin/fault/poison")
    let add = MediaRequest.addPath(life: 1, Name("cam-new"))
    let answer = call(FedExchange(), add, port: settings.mediaServer.apiPort)
    #expect(answer?.outcome == .rejected(status: 400))
  }
}
