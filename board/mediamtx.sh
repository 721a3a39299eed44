# shellcheck shell=bash
# The real MediaMTX for arm64 from its project's release page, cached. Sourced by image/run; `cache`,
# `scratch` and `publish` come from cache.sh.
# shellcheck disable=SC2154

# MEDIAMTX_RELEASES points elsewhere for a mirror, and for tests.
mediamtx_releases=${MEDIAMTX_RELEASES:-https://github.com/bluenviron/mediamtx/releases}

# fetch_mediamtx: makes the item mediamtx-arm64 current; fails quietly where the network does not
# allow it, and in words on a file whose checksum is wrong.
fetch_mediamtx() {
  local latest version archive sum folder=$scratch/mediamtx-arm64
  local -a get=(curl --fail --silent --show-error --location --connect-timeout 4 --max-time 180)
  # The page of the latest release redirects to its tag.
  latest=$("${get[@]}" --max-time 10 --head --output /dev/null --write-out '%{url_effective}' \
    "$mediamtx_releases/latest" 2>/dev/null) || return 1
  version=${latest##*/}
  [[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] || return 1
  archive=mediamtx_${version}_linux_arm64.tar.gz
  mkdir -p "$folder"
  "${get[@]}" --output "$folder/checksums" \
    "$mediamtx_releases/download/$version/checksums.sha256" 2>/dev/null || return 1
  "${get[@]}" --output "$folder/$archive" \
    "$mediamtx_releases/download/$version/$archive" 2>/dev/null || return 1
  sum=$(awk -v name="$archive" '{ sub(/^\*/, "", $2) } $2 == name { print $1 }' \
    "$folder/checksums")
  if [ "$(sha256sum "$folder/$archive" | cut -d' ' -f1)" != "$sum" ]; then
    say "MediaMTX $version was downloaded with a wrong checksum and is not used."
    return 1
  fi
  tar -xzf "$folder/$archive" -C "$folder" mediamtx || return 1
  rm "$folder/$archive" "$folder/checksums"
  echo "$version" >"$folder/version"
  publish mediamtx-arm64 "$version" "1 $mediamtx_releases" "$folder"
}
