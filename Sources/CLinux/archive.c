#include "include/lx_archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "retry.h"

// The name of each folder is looked up by itself, without openat2(2), which user-mode emulators and
// kernels before 5.6 do not have.
static int32_t open_folder_at(int32_t folder, const char *name) {
  if (*name == 0) return folder;
  int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int32_t result = fd < 0 ? -errno : fd;
  close(folder);
  return result;
}

int32_t lx_folder_open(const char *data, const char *first, const char *second) {
  int fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -errno;
  int32_t folder = open_folder_at(fd, first);
  return folder < 0 ? folder : open_folder_at(folder, second);
}

static int32_t facts_from(const struct stat *found, struct lx_file_facts *facts) {
  if (!S_ISREG(found->st_mode)) return -ENOTSUP;
  facts->bytes = (uint64_t)found->st_size;
  int64_t seconds = found->st_mtim.tv_sec < 0 ? 0 : found->st_mtim.tv_sec;
  facts->changed_ms = (uint64_t)seconds * 1000 + (uint64_t)found->st_mtim.tv_nsec / 1000000;
  return 0;
}

int32_t lx_file_facts_of(int32_t fd, struct lx_file_facts *facts) {
  struct stat found;
  return fstat(fd, &found) < 0 ? -errno : facts_from(&found, facts);
}

int32_t lx_file_facts_at(int32_t folder, const char *name, struct lx_file_facts *facts) {
  struct stat found;
  if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
  return facts_from(&found, facts);
}

static int32_t open_regular(int32_t folder, const char *name, int flags) {
  // O_NONBLOCK: a named pipe must not make the worker wait.
  int fd = LX_RETRY(openat(folder, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644));
  if (fd < 0) return fd;
  struct lx_file_facts facts;
  int32_t result = lx_file_facts_of(fd, &facts);
  if (result == 0) return fd;
  close(fd);
  return result;
}

int32_t lx_file_open_at(int32_t folder, const char *name, int32_t writable) {
  return open_regular(folder, name, writable ? O_RDWR : O_RDONLY);
}

int32_t lx_file_make_at(int32_t folder, const char *name) {
  return open_regular(folder, name, O_RDWR | O_CREAT);
}

int32_t lx_file_is_written(int32_t fd) {
  // Whoever opens the file at this very moment breaks the lease, which would end us otherwise.
  signal(SIGIO, SIG_IGN);
  if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0) return errno == EAGAIN ? 1 : -errno;
  fcntl(fd, F_SETLEASE, F_UNLCK);
  return 0;
}

int64_t lx_write_at(int32_t fd, const void *bytes, size_t count, uint64_t offset) {
  return LX_RETRY(pwrite(fd, bytes, count, (off_t)offset));
}

int32_t lx_file_truncate(int32_t fd, uint64_t bytes) {
  return LX_RETRY(ftruncate(fd, (off_t)bytes));
}

int32_t lx_data_sync(int32_t fd) { return LX_RETRY(fdatasync(fd)); }

void lx_forget_cached(int32_t fd) { posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); }

int32_t lx_unlink_at(int32_t folder, const char *name) {
  return unlinkat(folder, name, 0) < 0 ? -errno : 0;
}

int32_t lx_rename_at(int32_t folder, const char *from, const char *to) {
  return renameat(folder, from, folder, to) < 0 ? -errno : 0;
}

int64_t lx_folder_read(int32_t folder, void *bytes, size_t count) {
  return LX_RETRY(syscall(SYS_getdents64, folder, bytes, count));
}

const char *lx_folder_entry(const void *bytes, size_t count, size_t *offset) {
  if (*offset >= count) return NULL;
  const struct dirent64 *entry = (const void *)((const char *)bytes + *offset);
  *offset += entry->d_reclen;
  return entry->d_name;
}

int32_t lx_watch_open(void) {
  int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

int32_t lx_watch_add(int32_t watch, const char *path) {
  uint32_t mask = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                  IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK;
  int number = inotify_add_watch(watch, path, mask);
  return number < 0 ? -errno : number;
}

int64_t lx_watch_read(int32_t watch, void *bytes, size_t count) {
  return LX_RETRY(read(watch, bytes, count));
}

int32_t lx_watch_next(const void *bytes, size_t count, size_t *offset,
                      struct lx_watch_event *event) {
  if (count - *offset < sizeof(struct inotify_event)) return 0;
  const struct inotify_event *next = (const void *)((const char *)bytes + *offset);
  *offset += sizeof *next + next->len;
  *event = (struct lx_watch_event){
      .watch = next->wd,
      .appeared = (next->mask & (IN_CREATE | IN_MOVED_TO)) != 0,
      .changed = (next->mask & (IN_CREATE | IN_MODIFY)) != 0,
      .closed = (next->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0,
      .gone = (next->mask & (IN_DELETE | IN_MOVED_FROM)) != 0,
      .is_folder = (next->mask & IN_ISDIR) != 0,
      .overflow = (next->mask & IN_Q_OVERFLOW) != 0,
      .ended = (next->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0,
      .name = next->len > 0 ? next->name : "",
  };
  return 1;
}

int32_t lx_wait_writable(int32_t fd, int32_t timeout_ms) {
  struct pollfd wait = {.fd = fd, .events = POLLOUT};
  int ready = poll(&wait, 1, timeout_ms);
  if (ready < 0) return errno == EINTR ? 0 : -errno;
  return ready;
}
