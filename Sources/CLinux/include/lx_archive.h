// Files on the data partition: whatever lies there may have been put there by somebody else, so
// that no symbolic link is followed and only regular files are opened.
#ifndef WATCHPOST_ARCHIVE_H
#define WATCHPOST_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

struct lx_file_facts {
  uint64_t bytes;
  /// Time of the last change, milliseconds since 1970 on the wall clock.
  uint64_t changed_ms;
};

/// Opens the folder `data`/`first`/`second`; empty names are left out. Only `data` itself may be
/// reached over symbolic links. The descriptor or a negative errno.
int32_t lx_folder_open(const char *data, const char *first, const char *second);

/// Opens a regular file in a folder. -ENOTSUP: it is not one. The descriptor or a negative errno.
int32_t lx_file_open_at(int32_t folder, const char *name, int32_t writable);
/// Opens a file in a folder for reading and writing, and makes it where it is missing.
int32_t lx_file_make_at(int32_t folder, const char *name);
/// Size and time of a regular file. 0 or a negative errno, -ENOTSUP: it is not one.
int32_t lx_file_facts_at(int32_t folder, const char *name, struct lx_file_facts *facts);
int32_t lx_file_facts_of(int32_t fd, struct lx_file_facts *facts);
/// 1: somebody has the file open for writing (a read lease is refused, fcntl(2)), 0: nobody has;
/// or a negative errno where the kernel does not tell. `fd` must be open for reading alone.
int32_t lx_file_is_written(int32_t fd);
/// pwrite(2): the number of bytes or a negative errno.
int64_t lx_write_at(int32_t fd, const void *bytes, size_t count, uint64_t offset);
int32_t lx_file_truncate(int32_t fd, uint64_t bytes);
int32_t lx_data_sync(int32_t fd);
/// What memory holds of a file, and the disk should, is read from the disk again
/// (POSIX_FADV_DONTNEED, posix_fadvise(2)); what is still to be written stays.
void lx_forget_cached(int32_t fd);
int32_t lx_unlink_at(int32_t folder, const char *name);
int32_t lx_rename_at(int32_t folder, const char *from, const char *to);

/// What a folder holds, as much as fits `bytes` (getdents64(2)): the number of bytes, 0 at the end,
/// or a negative errno. The descriptor remembers how far it has been read.
int64_t lx_folder_read(int32_t folder, void *bytes, size_t count);
/// The entry at `*offset` of what `lx_folder_read` told, and moves to the next one; NULL at the
/// end.
const char *_Nullable lx_folder_entry(const void *bytes, size_t count, size_t *offset);

/// One change in a watched folder.
struct lx_watch_event {
  /// What `lx_watch_add` returned; -1 for an overflow.
  int32_t watch;
  /// The name is new in the folder.
  int32_t appeared;
  /// The file is there, with new bytes perhaps.
  int32_t changed;
  /// Whoever wrote it has closed it, or it was moved here.
  int32_t closed;
  int32_t gone;
  int32_t is_folder;
  /// Changes have been lost (IN_Q_OVERFLOW).
  int32_t overflow;
  /// The watched folder itself is gone.
  int32_t ended;
  /// In that folder; empty for the folder itself. As long as the bytes live.
  const char *_Nullable name;
};

/// inotify(7): a descriptor that does not block, or a negative errno.
int32_t lx_watch_open(void);
/// Watches a folder, which is no symbolic link. The number of the watch or a negative errno.
int32_t lx_watch_add(int32_t watch, const char *path);
/// Changes, as many as fit `bytes`: their number of bytes or a negative errno.
int64_t lx_watch_read(int32_t watch, void *bytes, size_t count);
/// The change at `*offset`, and moves to the next one. 0 at the end.
int32_t lx_watch_next(const void *bytes, size_t count, size_t *offset,
                      struct lx_watch_event *event);

/// Waits until a message can be sent: 1, 0 when the time is over, or a negative errno.
int32_t lx_wait_writable(int32_t fd, int32_t timeout_ms);

#pragma clang assume_nonnull end
#endif
