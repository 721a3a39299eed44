// What admits operators: secrets, and small files on a partition without a journal.
#ifndef WATCHPOST_ACCESS_H
#define WATCHPOST_ACCESS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Fills `bytes` from getrandom(2), which waits until the kernel has gathered enough. 0 or a
/// negative errno.
int32_t lx_secret_random(void *bytes, size_t count);
/// Keeps what this process holds to itself: no core file, no ptrace(2), no /proc/PID/mem for
/// others of its user, and no swap as far as it is allowed; `secrets`, whole pages, in any case
/// where the limit of locked memory allows that much. 1: all of it is locked, 0: at most the
/// secrets are.
int32_t lx_keep_secret(void *secrets, size_t bytes);

/// Writes a file in place, mode 0600, makes it where it is missing, and cuts it behind what was
/// written. Returns when it is on the disk: 0 or a negative errno. No folder changes, and no
/// cluster changes its file: a power cut tears this file at most.
int32_t lx_overwrite(const char *path, const void *bytes, size_t count);
/// The same, for a reader that knows nothing of checksums: until the file is whole, its first byte
/// is zero. Takes the room before it changes anything. Does not change the mode of a file that is
/// there.
int32_t lx_overwrite_marked(const char *path, const void *bytes, size_t count);
/// Writes zeros over a file, then removes it. One that is missing is no error.
int32_t lx_erase(const char *path);
/// remove(3): a file or an empty folder. One that is missing is no error.
int32_t lx_remove(const char *path);
/// Appends to a file, mode 0600, at `offset`, behind which it is cut first, and returns when that
/// is on the disk. 0 or a negative errno, -ESTALE: the file ends before.
int32_t lx_append_at(const char *path, const void *bytes, size_t count, uint64_t offset);
/// mkdir(2), mode 0700; an existing folder is success.
int32_t lx_private_folder(const char *path);
/// Puts the names in a folder onto the disk; with `whole` everything else of its file system, too.
int32_t lx_sync_folder(const char *path, _Bool whole);

/// What holds of the file system of a folder.
struct lx_place {
  int32_t read_only;
  /// Every write waits for the disk.
  int32_t synchronous;
  /// It is memory: what is kept here is gone after the next start.
  int32_t is_memory;
  /// FAT, which writes names and clusters when it likes, whatever fsync(2) says.
  int32_t is_fat;
};
int32_t lx_place_of(const char *path, struct lx_place *place);
/// Mounts the file system of a folder anew, to be written, each write waiting for the disk: only so
/// does FAT write names, clusters and lengths in an order that a power cut may end anywhere. 0 or a
/// negative errno.
int32_t lx_open_for_writing(const char *path);
/// Mounts it anew for reading alone.
int32_t lx_close_for_writing(const char *path);

#pragma clang assume_nonnull end
#endif
