# shellcheck shell=bash
# manifest.json: what the image holds, from which versions, under which licences.
# Sourced by image/build, which provides `top`, `board`, `kernel`, `out` and `made`.
# shellcheck disable=SC2154

# Libraries linked into `watchpost`: NAME DEBIAN-PACKAGE SPDX-LICENCE
readonly linked="libudev systemd LGPL-2.1-or-later
libgpiod libgpiod-dev LGPL-2.1-or-later
yajl libyajl-dev ISC
http-parser libhttp-parser-dev MIT
inih libinih-dev BSD-3-Clause
libv4lconvert libv4l-dev LGPL-2.1-or-later
libjpeg-turbo libjpeg62-turbo-dev BSD-3-Clause_AND_IJG
openh264 libopenh264-dev BSD-2-Clause
libstdc++ libstdc++ GPL-3.0-or-later_WITH_GCC-exception-3.1
glibc libc6-dev-arm64-cross LGPL-2.1-or-later
swift-runtime swift Apache-2.0_WITH_Swift-exception"

# cxx_package: the package of the C++ compiler's library; its name has the compiler's version.
cxx_package() {
  dpkg-query -S "$(readlink -f "$(cxx_runtime)")" | cut -d: -f1
}

# version_of PACKAGE: the version of a package of the sysroot, of the cache or of this machine.
version_of() {
  local item version=""
  for item in sysroot-arm64 "libudev-$(debian_architecture)" tools-arm64; do
    version=$(sed -n "s/^${1}_\(.*\)_[a-z0-9]*\.deb$/\1/p" "$(item_path "$item")/packages")
    # A host program is linked against this machine's own packages, not against the sysroot's.
    if [ "$item" = sysroot-arm64 ] && [ "$(debian_architecture)" = amd64 ]; then
      version=""
    fi
    [ -z "$version" ] || break
  done
  case $1 in
    swift) version=$(swiftc -print-target-info | sed -n 's/.*"swiftCompilerTag": "\(.*\)".*/\1/p') ;;
    libc6-dev-arm64-cross) [ "$(debian_architecture)" = arm64 ] || set -- libc6-dev ;;
    libstdc++) set -- "$(cxx_package)" ;;
  esac
  [ -n "$version" ] || version=$(dpkg-query -W -f '${Version}' "$1")
  # apt writes an epoch's colon as %3a into file names.
  echo "${version//%3a/:}"
}

# entry NAME VERSION LICENCE [FILE]: one JSON object.
entry() {
  local licence=${3//_/ }
  printf '    { "name": "%s", "version": "%s", "licence": "%s"' "$1" "$2" "${licence% }"
  [ -z "${4:-}" ] || printf ', "size": %d, "sha256": "%s"' "$(stat -c %s "$4")" \
    "$(sha256sum "$4" | cut -d' ' -f1)"
  printf ' }'
}

# joined: the lines of standard input as members of a JSON array.
joined() {
  sed '$!s/$/,/'
}

watchpost_version() {
  git -C "$top" describe --always --dirty 2>/dev/null || echo unknown
}

libraries() {
  local name package licence
  while read -r name package licence; do
    entry "$name" "$(version_of "$package")" "$licence"
    echo
  done <<<"$linked"
}

files() {
  local version
  version=$(watchpost_version)
  {
    entry watchpost "$version" Apache-2.0 "$out/watchpost"
    echo
    if [ "$(cat "$out/mediamtx.kind")" = stand-in ]; then
      entry "mediamtx (test stand-in)" "$version" Apache-2.0 "$out/mediamtx"
    else
      entry mediamtx "$(cat "$out/mediamtx.kind")" MIT "$out/mediamtx"
    fi
    echo
    [ -n "$kernel" ] || return 0
    entry kernel "$(cat "$(item_path "$kernel")/release")" GPL-2.0-only "$out/kernel"
    echo
    entry initramfs "$version" "see its files" "$out/initramfs"
    echo
    entry disk.img "$version" Apache-2.0 "$out/disk.img"
    echo
    entry busybox "$(version_of busybox-static)" GPL-2.0-only "$(item_path tools-arm64)/busybox"
    echo
    entry e2fsck "$(version_of e2fsck-static)" GPL-2.0-only "$(item_path tools-arm64)/e2fsck"
    echo
    for module in "$made"/tree/lib/modules/*.ko; do
      entry "lib/modules/$(basename "$module")" "$(cat "$(item_path "$kernel")/release")" \
        GPL-2.0-only "$module"
      echo
    done
  }
}

write_manifest() {
  local target=$out/manifest.json
  {
    printf '{\n  "board": "%s",\n  "architecture": "%s",\n' "$board" "$architecture"
    printf '  "mediamtx": "%s",\n' "$(cat "$out/mediamtx.kind")"
    printf '  "files": [\n'
    files | joined
    printf '  ],\n  "linked": [\n'
    libraries | joined
    printf '  ]\n}\n'
  } >"$target.new"
  mv "$target.new" "$target"
}

summary() {
  say "image/build: $out"
  local file
  for file in watchpost mediamtx kernel initramfs disk.img; do
    [ ! -e "$out/$file" ] || printf '  %-10s %9d bytes\n' "$file" "$(stat -c %s "$out/$file")"
  done
  if [ "$(cat "$out/mediamtx.kind")" = stand-in ]; then
    say "  MediaMTX is the test stand-in, not the real server: good for a look, not for the field." \
      "MEDIAMTX=FILE puts a real arm64 MediaMTX in."
  else
    say "  MediaMTX: $(cat "$out/mediamtx.kind")"
  fi
}
