# shellcheck shell=bash
# libudev.a: Debian ships it as a shared library only, so it is built from Debian's own systemd
# source package. Sourced by board/setup; `scratch` and `bounded` come from cache.sh.
# shellcheck disable=SC2154

# Parts of systemd that libudev does not need; each would want a further -dev package.
readonly systemd_off="openssl gcrypt gnutls pam acl audit selinux blkid kmod xz zstd lz4 bzip2 zlib
  libcurl p11kit libfido2 tpm2 elfutils glib dbus pcre2 libidn2 libidn libcryptsetup seccomp
  libiptc qrencode microhttpd xkbcommon pwquality repart bpf-framework dns-over-tls man html tests"

# cross_file SYSROOT: meson's description of the arm64 build.
cross_file() {
  cat <<INI
[binaries]
c = 'aarch64-linux-gnu-gcc'
cpp = 'aarch64-linux-gnu-g++'
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
[properties]
sys_root = '$1'
pkg_config_libdir = '$1/usr/lib/aarch64-linux-gnu/pkgconfig'
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
INI
}

# build_libudev ARCH SOURCE OUT FLAGS [MESON-ARGUMENT...]: OUT/lib/libudev.a, OUT/include/libudev.h.
build_libudev() {
  local source=$2 out=$3 flags=$4 build=$scratch/build-$1 option
  shift 4
  local -a options=(-Dstatic-libudev=true -Dmode=release --buildtype=plain -Db_lto=false
    --auto-features=disabled)
  for option in $systemd_off; do
    options+=("-D$option=false")
  done
  # format-overflow: gcc 12 warns about systemd's own code at -Os, which systemd makes an error.
  options+=("-Dc_args=-Os -ffunction-sections -fdata-sections -Wno-error=format-overflow $flags")
  # PATH: Debian's meson and jinja2 belong to Debian's python3, not to one found earlier.
  local -a system=(env PATH=/usr/sbin:/usr/bin:/sbin:/bin)
  bounded 600 "${system[@]}" meson setup "$build" "$source" "$@" "${options[@]}" || return 1
  bounded 300 "${system[@]}" ninja -C "$build" version.h || return 1
  bounded 1200 "${system[@]}" ninja -C "$build" libudev.a || return 1
  mkdir -p "$out/lib" "$out/include"
  cp "$source/src/libudev/libudev.h" "$out/include/"
  cp "$build/libudev.a" "$out/lib/"
  # A thin archive would only point at the object files of the build folder, which go away.
  [ "$(head -c 7 "$out/lib/libudev.a")" = '!<arch>' ]
}
