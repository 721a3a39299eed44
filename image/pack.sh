# shellcheck shell=bash
# Kernel, initramfs and disk image of a board, made without root and without mounting anything.
# Sourced by image/build, which provides `top`, `board`, `kernel`, `made` and `out`.
# shellcheck disable=SC2154

# Everything that is made carries this date, so that the same input gives the same bytes.
readonly image_date="2026-01-01 00:00:00 UTC"

# up_to_date NAME INPUT...: whether $out/NAME was made from these inputs (files, by content) by
# this script; otherwise notes them, to be confirmed by made_now NAME.
up_to_date() {
  local name=$1
  shift
  sha256sum "$top/image/pack.sh" "$@" | awk '{ print $1 }' >"$made/$name.inputs.new"
  [ -e "$out/$name" ] && cmp -s "$made/$name.inputs.new" "$made/$name.inputs"
}

made_now() {
  mv "$made/$1.inputs.new" "$made/$1.inputs"
}

pack_kernel() {
  local source
  source=$(item_path "$kernel")
  up_to_date kernel "$source/vmlinuz" || {
    cp "$source/vmlinuz" "$out/kernel"
    made_now kernel
  }
  local file
  for file in cmdline board.json; do
    cmp -s "$top/board/$board/$file" "$out/$file" || cp "$top/board/$board/$file" "$out/$file"
  done
}

# source_of NAME: the file that `built:` or `tools:` stands for.
source_of() {
  case $1 in
    built:*) echo "$out/${1#built:}" ;;
    tools:*) echo "$(item_path tools-arm64)/${1#tools:}" ;;
    board:*) echo "$top/board/$board/${1#board:}" ;;
    *) fail "image/rootfs names the source $1; it must begin with built:, tools: or board:." ;;
  esac
}

# lines FILE: a description without its comments.
lines() {
  sed -e 's/[[:space:]]*#.*//' -e '/^[[:space:]]*$/d' "$1"
}

# pack_modules ROOT: decompressed modules below ROOT/lib/modules, their order in ROOT/etc/modules:
# one line "PHASE FILE [ARGUMENT...]" for each that init loads. What lies on the shelf stands in
# ROOT/etc/modules.shelf, one line "MODULE FILE" for each that insmod MODULE takes, in order.
pack_modules() {
  local root=$1 source release phase module arguments order kind path name
  declare -A seen=()
  source=$(item_path "$kernel")
  release=$(cat "$source/release")
  while read -r phase module arguments; do
    if ! order=$(modprobe -d "$source" -S "$release" --show-depends "$module" 2>/dev/null); then
      [ "$phase" = shelf ] ||
        fail "Kernel $release has no module $module, which board/$board/modules asks for."
      echo "note: kernel $release has no $module" >>"$made/notes"
      continue
    fi
    while read -r kind path _; do
      [ "$kind" = insmod ] || continue
      name=$(basename "$path")
      name=${name%.xz}
      name=${name%.zst}
      [ "$phase" != shelf ] || echo "$module /lib/modules/$name" >>"$root/etc/modules.shelf"
      # A module that only lay on the shelf so far may still be needed by a later phase.
      case "${seen[$name]:-}" in
        "") ;;
        shelf) [ "$phase" != shelf ] || continue ;;
        *) continue ;;
      esac
      seen[$name]=$phase
      case $path in
        *.xz) xz -dc "$path" >"$root/lib/modules/$name" ;;
        *.zst) zstd -qdc "$path" >"$root/lib/modules/$name" ;;
        *) cp "$path" "$root/lib/modules/$name" ;;
      esac
      [ "$phase" = shelf ] || {
        # Arguments belong to the module that was asked for, which comes last.
        local last=${order##*/}
        case $last in
          "$(basename "$path")"*) echo "$phase /lib/modules/$name $arguments" ;;
          *) echo "$phase /lib/modules/$name" ;;
        esac | sed 's/ *$//' >>"$root/etc/modules"
      }
    done <<<"$order"
  done < <(lines "$top/board/$board/modules")
}

