import Testing

@testable import Wire

@Suite struct SourceURLTests {
  @Test(arguments: [
    "rtsp://h", "rtsp://192.168.1.60/stream", "rtsps://h:322/", "rtsp://u@h/x", "rtsp://u:p@h:1/x",
    "rtsp://[fe80::1]:554/a", "rtsp://[::1]", "rtsp://h?channel=1", "rtsp://u:p@ss@h/x",
    "rtsp://h:65535", "rtsp://h/" + String(repeating: "a", count: 151),
  ])
  func addresses(_ url: String) { #expect(SourceURL(text(url)) != nil) }

  @Test(arguments: [
    "", "rtsp", "rtsp://", "rtsp:///x", "http://h/x", "RTSP://h/x", "rtsp://u@/x", "rtsp://:554/",
    "rtsp://h:/x", "rtsp://h:0/x", "rtsp://h:65536/x", "rtsp://h:99999999999999999999/x",
    "rtsp://h:5a/x", "rtsp://[::1/x", "rtsp://[]/x", "rtsp://[::1]x/", "rtsp://h /x",
    "rtsp://h/\"x",
    "rtsp://h/'x", "rtsp://h/`x", "rtsp://h/\\x", "rtsp://h/\u{7F}", "rtsp://h/\n",
    "rtsp://h\u{E4}/",
    " rtsp://h/x",
  ])
  func noAddresses(_ url: String) { #expect(SourceURL(text(url)) == nil, "\(url)") }

  @Test(arguments: [
    ("rtsp://h/x", "rtsp://h/x"), ("rtsp://u@h/x", "rtsp://u@h/x"),
    ("rtsp://u:@h/x", "rtsp://u:@h/x"), ("rtsp://u:secret@h:554/x", "rtsp://u:***@h:554/x"),
    ("rtsps://u:a:b@c@h/x@y", "rtsps://u:***@h/x@y"), ("rtsp://h/u:p@x", "rtsp://h/u:p@x"),
  ])
  func passwordsAreNotShown(_ url: String, _ shown: String) {
    #expect(SourceURL(text(url))?.masked.string == shown)
  }

  private func text(_ string: String) -> Text<160> {
    Array(string.utf8).withUnsafeBytes { Text($0) }
  }
}
