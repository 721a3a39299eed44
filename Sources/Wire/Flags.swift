/// A set of named bits.
///
/// What `OptionSet` does, without its array literals: those need the heap, which the embedded build
/// forbids in this module.
public protocol Flags: Equatable, Sendable {
  associatedtype Bits: FixedWidthInteger & UnsignedInteger & Sendable
  var rawValue: Bits { get set }
  init(rawValue: Bits)
}

extension Flags {
  public static var none: Self { Self(rawValue: 0) }

  /// The flag of one bit, counted from 0.
  public static func bit(_ number: Int) -> Self { Self(rawValue: 1 << Bits(number)) }

  public var isEmpty: Bool { rawValue == 0 }
  /// True when every bit of `other` is set.
  public func contains(_ other: Self) -> Bool { rawValue & other.rawValue == other.rawValue }
  /// True when any bit of `other` is set.
  public func intersects(_ other: Self) -> Bool { rawValue & other.rawValue != 0 }

  public mutating func insert(_ other: Self) { rawValue |= other.rawValue }
  public mutating func remove(_ other: Self) { rawValue &= ~other.rawValue }
  /// Inserts or removes `other` so that it is there exactly when `present` says so.
  public mutating func set(_ other: Self, _ present: Bool) {
    if present { insert(other) } else { remove(other) }
  }

  public static func | (left: Self, right: Self) -> Self {
    Self(rawValue: left.rawValue | right.rawValue)
  }
  public static func & (left: Self, right: Self) -> Self {
    Self(rawValue: left.rawValue & right.rawValue)
  }
  public static func - (left: Self, right: Self) -> Self {
    Self(rawValue: left.rawValue & ~right.rawValue)
  }
}
