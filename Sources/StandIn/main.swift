import CLinux

/// `mediamtx-standin CONFIGFILE`: see README.md beside the tests for what it does and does not.
func run() -> Int32 {
  var bytes = [UInt8](repeating: 0, count: 16 * 1024)
  let count = bytes.withUnsafeMutableBytes { si_arguments($0.baseAddress!, $0.count) }
  let arguments = bytes[..<max(0, Int(count))].split(separator: 0)
  guard arguments.count == 2 else {
    Log.plain("usage: mediamtx-standin CONFIGFILE")
    return 1
  }
  let file = String(decoding: arguments[1], as: UTF8.self)
  do throws(Refusal) {
    let (overlay, effective) = try Server.load(file)
    return Server(file: file, overlay: overlay, effective: effective).run()
  } catch {
    Log()(.error, error.reason)
    return 1
  }
}

let code = run()
si_files_finish()
si_exit(code)
