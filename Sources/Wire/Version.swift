/// The version of all that is built from this package, as devices and clients tell it.
public let productVersion: StaticString = "0.1.0"
