import Wire

/// A family of Prometheus metrics that values of the answer to `metrics` make up.
///
/// Names follow prometheus.io/docs/practices/naming: base units, which the name ends in, and
/// `_total` behind those of counters.
struct MetricFamily {
  /// Without the prefix `watchpost_`.
  let name: String
  let kind: Exposition.Kind
  let help: String
  /// How many of the device's unit are one base unit: 1000 for milliseconds; 1/1024 for KiB.
  let perBaseUnit: Double
  /// The label that tells its values apart, where it has several.
  let label: String?
  let values: [(Metric, String)]

  private init(
    _ name: String, _ kind: Exposition.Kind, _ help: String, per unit: Double, by label: String?,
    _ values: [(Metric, String)]
  ) {
    (self.name, self.kind, self.help) = (name, kind, help)
    (perBaseUnit, self.label, self.values) = (unit, label, values)
  }

  private static func counter(
    _ name: String, _ metric: Metric, _ help: String, per unit: Double = 1
  ) -> MetricFamily {
    MetricFamily(name, .counter, help, per: unit, by: nil, [(metric, "")])
  }

  private static func counters(
    _ name: String, by label: String, _ help: String, _ values: [(Metric, String)]
  ) -> MetricFamily {
    MetricFamily(name, .counter, help, per: 1, by: label, values)
  }

  private static func gauge(
    _ name: String, _ metric: Metric, _ help: String, per unit: Double = 1
  ) -> MetricFamily {
    MetricFamily(name, .gauge, help, per: unit, by: nil, [(metric, "")])
  }

  private static let milliseconds = 1000.0
  private static let microseconds = 1_000_000.0
  private static let kibibytes = 1.0 / 1024
  private static let thousandths = 1000.0

  /// Every value but those by operation and by core, which have families of their own.
  static let all = agent + requests + connections + subscriptions + media + machine + load + jobs

  private static let agent: [MetricFamily] = [
    gauge("uptime_seconds", .uptimeMs, "Time since the kernel started.", per: milliseconds),
    gauge(
      "agent_uptime_seconds", .agentUptimeMs, "Time since the agent started.", per: milliseconds),
    counter(
      "agent_cpu_seconds_total", .cpuMs, "Processor time used by the agent.", per: milliseconds),
    gauge(
      "agent_resident_memory_bytes", .memoryKiB, "Resident memory of the agent.", per: kibibytes),
    gauge(
      "agent_resident_memory_peak_bytes", .memoryPeakKiB, "The most resident memory of the agent.",
      per: kibibytes),
    counter("loop_turns_total", .loopTurns, "Turns of the event loop."),
    gauge(
      "loop_turn_longest_seconds", .longestTurnUs, "Longest turn of the event loop in this life.",
      per: microseconds),
    counter("log_lines_total", .logLines, "Lines of the agent's own log."),
  ]

  private static let requests: [MetricFamily] = [
    counters(
      "requests_answered_total", by: "result", "Requests answered, with ok or an error.",
      [(.requestsSucceeded, "ok"), (.requestsFailed, "error")]),
    counter(
      "requests_failed_internally_total", .requestsFailedHere,
      "Requests answered with an error that is the device's, not the client's."),
    counter(
      "requests_denied_total", .permissionDenied,
      "Requests refused because the peer may not do this."),
    counter(
      "requests_rate_limited_total", .requestsRateLimited,
      "Requests beyond the rate of their address."),
    counter(
      "frames_refused_total", .framesRefused,
      "Frames with a wrong magic, checksum, version or length, or with reserved bits."),
    counter("received_bytes_total", .bytesReceived, "Bytes received on the control port."),
    counter("sent_bytes_total", .bytesSent, "Bytes sent on the control port."),
  ]

  private static let connections: [MetricFamily] = [
    gauge("connections_open", .connectionsOpen, "Connections that have a slot."),
    gauge("connections_peak", .connectionsPeak, "The most connections open at once."),
    counter("connections_accepted_total", .connectionsAccepted, "Connections that got a slot."),
    counters(
      "connections_refused_total", by: "reason", "Connections told BUSY, by the limit they met.",
      [(.refusedBusy, "slots"), (.refusedAddress, "address"), (.refusedPublic, "public")]),
    counter(
      "connections_refused_silently_total", .refusedSilently,
      "Refused connections, also counted by reason, that could not even be told BUSY."),
    counters(
      "connections_closed_total", by: "reason", "Connections that ended.",
      [
        (.closedByPeer, "peer"), (.closedIdle, "idle"), (.closedFrameTimeout, "frame_timeout"),
        (.closedWriteTimeout, "write_timeout"), (.closedProtocolError, "protocol_error"),
        (.closedHandshake, "handshake_timeout"), (.closedDisplaced, "displaced"),
      ]),
  ]

