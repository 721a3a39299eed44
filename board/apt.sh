# shellcheck shell=bash
# A private apt: packages of another architecture or suite are looked up and downloaded with a
# configuration of its own, so that neither the machine's architectures nor its sources change.
# Sourced by board/setup.
# `cache` and `scratch` come from cache.sh.
# shellcheck disable=SC2154

# machine_sources FOLDER: the machine's own package sources, one line each: URI SUITE KEYRING
# COMPONENT... KEYRING is "-" where the source names none (then apt's default keys count).
machine_sources() {
  local folder=$1/sources.list.d
  # One-line format: deb [option=value ...] URI SUITE COMPONENT...
  cat "${folder%.d}" "$folder"/*.list 2>/dev/null | awk '
    $1 != "deb" { next }
    {
      sub(/#.*/, ""); key = "-"
      if (match($0, /\[[^]]*\]/)) {
        options = substr($0, RSTART + 1, RLENGTH - 2)
        $0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH)
        if (match(options, /signed-by=[^ ]+/)) {
          key = substr(options, RSTART + 10, RLENGTH - 10)
        }
      }
      rest = ""
      for (i = 4; i <= NF; i++) rest = rest " " $i
      print $2, $3, key rest
    }'
  # deb822 format: a stanza of fields, several URIs and suites in one.
  local file
  for file in "$folder"/*.sources; do
    [ -e "$file" ] || continue
    awk '
      function flush(   i, j, u, s, key) {
        if (field["types"] ~ /(^| )deb( |$)/ && field["enabled"] !~ /^ *(no|false|0)/) {
          key = field["signed-by"]; gsub(/^ +| +$/, "", key)
          if (key !~ /^\/[^ ]*$/) key = "-"  # a key inside the stanza: the default keys count
          nu = split(field["uris"], u, " "); ns = split(field["suites"], s, " ")
          for (i = 1; i <= nu; i++) for (j = 1; j <= ns; j++)
            print u[i], s[j], key, field["components"]
        }
        delete field; name = ""
      }
      /^#/ { next }
      /^[ \t]*$/ { flush(); next }
      /^[ \t]/ { if (name != "") field[name] = field[name] " " $0; next }
      {
        name = tolower(substr($0, 1, index($0, ":") - 1))
        field[name] = substr($0, index($0, ":") + 1)
      }
      END { flush() }' "$file"
  done
}

# release_sources: the lines of machine_sources that are Debian's own archive for this release.
release_sources() {
  local codename
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  machine_sources /etc/apt | awk -v c="$codename" '
    { main = 0; for (i = 4; i <= NF; i++) if ($i == "main") main = 1 }
    $1 ~ /^cdrom:/ { next }
    main && ($2 == c || $2 == c "-updates" || $2 == c "-security") { print $1, $2, $3 }' | sort -u
}

# apt_configure NAME ARCH: makes the configuration NAME; its sources are read from standard input,
# each line "TYPE URI SUITE KEYRING".
apt_configure() {
  local dir=$cache/apt/$1 arch=$2 type uri suite key
  mkdir -p "$dir/lists/partial" "$dir/archives/partial"
  : >"$dir/status"
  : >"$dir/sources.list"
  while read -r type uri suite key; do
    case $key in
      -) echo "$type $uri $suite main" ;;
      *) echo "$type [signed-by=$key] $uri $suite main" ;;
    esac >>"$dir/sources.list"
  done
  [ -s "$dir/sources.list" ] || fail "No Debian archive for this release stands in /etc/apt;" \
    "add the release's main archive to the machine's apt sources."
  cat >"$dir/apt.conf" <<CONF
#clear APT::Architectures;
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "root";
Dir::State "$dir";
Dir::State::status "$dir/status";
Dir::State::Lists "$dir/lists";
Dir::Cache "$dir";
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "/dev/null";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
CONF
}

# apt_refresh NAME: fetches the package lists; fails when an archive cannot be reached.
apt_refresh() {
  bounded 300 apt-get -c "$cache/apt/$1/apt.conf" -qq -o APT::Update::Error-Mode=any update \
    >"$cache/apt/$1/update.log" 2>&1
}

# apt_private NAME COMMAND...: apt-get under the configuration NAME.
apt_private() {
  local name=$1
  shift
  bounded 600 apt-get -c "$cache/apt/$name/apt.conf" -qq "$@"
}

# apt_files NAME PACKAGE...: the files "PACKAGE_VERSION_ARCH.deb" that would be downloaded.
apt_files() {
  local name=$1
  shift
  apt_private "$name" --print-uris download "$@" | awk '{ print $2 }' | sort
}

# apt_unpack NAME FOLDER PACKAGE...: downloads the packages and unpacks them into FOLDER.
apt_unpack() {
  local name=$1 folder=$2 deb downloads
  shift 2
  downloads=$(mktemp -d -p "$scratch")
  (cd "$downloads" && apt_private "$name" download "$@" >/dev/null)
  mkdir -p "$folder"
  for deb in "$downloads"/*.deb; do
    dpkg-deb -x "$deb" "$folder"
  done
  rm -rf "$downloads"
}
