# shellcheck shell=bash
# The cache outside the checkout: what board/setup fetched and built, and how its parts are found.
# Sourced by board/setup, image/build and image/run.
#
#   $cache/ITEM/KEY/       one version of an item; appears complete, by rename, or not at all
#   $cache/current/ITEM    link to the version in use
#
# Items: sysroot-arm64, libudev-arm64, libudev-amd64, kernel-arm64, tools-arm64, mediamtx-arm64.

# Tools for modules and file systems, which Debian keeps from ordinary users' paths.
PATH=$PATH:/usr/sbin:/sbin

cache=${WATCHPOST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/watchpost}
case $cache in
  /*) ;;
  *) cache=$PWD/$cache ;;
esac

# fail SENTENCE...: one sentence that names the problem and the way out, then exit 1.
fail() {
  local self
  self=$(readlink -f "$0")
  echo "${self#"${self%/*/*}/"}: $*" >&2
  exit 1
}

say() {
  echo "$*"
}

# bounded SECONDS COMMAND...: a build step that can neither hang nor eat the machine's memory.
# 12 GB of address space is what the Swift compiler reserves in its largest step, with a margin.
#
# A time-out ends the whole process group of the step. At a terminal the step stays in the group of
# the script instead, so that Ctrl-C reaches it.
process_group=()
[ ! -t 0 ] || process_group=(--foreground)
bounded() {
  local seconds=$1
  shift
  (
    # The soft limit: a sanitizer that needs more addresses says so and raises it.
    ulimit -S -v 12000000
    exec timeout "${process_group[@]}" --kill-after=10 "$seconds" "$@"
  )
}

# lock_cache WHAT: holds the cache for this process, so that two runs do not build the same thing.
lock_cache() {
  mkdir -p "$cache/current"
  exec 9>"$cache/lock"
  if ! flock --nonblock 9; then
    say "$1: waiting for another run that uses $cache"
    flock --timeout 1800 9 || fail "Another run has held $cache/lock for 30 minutes; end it first."
  fi
}

# item_path ITEM: the folder of the version in use.
item_path() {
  echo "$cache/current/$1"
}

# item_is_current ITEM RECIPE: whether the version in use was made by this recipe.
item_is_current() {
  [ "$(cat "$cache/current/$1/recipe" 2>/dev/null)" = "$2" ]
}

# publish ITEM KEY RECIPE FOLDER: moves a finished FOLDER (on the cache's file system) into place.
publish() {
  local item=$1 key=$2 recipe=$3 folder=$4
  printf '%s\n' "$recipe" >"$folder/recipe"
  mkdir -p "$cache/$item"
  rm -rf "${cache:?}/$item/$key"
  mv "$folder" "$cache/$item/$key"
  use "$item" "$key"
}

# use ITEM KEY: makes a version that is in the cache the one in use.
use() {
  ln -sfn "../$1/$2" "$cache/current/.$1.$$"
  mv -T "$cache/current/.$1.$$" "$cache/current/$1"
}

# A folder for work in progress on the cache's file system, so that results move by rename; made by
# whoever holds the lock, and removed with its process.
scratch=""
open_scratch() {
  # Under the lock, what stands there is left over from a run that was killed.
  rm -rf "$cache"/tmp.*
  scratch=$(mktemp -d -p "$cache")
  trap 'rm -rf "$scratch"' EXIT
}
