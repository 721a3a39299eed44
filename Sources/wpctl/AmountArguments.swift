import ArgumentParser
import ControlClient

// Amounts on the command line; what they may look like stands where they are parsed.

extension TimeSpan: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

extension ByteAmount: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

extension PointInTime: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}

extension DeviceFile: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
