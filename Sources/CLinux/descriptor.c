#include "include/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "retry.h"

_Static_assert(LX_ENOENT == ENOENT && LX_EIO == EIO && LX_EAGAIN == EAGAIN, "errno numbers");
_Static_assert(LX_EBUSY == EBUSY && LX_ENFILE == ENFILE && LX_EMFILE == EMFILE, "errno numbers");
_Static_assert(LX_ELOOP == ELOOP && LX_ENOTSUP == ENOTSUP, "errno numbers");
_Static_assert(LX_EEXIST == EEXIST && LX_ENOSPC == ENOSPC && LX_EDQUOT == EDQUOT, "errno numbers");
_Static_assert(LX_EPIPE == EPIPE && LX_ENOBUFS == ENOBUFS, "errno numbers");
_Static_assert(LX_ESHUTDOWN == ESHUTDOWN && LX_EUCLEAN == EUCLEAN, "errno numbers");

int32_t lx_open(const char *path, enum lx_open_mode mode, int32_t nonblocking) {
  static const int flags[] = {
      [LX_READ] = O_RDONLY,
      [LX_WRITE] = O_WRONLY,
      [LX_READ_WRITE] = O_RDWR,
      [LX_REPLACE] = O_WRONLY | O_CREAT | O_TRUNC,
      [LX_APPEND] = O_WRONLY | O_CREAT | O_APPEND,
  };
  int all = flags[mode] | O_CLOEXEC | (nonblocking ? O_NONBLOCK : 0);
  return LX_RETRY(open(path, all, 0600));
}

void lx_close(int32_t fd) { close(fd); }

int64_t lx_read(int32_t fd, void *bytes, size_t count) { return LX_RETRY(read(fd, bytes, count)); }

int64_t lx_write(int32_t fd, const void *bytes, size_t count) {
  return LX_RETRY(write(fd, bytes, count));
}

static int64_t monotonic_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static int64_t say(int32_t fd, const void *line, size_t count, int patience_ms) {
  int flags = fcntl(fd, F_GETFL);
  struct pollfd room = {.fd = fd, .events = POLLOUT};
  if (flags >= 0 && !(flags & O_NONBLOCK)) {
    // Somebody else's descriptor: to change its flags would change theirs. Whatever is writable
    // takes a line at once: a pipe a page, a terminal what is left of its buffer beyond 256 bytes.
    return poll(&room, 1, patience_ms) == 0 ? -EAGAIN : lx_write(fd, line, count);
  }
  int64_t written = lx_write(fd, line, count);
  // A terminal that another process is writing to at this moment refuses as well (tty_write_lock in
  // the kernel's tty_io.c), and is writable again when that one has finished.
  int64_t until = monotonic_us() + patience_ms * INT64_C(1000);
  long pause_ns = 20000;
  while (written == -EAGAIN && monotonic_us() < until) {
    poll(&room, 1, 1);
    written = lx_write(fd, line, count);
    // Others may be faster again.
    if (written == -EAGAIN) nanosleep(&(struct timespec){.tv_nsec = pause_ns}, NULL);
    if (pause_ns < 1000000) pause_ns *= 2;
  }
  return written;
}

int64_t lx_say_within(int32_t fd, const void *line, size_t count, int32_t patience_ms) {
  // Who has not taken the last line is not waited for.
  static int held;
  int64_t written = say(fd, line, count, held ? 0 : patience_ms);
  held = written == -EAGAIN;
  return written;
}

int64_t lx_say(int32_t fd, const void *line, size_t count) {
  return lx_say_within(fd, line, count, 4);
}

int32_t lx_is_terminal(int32_t fd) { return isatty(fd); }

int32_t lx_write_all(int32_t fd, const void *bytes, size_t count) {
  const char *at = bytes;
  while (count > 0) {
    int64_t written = lx_write(fd, at, count);
    if (written < 0) return (int32_t)written;
    at += written;
    count -= (size_t)written;
  }
  return 0;
}

int32_t lx_fsync(int32_t fd) { return LX_RETRY(fsync(fd)); }

int32_t lx_set_nonblocking(int32_t fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return -errno;
  return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int32_t lx_rename(const char *from, const char *to) { return rename(from, to) < 0 ? -errno : 0; }

int32_t lx_unlink(const char *path) { return unlink(path) < 0 ? -errno : 0; }

int32_t lx_mkdir(const char *path) {
  return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

int32_t lx_make_folders(const char *path) {
  char folder[256];
  size_t length = strnlen(path, sizeof folder);
  if (length == sizeof folder) return -ENAMETOOLONG;
  for (size_t end = 1; end <= length; end++) {
    if (path[end] != '/' && path[end] != 0) continue;
    memcpy(folder, path, end);
    folder[end] = 0;
    int32_t made = lx_mkdir(folder);
    if (made < 0) return made;
  }
  return 0;
}

int32_t lx_exists(const char *path) { return access(path, F_OK) == 0; }

int64_t lx_read_file(const char *path, void *bytes, size_t capacity) {
  int32_t fd = lx_open(path, LX_READ, 0);
  if (fd < 0) return fd;
  size_t filled = 0;
  int64_t count = 0;
  while (filled < capacity) {
    count = lx_read(fd, (char *)bytes + filled, capacity - filled);
    if (count <= 0) break;
    filled += (size_t)count;
  }
  lx_close(fd);
  return count < 0 ? count : (int64_t)filled;
}

int32_t lx_write_file(const char *path, const void *bytes, size_t count) {
  int32_t fd = lx_open(path, LX_WRITE, 0);
  if (fd < 0) return fd;
  int32_t result = lx_write_all(fd, bytes, count);
  lx_close(fd);
  return result;
}

static uint64_t clock_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t lx_boot_time_ms(void) { return clock_ms(CLOCK_BOOTTIME); }

uint64_t lx_wall_time_ms(void) { return clock_ms(CLOCK_REALTIME); }

void lx_wipe(void *memory, size_t bytes) { explicit_bzero(memory, bytes); }

void *lx_map(size_t bytes) {
  // MAP_POPULATE touches every page in one call: a fault later could fail or take long when memory
  // is short, and memory must not grow with load.
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
  void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  return base == MAP_FAILED ? NULL : base;
}

void *lx_reserve(size_t bytes) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  return base == MAP_FAILED ? NULL : base;
}

void lx_discard(void *base, size_t bytes) { madvise(base, bytes, MADV_DONTNEED); }

uint64_t lx_raise_descriptor_limit(uint64_t wanted) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return 0;
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;
  rlim_t before = limit.rlim_cur;
  if (limit.rlim_max < wanted) {
    // As root the hard limit can be raised as well; otherwise take what there is.
    struct rlimit higher = {.rlim_cur = wanted, .rlim_max = wanted};
    if (setrlimit(RLIMIT_NOFILE, &higher) == 0) return wanted;
    wanted = limit.rlim_max;
  }
  limit.rlim_cur = wanted;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? wanted : before;
}

int32_t lx_filesystem(const char *path, uint64_t *total, uint64_t *free_bytes, int32_t *read_only) {
  struct statvfs facts;
  if (LX_RETRY(statvfs(path, &facts)) < 0) return -errno;
  *total = (uint64_t)facts.f_blocks * facts.f_frsize;
  *free_bytes = (uint64_t)facts.f_bavail * facts.f_frsize;
  *read_only = (facts.f_flag & ST_RDONLY) != 0;
  return 0;
}
