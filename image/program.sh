# shellcheck shell=bash
# The device programs: Embedded Swift, static, stripped. Sourced by image/build, which provides
# `top`, `architecture`, `made` and `out`.
# shellcheck disable=SC2154

# toolchain: the toolchain's folder `usr/lib/swift`.
toolchain() {
  swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p'
}

# triple: the Embedded Swift target. The bare-metal triple has an embedded standard library for
# arm64; clang is told by the toolset that the C side is Linux.
triple() {
  case $architecture in
    aarch64) echo aarch64-none-none-elf ;;
    x86_64) echo x86_64-unknown-linux-gnu ;;
    *) fail "board/$board/build.conf names the architecture \"$architecture\";" \
      "a toolset for it belongs into board/toolset/." ;;
  esac
}

# debian_architecture: the name of the architecture in the cache's items.
debian_architecture() {
  case $architecture in
    aarch64) echo arm64 ;;
    *) echo amd64 ;;
  esac
}

# Libraries that the device code links, by the name after -l: FILE in the system's library folder.
static_libraries="gpiod:libgpiod.a yajl:libyajl_s.a http_parser:libhttp_parser.a inih:libinih.a
  sodium:libsodium.a v4l2:libv4l2.a v4lconvert:libv4lconvert.a jpeg:libjpeg.a
  openh264:libopenh264.a"

# cxx_runtime: the C++ compiler's own part of its library, which OpenH264 needs: memory, type
# information and the frame of exceptions, without streams, locales and the rest of libstdc++.
cxx_runtime() {
  case $architecture in
    aarch64) aarch64-linux-gnu-g++ -print-file-name=libsupc++.a ;;
    *) g++ -print-file-name=libsupc++.a ;;
  esac
}

# link_libraries: a folder in which -lNAME finds nothing but static archives. Its name changes with
# what it holds: the build system does not see that an archive behind the same path is another one.
link_libraries() {
  local folder pair system udev name file
  case $architecture in
    aarch64) system=$(item_path sysroot-arm64)/usr/lib/aarch64-linux-gnu ;;
    *) system=/usr/lib/x86_64-linux-gnu ;;
  esac
  udev=$(item_path "libudev-$(debian_architecture)")/lib/libudev.a
  local -a archives=("udev:$udev" "stdc++:$(cxx_runtime)")
  for pair in $static_libraries; do
    file=$system/${pair#*:}
    [ -e "$file" ] || fail "$file is missing; run board/setup --update."
    archives+=("${pair%%:*}:$file")
  done
  folder=$(printf '%s\n' "${archives[@]#*:}" | xargs sha256sum | sha256sum | cut -c1-12)
  folder=$top/.build/image/.made/lib-$architecture-$folder
  mkdir -p "$folder"
  for pair in "${archives[@]}"; do
    name=${pair%%:*}
    ln -sfn "${pair#*:}" "$folder/lib$name.a"
  done
  echo "$folder"
}

# render_toolset: the toolset of this machine; touched only when it changes.
render_toolset() {
  local target=$top/.build/image/.made/$architecture.json libraries headers
  libraries=$(link_libraries) || exit 1
  headers=$(item_path sysroot-arm64)/usr/include
  sed -e "s|@SWIFT@|$(toolchain)|; s|@LIBRARIES@|$libraries|; s|@HEADERS@|$headers|" \
    -e "s|@TOOLSET@|$top/board/toolset|" \
    "$top/board/toolset/$architecture.json.in" >"$target.new"
  cmp -s "$target.new" "$target" || cp "$target.new" "$target"
  rm "$target.new"
  echo "$target"
}

# build_program PRODUCT OUT: builds a product for the board and strips it into OUT.
build_program() {
  local product=$1 target=$2 scratch=$top/.build/embedded-$architecture log=$made/$1.log
  local triple toolset binary
  triple=$(triple) || exit 1
  toolset=$(render_toolset) || exit 1
  local -a flags=(-c release --triple "$triple" --toolset "$toolset" --scratch-path "$scratch")
  say "building $product for $architecture"
  WATCHPOST_EMBEDDED=1 bounded 900 swift build --package-path "$top" "${flags[@]}" \
    --product "$product" >"$log" 2>&1 || {
    grep -E 'error|undefined' "$log" | head -n 20 >&2 || tail -n 20 "$log" >&2
    fail "$product does not build for $architecture; $log says why."
  }
  binary=$scratch/$triple/release/$product
  if [ ! -e "$target" ] || [ "$binary" -nt "$target" ]; then
    "$(dirname "$(toolchain)")/../bin/llvm-objcopy" --strip-all "$binary" "$target.new"
    mv "$target.new" "$target"
  fi
}

# check_program FILE LIMIT: static, and at most LIMIT bytes.
check_program() {
  local size headers
  headers=$(LC_ALL=C readelf -lW "$1")
  if grep -qE 'INTERP|DYNAMIC' <<<"$headers"; then
    rm "$1"
    fail "$(basename "$1") is not statically linked; look at board/toolset/$architecture.json.in."
  fi
  size=$(stat -c %s "$1")
  if [ "$size" -gt "$2" ]; then
    rm "$1"
    fail "$(basename "$1") has $size bytes, the limit is $2; look for what the linker kept."
  fi
}

# check_mediamtx: that the given MediaMTX, if any, is a program that can run on the board.
check_mediamtx() {
  local header
  [ -n "${MEDIAMTX:-}" ] || return 0
  [ -f "$MEDIAMTX" ] || fail "MEDIAMTX=$MEDIAMTX is no file; give the path of an arm64 MediaMTX."
  header=$(LC_ALL=C readelf -hlW "$MEDIAMTX" 2>/dev/null) || true
  if ! grep -q 'Machine: *AArch64' <<<"$header" || ! grep -qE 'Type: *(EXEC|DYN)' <<<"$header"; then
    fail "MEDIAMTX=$MEDIAMTX is no arm64 Linux program; take the linux_arm64 release."
  fi
  if grep -q INTERP <<<"$header"; then
    fail "MEDIAMTX=$MEDIAMTX wants a dynamic linker, which the board has not; take the release."
  fi
}

# choose_mediamtx: the given MediaMTX, or the test stand-in; $out/mediamtx and its kind.
choose_mediamtx() {
  local kind
  if [ -n "${MEDIAMTX:-}" ]; then
    kind=${MEDIAMTX_KIND:-file}
    cmp -s "$MEDIAMTX" "$out/mediamtx" || install -m 755 "$MEDIAMTX" "$out/mediamtx"
  else
    kind=stand-in
    # What stands there may be a real one from an earlier build.
    [ "$(cat "$out/mediamtx.kind" 2>/dev/null)" = stand-in ] || rm -f "$out/mediamtx"
    build_program mediamtx-standin "$out/mediamtx"
    check_program "$out/mediamtx" "$(size_limit)"
  fi
  echo "$kind" >"$out/mediamtx.kind"
}
