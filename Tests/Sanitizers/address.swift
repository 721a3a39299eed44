// What AddressSanitizer must report; Tests/sanitize looks first whether it does.
let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 8)
bytes.initialize(repeating: 1, count: 8)
bytes.deallocate()
print(bytes[3])