  private static let subscriptions: [MetricFamily] = [
    gauge("subscribers", .subscribers, "Connections with at least one topic."),
    counter("events_published_total", .eventsPublished, "Events of the device."),
    counter("events_delivered_total", .eventsDelivered, "Events sent, counted per subscriber."),
    counter(
      "events_missed_total", .eventsMissed,
      "Events dropped for a slow subscriber, counted per subscriber."),
    counter(
      "messages_published_total", .messagesPublished, "Messages of clients to subscribers."),
    counter(
      "messages_delivered_total", .messagesDelivered,
      "Messages handed over in whole, counted per subscriber."),
    counter(
      "messages_missed_total", .messagesMissed,
      "Messages that a slow subscriber has lost, counted per subscriber."),
  ]

  private static let media: [MetricFamily] = [
    counter("media_server_starts_total", .mediaServerStarts, "Starts of MediaMTX."),
    counter("media_server_exits_total", .mediaServerExits, "Ends of MediaMTX."),
    counter(
      "media_server_probes_failed_total", .mediaServerProbesFailed,
      "Probes of the API of MediaMTX without a usable answer in time."),
    counter("camera_connects_total", .cameraConnects, "Cameras plugged in."),
    counter("camera_disconnects_total", .cameraDisconnects, "Cameras unplugged."),
    counter(
      "camera_probes_failed_total", .cameraProbesFailed,
      "Probes of cameras without a usable answer."),
    counter("feed_starts_total", .feedStarts, "Starts of feeds."),
    counter(
      "feed_stalls_total", .feedStalls,
      "Feeds ended because their camera or they themselves had stalled."),
    counter("frames_published_total", .framesPublished, "Pictures sent to MediaMTX by all feeds."),
    counter(
      "frames_damaged_total", .framesDamaged, "Damaged or empty pictures that cameras have sent."),
    counter(
      "snapshots_sent_total", .snapshotsSent, "Pictures sent in whole as answers to snapshot."),
  ]

  private static let machine: [MetricFamily] = [
    counter(
      "network_received_bytes_total", .networkReceivedBytes,
      "Bytes received on all network interfaces but the loopback, since the kernel started."),
    counter(
      "network_sent_bytes_total", .networkSentBytes,
      "Bytes sent on all network interfaces but the loopback, since the kernel started."),
    counter(
      "disk_read_bytes_total", .diskReadBytes,
      "Bytes read from all disks, since the kernel started."),
    counter(
      "disk_written_bytes_total", .diskWrittenBytes,
      "Bytes written to all disks, since the kernel started."),
    gauge("memory_bytes", .deviceMemoryKiB, "Memory of the device.", per: kibibytes),
    gauge(
      "memory_available_bytes", .deviceMemoryAvailableKiB,
      "Memory that programs could still have.", per: kibibytes),
    gauge("cores", .cores, "Processor cores."),
    gauge(
      "cores_busy_ratio", .coresBusyPermille,
      "Share of the last second in which the cores were busy, on average.", per: thousandths),
  ]

  private static let load: [MetricFamily] = [
    gauge("buffers_awaited", .buffersAwaited, "Connections that wait for a large buffer."),
    gauge("buffers_lent", .buffersLent, "Large buffers lent, of 64."),
    gauge("pictures_pending", .picturesPending, "Pictures on their way to clients, of 16."),
    gauge(
      "requests_per_second", .requestsPerSecond, "Requests answered in the last second."),
    gauge(
      "connections_per_second", .connectionsPerSecond,
      "Connections that got a slot in the last second."),
    gauge(
      "answers_p95_seconds", .answersP95Us,
      "95th percentile of the time that answers of all operations took of late.",
      per: microseconds),
  ]

  private static let jobs: [MetricFamily] = [
    gauge("jobs_waiting", .jobsWaiting, "Jobs that wait for a worker, of 100."),
    gauge("jobs_running", .jobsRunning, "Jobs that a worker is at."),
    counter("jobs_done_total", .jobsDone, "Jobs that a worker has answered."),
    counter(
      "jobs_failed_total", .jobsFailed,
      "Jobs that took longer than they may, or whose worker died."),
    counters(
      "jobs_refused_total", by: "reason",
      "Jobs refused: the queue was full, or those of their camera had failed too often.",
      [(.jobsRefused, "queue"), (.jobsBroken, "camera")]),
    gauge(
      "job_wait_seconds", .jobWaitMs, "Time that the last job waited for its worker.",
      per: milliseconds),
    gauge(
      "job_wait_longest_seconds", .jobWaitLongestMs,
      "The longest time that a job of this life waited for its worker.", per: milliseconds),
    counter("file_read_bytes_total", .fileBytesRead, "Bytes of files that clients have read."),
  ]
}
