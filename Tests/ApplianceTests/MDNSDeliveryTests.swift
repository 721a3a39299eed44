import Testing
import Wire

@testable import Appliance

@Suite struct MDNSDeliveryTests {
  private static let address = IPv4(10, 0, 2, 15)

  private func delivery(
    from sender: IPv4, to destination: IPv4 = address, address: IPv4 = address,
    mask: UInt32 = 0xFFFF_FF00
  ) -> MDNSDelivery? {
    MDNSDelivery(from: sender, to: destination, address: address, mask: mask)
  }

  @Test func multicastIsForUsWhoeverSentIt() {
    #expect(delivery(from: IPv4(10, 0, 2, 2), to: MDNSMachine.group) == .multicast)
    #expect(delivery(from: IPv4(192, 0, 2, 1), to: MDNSMachine.group) == .multicast)
  }

  @Test func unicastIsForUsFromNeighboursAlone() {
    #expect(delivery(from: IPv4(10, 0, 2, 2)) == .direct)
    #expect(delivery(from: IPv4(10, 0, 2, 255)) == .direct)
    for stranger in [IPv4(10, 0, 3, 2), IPv4(10, 1, 2, 2), IPv4(192, 0, 2, 1), IPv4(127, 0, 0, 1)] {
      #expect(delivery(from: stranger) == nil)
    }
    #expect(delivery(from: IPv4(10, 0, 3, 2), mask: 0xFFFF_0000) == .direct)
    #expect(delivery(from: IPv4(10, 0, 2, 15), mask: .max) == .direct, "ourselves")
  }

  @Test func otherDestinationsAreNotUs() {
    for other in [IPv4(10, 0, 2, 255), IPv4(255, 255, 255, 255), IPv4(10, 0, 2, 16), .any] {
      #expect(delivery(from: IPv4(10, 0, 2, 2), to: other) == nil)
    }
  }

  @Test func withoutAnAddressOrAMaskNobodyIsANeighbour() {
    #expect(delivery(from: IPv4(10, 0, 2, 2), to: .any, address: .any) == nil)
    #expect(delivery(from: IPv4(10, 0, 2, 2), mask: 0) == nil)
  }
}