pack_initramfs() {
  local type path mode source root
  local -a inputs=("$top/image/rootfs" "$top/board/$board/modules" "$(item_path "$kernel")/recipe"
    "$(item_path "$kernel")/packages")
  while read -r type path mode source _; do
    [ "$type" != file ] || inputs+=("$(source_of "$source")")
  done < <(lines "$top/image/rootfs")
  ! up_to_date initramfs "${inputs[@]}" || return 0
  say "packing the initramfs"
  root=$made/tree
  rm -rf "$root" "$made/notes"
  mkdir -p "$root"
  while read -r type path mode source _; do
    case $type in
      dir) mkdir -p "$root$path" ;;
      file) cp "$(source_of "$source")" "$root$path" ;;
      link) ln -s "$source" "$root$path" ;;
      *) fail "image/rootfs has a line of type \"$type\"; it must be dir, file or link." ;;
    esac
    [ "$type" = link ] || chmod "$mode" "$root$path"
  done < <(lines "$top/image/rootfs")
  pack_modules "$root"
  chmod 644 "$root"/lib/modules/*.ko "$root"/etc/modules*
  find "$root" -exec touch --no-dereference --date="$image_date" {} +
  # Uncompressed: unpacking takes the emulated processor 0.08 s, instead of 0.25 s from gzip or zstd.
  (cd "$root" && find . | LC_ALL=C sort |
    cpio --quiet -o -H newc -R 0:0 --reproducible) >"$out/initramfs.new"
  mv "$out/initramfs.new" "$out/initramfs"
  chmod -R u+w "$root"
  made_now initramfs
}

pack_disk() {
  local conf=$top/board/$board/watchpost.conf image=$out/disk.img.new
  ! up_to_date disk.img "$top/image/layout" "$conf" || return 0
  say "making the disk image"
  local number label size type start=1 table=""
  rm -f "$image"
  while read -r number label size type; do
    table+="start=${start}MiB, size=${size}MiB, type=$([ "$type" = vfat ] && echo 0c || echo 83)"$'\n'
    start=$((start + size))
  done < <(lines "$top/image/layout")
  truncate -s "${start}M" "$image"
  printf 'label: dos\nlabel-id: 0x57415443\n%s' "$table" |
    sfdisk --quiet "$image"
  start=1
  while read -r number label size type; do
    case $type in
      vfat) make_vfat "$image" "$start" "$size" "$label" "$conf" ;;
      ext4) make_ext4 "$image" "$start" "$size" "$label" "$number" ;;
      *) fail "image/layout names the file system \"$type\"; it must be vfat or ext4." ;;
    esac
    start=$((start + size))
  done < <(lines "$top/image/layout")
  mv "$image" "$out/disk.img"
  made_now disk.img
}

# make_vfat IMAGE START-MIB SIZE-MIB LABEL CONF
make_vfat() {
  # It warns that the image is larger than the partition, which is the point of --offset.
  mkfs.vfat --invariant --offset "$(($2 * 2048))" -h "$(($2 * 2048))" -n "$4" "$1" \
    "$(($3 * 1024))" >"$made/mkfs.log" 2>&1 || fail "mkfs.vfat failed; $made/mkfs.log says why."
  SOURCE_DATE_EPOCH=$(date -d "$image_date" +%s) \
    mcopy -i "$1@@${2}M" "$5" ::watchpost.conf
}

# make_ext4 IMAGE START-MIB SIZE-MIB LABEL NUMBER
make_ext4() {
  local id options
  id=$(printf '57415443-484f-4e45-8000-%012d' "$5")
  # Inode tables and journal are finished here: otherwise the kernel writes them in the background
  # of the first boot.
  # 4 KiB blocks: mkfs would take 1 KiB for so small a file system, which no real card has.
  options="offset=$(($2 * 1048576)),hash_seed=$id,root_owner=0:0"
  options+=",lazy_itable_init=0,lazy_journal_init=0"
  E2FSPROGS_FAKE_TIME=$(date -d "$image_date" +%s) mkfs.ext4 -q -F -b 4096 -L "$4" -U "$id" \
    -E "$options" "$1" "${3}M" >"$made/mkfs.log" 2>&1 ||
    fail "mkfs.ext4 failed; $made/mkfs.log says why."
}
