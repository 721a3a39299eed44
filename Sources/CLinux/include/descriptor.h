// Files, memory and clocks.
#ifndef WATCHPOST_DESCRIPTOR_H
#define WATCHPOST_DESCRIPTOR_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// errno values that Swift code decides about, as the positive numbers of this machine.
enum lx_errno {
  LX_ENOENT = 2,
  LX_EIO = 5,
  LX_EAGAIN = 11,
  LX_ENOMEM = 12,
  LX_EBUSY = 16,
  LX_EEXIST = 17,
  LX_ENFILE = 23,
  LX_EMFILE = 24,
  LX_ENOSPC = 28,
  LX_EPIPE = 32,
  LX_ELOOP = 40,
  LX_ENOTSUP = 95,
  LX_ENOBUFS = 105,
  LX_ESHUTDOWN = 108,
  LX_EUCLEAN = 117,
  LX_EDQUOT = 122,
};

/// How a file is opened; always close-on-exec.
enum lx_open_mode {
  LX_READ = 0,
  LX_WRITE = 1,
  LX_READ_WRITE = 2,
  /// Write to a new, empty file, mode 0600.
  LX_REPLACE = 3,
  /// Append, created with mode 0600 where it is missing.
  LX_APPEND = 4,
};

/// open(2) with O_CLOEXEC; `nonblocking` adds O_NONBLOCK.
int32_t lx_open(const char *path, enum lx_open_mode mode, int32_t nonblocking);
/// close(2). Linux frees the descriptor even when it reports an error.
void lx_close(int32_t fd);
/// read(2), write(2): the number of bytes or a negative errno.
int64_t lx_read(int32_t fd, void *bytes, size_t count);
int64_t lx_write(int32_t fd, const void *bytes, size_t count);
/// write(2) of a line to whoever watches, without waiting for one who has stopped reading: once for
/// 4 ms, then not at all. Bytes written, or a negative errno; EAGAIN: there is no room now, and the
/// line is not shown.
int64_t lx_say(int32_t fd, const void *line, size_t count);
/// The same, but once for `patience_ms`.
int64_t lx_say_within(int32_t fd, const void *line, size_t count, int32_t patience_ms);

/// 1: a terminal or the console, which only who is there reads; 0: anything else.
int32_t lx_is_terminal(int32_t fd);
/// Writes all of it to a blocking descriptor; 0 or a negative errno.
int32_t lx_write_all(int32_t fd, const void *bytes, size_t count);
int32_t lx_fsync(int32_t fd);
int32_t lx_set_nonblocking(int32_t fd);
int32_t lx_rename(const char *from, const char *to);
int32_t lx_unlink(const char *path);
/// mkdir(2), mode 0755; an existing folder is success.
int32_t lx_mkdir(const char *path);
/// Makes a folder and those above it, as far as they are missing.
int32_t lx_make_folders(const char *path);
/// True when access(2) finds the path.
int32_t lx_exists(const char *path);
/// A whole small file: the bytes read (at most `capacity`) or a negative errno.
int64_t lx_read_file(const char *path, void *bytes, size_t capacity);
/// Writes a small file in one go, without creating it (sysfs, procfs).
int32_t lx_write_file(const char *path, const void *bytes, size_t count);

/// Milliseconds of CLOCK_BOOTTIME.
uint64_t lx_boot_time_ms(void);
/// Milliseconds since 1970 of CLOCK_REALTIME.
uint64_t lx_wall_time_ms(void);

/// Writes zeros that no compiler leaves out.
void lx_wipe(void *memory, size_t bytes);
/// Anonymous memory, every page touched; NULL when there is none.
void *_Nullable lx_map(size_t bytes);

/// Anonymous memory whose pages come when they are first used; NULL when there is none.
void *_Nullable lx_reserve(size_t bytes);
/// Gives such memory back; it is zero when it is used again.
void lx_discard(void *base, size_t bytes);

/// Raises the soft limit of open descriptors to at least `wanted` where the hard limit allows;
/// returns what holds now.
uint64_t lx_raise_descriptor_limit(uint64_t wanted);

/// Total and free bytes for the unprivileged of the file system that holds `path`; 1 in `read_only`
/// when it is mounted read-only.
int32_t lx_filesystem(const char *path, uint64_t *total, uint64_t *free_bytes, int32_t *read_only);

#pragma clang assume_nonnull end
#endif
