# shellcheck shell=bash
# The simulator as it is run in numbers: optimised, apart from what tests are built into.

# build_simulate LOG [TREE]: builds it of TREE (default: here) and sets `simulate` to the program.
#
# The machines are generic over sizes and the loop over its world: without optimisation across
# modules a simulated hour costs twice as much.
build_simulate() {
  local log=$1 tree=${2:-.} begin=$SECONDS
  local build=(swift build --package-path "$tree" --scratch-path "$tree/.build/simulation"
    -c release -Xswiftc -cross-module-optimization -Xswiftc -enforce-exclusivity=unchecked)
  mkdir -p "$(dirname "$log")"
  local scratch=$tree/.build/simulation sources
  sources=$(cd "$tree" && find Sources -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
  [ "$sources" = "$(cat "$scratch/sources" 2>/dev/null)" ] || forget_modules "$tree" "$scratch"
  "${build[@]}" --product simulate >"$log" 2>&1 || {
    grep -aE -A 2 'error:' "$log" | head -n 20 >&2
    echo "the simulator does not build; all of it: $log" >&2
    return 2
  }
  printf '%s\n' "$sources" >"$scratch/sources"
  # shellcheck disable=SC2034  # for whoever has called
  simulate=$("${build[@]}" --show-bin-path)/simulate
  echo "built the simulator in $((SECONDS - begin)) s"
}

# forget_modules TREE SCRATCH: what was compiled of TREE's modules is compiled again.
#
# With optimisation across modules, one has the layouts in it of others that it does not import.
# The build system does not know that: a program of old and new modules corrupts its memory.
forget_modules() {
  local module
  rm -f "$2/sources"
  for module in "$1"/Sources/*/; do
    module=$(basename "$module")
    rm -f "$2/release/Modules/$module.swiftmodule" "$2/release/$module.build"/*.o
  done
}

# copy_tree TREE: makes TREE a copy of this checkout with everything that git knows of, also what is
# not committed. Files that are the same keep their times, so that a build goes on from the last.
copy_tree() {
  local tree=$1 commit
  commit=$(git stash create)
  commit=${commit:-$(git rev-parse HEAD)}
  git worktree prune
  if [ -e "$tree/.git" ]; then
    git -C "$tree" reset --quiet --hard
    git -C "$tree" checkout --quiet --detach "$commit"
  else
    mkdir -p "$(dirname "$tree")"
    git worktree add --quiet --detach --force "$tree" "$commit"
  fi
  # Which versions of packages: git does not know.
  [ ! -f Package.resolved ] || cp Package.resolved "$tree/"
}
