import Testing

@testable import Wire

/// Which place of `metrics` belongs to which operation.
@Suite struct MetricsPlaceTests {
  /// A request is counted in the place that has its name, and in no other one.
  @Test func requestsAreCountedByTheirNames() throws {
    let metrics = (0..<UInt16(128)).compactMap { Metric(rawValue: $0) }
    for number in 1..<64 as Range<UInt16> {
      guard let kind = Kind(rawValue: number) else { continue }
      var values = MetricValues()
      values.count(requestOf: number)
      #expect(values.requests(of: Int(number)) == 1, "\(kind)")
      let counted = metrics.filter { values[$0] != 0 }.map { "\($0)" }
      let name = "\(kind)"
      let told = "requests" + name.prefix(1).uppercased() + name.dropFirst()
      #expect(counted == (number < 32 ? [told] : []), "\(kind)")
      #expect(values[operation: Int(number)].requests == (number < 32 ? 0 : 1), "\(kind)")
      var since: UInt64 = 0
      #expect(values.requests(of: Int(number), since: &since) == 1 && since == 1)
      values.count(requestOf: number)
      #expect(values.requests(of: Int(number), since: &since) == 1 && since == 2)
    }
  }

  /// The document says where the numbers of operations and cores begin, and how many there are.
  @Test func placesAreThoseOfTheDocument() {
    var values = MetricValues()
    for core in 0..<8 { values[core: core] = UInt64(core) + 1 }
    #expect(values[.core0BusyMs] == 1 && values[.core7BusyMs] == 8)
    var statistics = OperationStatistics()
    (statistics.errors, statistics.p50Us, statistics.p95Us, statistics.p99Us) = (1, 2, 3, 4)
    (statistics.largestUs, statistics.longestUs, statistics.requests) = (5, 6, 7)
    values[operation: 1] = statistics
    #expect(values[operation: 1] == statistics && values[operation: 2] == OperationStatistics())
    let bytes = Example.build { memory in
      var writer = ByteWriter(memory)
      values.encode(into: &writer)
      return writer.count
    }
    // A head of 8 bytes; place 128 is that of kind 0, eight places before kind 1.
    let words = (0..<8).map { bytes[8 + 8 * (128 + 8 + $0)] }
    #expect(words == [1, 2, 3, 4, 5, 6, 7, 0])
    #expect(bytes.count == 8 + 8 * 640 && bytes[0] == 0x80 && bytes[1] == 2)
  }
}
