import Testing

@testable import ControlClient
@testable import Wire

@Suite struct ExpositionTests {
  /// A device that uses everything, with texts that must be escaped.
  static let readings: DeviceReadings = {
    var metrics = MetricValues()
    for place in 0..<UInt16(64) {
      if let metric = Metric(rawValue: place) { metrics[metric] = UInt64(place) + 1000 }
    }
    metrics[.cores] = 2
    metrics[core: 0] = 1500
    metrics[core: 1] = 20
    metrics[core: 2] = 30
    metrics[.requestsPing] = 7
    metrics[.requestsUnknown] = 3
    metrics[.requestsSnapshot] = 1
    var ping = OperationStatistics()
    (ping.errors, ping.p50Us, ping.p95Us, ping.p99Us) = (2, 12, 95, 1_500_000)
    (ping.largestUs, ping.longestUs) = (2_000_000, 3_000_000)
    metrics[operation: Int(Kind.ping.rawValue)] = ping
    for _ in 0..<4 { metrics.count(requestOf: 63) }

    var latency = AlertEntry()
    (latency.alert, latency.level) = (Code(.latency), Code(.critical))
    (latency.value, latency.warning, latency.critical) = (1_250_000, 500_000, 1_000_000)
    latency.raised = 4
    var slots = AlertEntry()
    (slots.alert, slots.value, slots.critical) = (Code(.slots), 912, 950)
    var newer = AlertEntry()
    (newer.alert, newer.value) = (Code(rawValue: 200), 5)

    var health = HealthReport()
    health.state = Code(.degraded)
    health.reasons = .latencyHigh | .bit(50)
    (health.slotsTotal, health.slotsUsed, health.slotsPeak) = (1024, 12, 80)
    health.mediaState = Code(.up)
    var info = ServerInfo()
    info.name = "a\"b\\c\nd"
    info.version = "1.2.3"
    info.board = "ümlaut"
    return DeviceReadings(
      metrics: metrics, alerts: [latency, slots, newer], health: health, info: info)
  }()

  private static let reading = ExpositionReading(readings.prometheusText)

  @Test func theTextIsTheFormat() {
    let reading = Self.reading
    #expect(reading.faults == [])
    #expect(reading.types.count > 60)
    #expect(reading.types.keys.allSatisfy { $0.hasPrefix("watchpost_") })
    #expect(ExpositionReading(emptyDevice.prometheusText).faults == [])
  }

  private var emptyDevice: DeviceReadings {
    DeviceReadings(
      metrics: MetricValues(), alerts: [], health: HealthReport(), info: ServerInfo())
  }

