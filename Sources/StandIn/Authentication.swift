/// What a client presents.
enum Credentials {
  case none
  case basic(user: String, password: String)
  case digest(Digest, method: String)

  struct Digest {
    var user = ""
    var realm = ""
    var nonce = ""
    var uri = ""
    var response = ""
  }

  /// Reads an Authorization header (RFC 7617, RFC 7616 with MD5); unreadable ones are wrong ones.
  init(header: String?, method: String) {
    guard let (scheme, rest) = header?.cut(at: " ") else {
      self = .none
      return
    }
    switch asciiLowercased(scheme) {
    case "basic":
      let decoded = String(decoding: base64Decoded(rest.trimmed) ?? [], as: UTF8.self)
      let (user, password) = decoded.cut(at: ":") ?? (decoded, "")
      self = .basic(user: user, password: password)
    case "digest":
      var digest = Digest()
      for field in rest.parts(",") {
        guard let (name, quoted) = field.trimmed.cut(at: "=") else { continue }
        let value = quoted.trimmed.unquoted
        switch asciiLowercased(name) {
        case "username": digest.user = value
        case "realm": digest.realm = value
        case "nonce": digest.nonce = value
        case "uri": digest.uri = value
        case "response": digest.response = value
        default: break
        }
      }
      self = .digest(digest, method: method)
    default: self = .basic(user: "", password: "")
    }
  }

  var isPresent: Bool {
    if case .none = self { false } else { true }
  }

  fileprivate func match(user: String, password: String, nonce: String) -> Bool {
    switch self {
    case .none: false
    case .basic(let name, let word): name == user && word == password
    case .digest(let digest, let method):
      digest.user == user && digest.nonce == nonce
        && digest.response
          == md5(
            md5("\(user):\(digest.realm):\(password)") + ":\(nonce):"
              + md5("\(method):\(digest.uri)"))
    }
  }

  var userName: String {
    switch self {
    case .none: ""
    case .basic(let user, _): user
    case .digest(let digest, _): digest.user
    }
  }
}

extension Configuration.Effective {
  /// Whether `authInternalUsers` lets somebody do something. `nonce` is what the client was given.
  func permits(
    _ action: String, path: String, address: String, credentials: Credentials, nonce: String
  ) -> Bool {
    for user in global.value(of: "authInternalUsers")?.list ?? [] {
      let ranges = user["ips"]?.list ?? []
      if !ranges.isEmpty, !ranges.contains(where: { isWithin($0.text ?? "", address) }) { continue }
      let granted = (user["permissions"]?.list ?? []).contains {
        guard $0["action"]?.text == action, let only = $0["path"]?.text else { return false }
        return only.isEmpty || only == path
      }
      guard granted, let name = user["user"]?.text, let password = user["pass"]?.text else {
        continue
      }
      if name == "any" || credentials.match(user: name, password: password, nonce: nonce) {
        return true
      }
    }
    return false
  }
}

/// Whether an address lies in a range: "10.0.0.0/8", or one address. IPv6 ranges other than a whole
/// address are not understood, and match nothing.
private func isWithin(_ range: String, _ address: String) -> Bool {
  let (base, length) = range.cut(at: "/") ?? (range, "")
  guard let wanted = ipv4(base), let given = ipv4(address) else { return base == address }
  guard let bits = UInt32(length.isEmpty ? "32" : length), bits <= 32 else { return false }
  let mask: UInt32 = bits == 0 ? 0 : ~0 << (32 - bits)
  return wanted & mask == given & mask
}

private func ipv4(_ text: String) -> UInt32? {
  let parts = text.parts(".")
  guard parts.count == 4 else { return nil }
  var address: UInt32 = 0
  for part in parts {
    guard let byte = UInt8(part) else { return nil }
    address = address << 8 | UInt32(byte)
  }
  return address
}
