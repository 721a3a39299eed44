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
  "${build[@]}" --product simulate >"$log" 2>&1 || {
    grep -aE -A 2 'error:' "$log" | head -n 20 >&2
    echo "the simulator does not build; all of it: $log" >&2
    return 2
  }
  # shellcheck disable=SC2034  # for whoever has called
  simulate=$("${build[@]}" --show-bin-path)/simulate
  echo "built the simulator in $((SECONDS - begin)) s"
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