  @Test(arguments: [
    (#"watchpost_info{name="a\"b\\c\nd",version="1.2.3",board="ümlaut",boot_id="\#(zeros)"}"#, "1"),
    (#"watchpost_health_state{state="degraded"}"#, "1"),
    (#"watchpost_health_state{state="healthy"}"#, "0"),
    (#"watchpost_health_reason{reason="latencyHigh"}"#, "1"),
    (#"watchpost_health_reason{reason="cpuBusy"}"#, "0"),
    (#"watchpost_health_reason{reason="bit50"}"#, "1"),
    ("watchpost_slots", "1024"), ("watchpost_slots_used", "12"), ("watchpost_slots_peak", "80"),
    ("watchpost_media_server_up", "1"), ("watchpost_uptime_seconds", "1"),
    ("watchpost_agent_uptime_seconds", "1.001"),
    (#"watchpost_requests_answered_total{result="ok"}"#, "1002"),
    (#"watchpost_connections_refused_total{reason="address"}"#, "1009"),
    ("watchpost_loop_turn_longest_seconds", "0.001023"),
    ("watchpost_agent_resident_memory_bytes", "1054720"), ("watchpost_cores", "2"),
    ("watchpost_cores_busy_ratio", "1.054"),
    (#"watchpost_core_busy_seconds_total{core="0"}"#, "1.5"),
    (#"watchpost_core_busy_seconds_total{core="1"}"#, "0.02"),
    (#"watchpost_requests_total{operation="ping"}"#, "7"),
    (#"watchpost_requests_total{operation="cameraList"}"#, "0"),
    (#"watchpost_requests_total{operation="unknown"}"#, "3"),
    (#"watchpost_requests_total{operation="63"}"#, "4"),
    (#"watchpost_request_errors_total{operation="ping"}"#, "2"),
    (#"watchpost_request_duration_seconds{operation="ping",quantile="0.5"}"#, "1.2e-05"),
    (#"watchpost_request_duration_seconds{operation="ping",quantile="0.95"}"#, "9.5e-05"),
    (#"watchpost_request_duration_seconds{operation="ping",quantile="0.99"}"#, "1.5"),
    (#"watchpost_request_duration_seconds_count{operation="ping"}"#, "7"),
    (#"watchpost_request_duration_seconds{operation="snapshot",quantile="0.5"}"#, "NaN"),
    (#"watchpost_request_duration_max_seconds{operation="ping"}"#, "2"),
    (#"watchpost_request_duration_longest_seconds{operation="ping"}"#, "3"),
    (#"watchpost_alert_level{alert="latency"}"#, "2"),
    (#"watchpost_alert_level{alert="slots"}"#, "0"),
    (#"watchpost_alert_value{alert="latency"}"#, "1.25"),
    (#"watchpost_alert_value{alert="slots"}"#, "0.912"),
    (#"watchpost_alert_value{alert="200"}"#, "5"),
    (#"watchpost_alert_threshold{alert="latency",level="warning"}"#, "0.5"),
    (#"watchpost_alert_threshold{alert="slots",level="critical"}"#, "0.95"),
    (#"watchpost_alert_raised_total{alert="latency"}"#, "4"),
  ])
  func sample(name: String, value: String) {
    #expect(Self.reading.values[name] == value)
  }

  private static let zeros = String(repeating: "0", count: 32)

  @Test func whatIsNotThereHasNoSample() {
    let values = Self.reading.values
    #expect(values[#"watchpost_requests_total{operation="62"}"#] == nil)
    #expect(values[#"watchpost_core_busy_seconds_total{core="2"}"#] == nil)
    #expect(values[#"watchpost_alert_threshold{alert="slots",level="warning"}"#] == nil)
    #expect(
      values[#"watchpost_request_duration_seconds{operation="health",quantile="0.5"}"#] == nil)
  }

  /// A metric that the protocol gets needs a row in the table.
  @Test func everyMetricIsInTheTableOnce() {
    let inTable = MetricFamily.all.flatMap { $0.values.map(\.0.rawValue) }.sorted()
    #expect(inTable == (Array(0..<64) + Array(104..<128)).filter { Metric(rawValue: $0) != nil })
    for family in MetricFamily.all {
      #expect(family.values.count == 1 || family.label != nil, "\(family.name)")
      #expect(!family.help.contains("\\") && !family.help.contains("\n"))
    }
  }

  @Test func numbers() {
    #expect(Exposition.number(0) == "0")
    #expect(Exposition.number(0.1) == "0.1")
    #expect(Exposition.number(1e300) == "1e+300")
    #expect(Exposition.number(.infinity) == "+Inf")
    var text = Exposition()
    text.single("most_total", .counter, "The most.", .max)
    text.comment("two\r\nlines")
    #expect(text.text.hasSuffix("most_total 18446744073709551615\n# two lines\n"))
  }

  /// The reader itself finds what is wrong.
  @Test(arguments: [
    ("# HELP a b\n# TYPE a gauge\na 1", "the last line does not end"),
    ("a 1\n", "no TYPE above it"),
    ("# TYPE a gauge\na 1\n", "not below its HELP"),
    ("# HELP a b\n# TYPE a counter\na 1\n", "_total is for counters"),
    ("# HELP a b\n# TYPE a gauge\na 1\na 1\n", "the same twice"),
    ("# HELP a b\n# TYPE a gauge\na{b=\"1\",c=\"2\"} 1\na{c=\"2\",b=\"1\"} 2\n", "the same twice"),
    ("# HELP a b\n# TYPE a gauge\nab 1\n", "no TYPE above it"),
    ("# HELP a b\n# TYPE a gauge\na{b=\"\\t\"} 1\n", "wrong labels"),
    ("# HELP a b\n# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n", "a label twice"),
    ("# HELP a b\n# TYPE a gauge\na 1.2.3\n", "no number"),
    ("# HELP a b\n# TYPE a gauge\na-b 1\n", "no sample"),
    ("# HELP a_total b\n# TYPE a_total counter\na_total -1\n", "a counter below zero"),
    ("# HELP a b\n# TYPE a gauge\n# HELP b b\n# TYPE b gauge\na 1\n", "no TYPE above it"),
  ])
  func theReaderIsStrict(text: String, fault: String) {
    #expect(ExpositionReading(text).faults.contains { $0.contains(fault) })
  }

  @Test func alertChangesAreNamedInEvents() {
    var event = EventMessage()
    event.code = Code(.alertChanged)
    event.value = UInt32(Alert.slots.rawValue) | UInt32(AlertLevel.critical.rawValue) << 8
    #expect(EventDocument(event).alert == "slots" && EventDocument(event).level == "critical")
    event.code = Code(.healthChanged)
    #expect(EventDocument(event).alert == nil && EventDocument(event).level == nil)
  }
}
