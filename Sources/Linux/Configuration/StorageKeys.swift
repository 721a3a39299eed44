import Appliance
import Wire

// The keys of the sections [storage] and [retention].

extension ConfigurationKey {
  var storageFacts: Facts {
    switch self {
    case .storageWarning:
      Self.row(
        "storage.warning_percent", .integer(10...99), "80",
        "used space of the data partition from which on it warns")
    case .storageLow:
      Self.row(
        "storage.low_percent", .integer(10...99), "90", "… from which on no new recording starts")
    case .storageCritical:
      Self.row(
        "storage.critical_percent", .integer(10...99), "95",
        "… from which on running recordings wait for room")
    case .storageReserve:
      Self.row(
        "storage.reserve_mb", .integer(0...100_000), "64",
        "MiB that count as used for each running recording")
    case .storageWorkers:
      Self.row(
        "storage.workers", .integer(1...4), "2",
        "processes that read and check files and keep pictures for clients")
    case .retentionAge:
      Self.row(
        "retention.age_h", .integer(0...87_600), "0",
        "hours that the device has run after which files go; 0: never")
    default:
      Self.row(
        "retention.size_mb", .integer(0...100_000_000), "0",
        "MiB of all files beyond which the oldest go; 0: no bound")
    }
  }
}

extension Configuration.Storage {
  mutating func set(_ key: ConfigurationKey, _ number: UInt64) {
    switch key {
    case .storageWarning: warningPercent = number
    case .storageLow: lowPercent = number
    case .storageCritical: criticalPercent = number
    case .storageReserve: reserveBytes = number << 20
    case .storageWorkers: workers = Int(number)
    case .retentionAge: retention.maximumAgeS = UInt32(number * 3600)
    default: retention.maximumBytes = number << 20
    }
  }
}
