/// What a run has measured.
public struct LoadResult: Sendable {
  /// Requests answered as they should be.
  public var answers = 0
  /// From the first request to the last answer.
  public var seconds = 0.0
  /// Processor time of the generator itself meanwhile. Near `seconds`, it may be the limit.
  public var ownCPUSeconds = 0.0
  /// Of a closed loop from sending to answer, of an open one from the intended time of sending.
  public var latency = LatencyHistogram()
  /// Of an open loop: how much later than intended requests were sent, which is the generator's own
  /// part of the latency.
  public var lateness = LatencyHistogram()
  public var failures = Failures()

  public init() {}

  public var answersPerSecond: Double { seconds > 0 ? Double(answers) / seconds : 0 }
}
