#include "include/lx_access.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "retry.h"

// mman-linux.h names it in newer libraries only.
enum { LOCK_WHEN_TOUCHED = 4 };

int32_t lx_secret_random(void *bytes, size_t count) {
  size_t filled = 0;
  while (filled < count) {
    ssize_t got = LX_RETRY(getrandom((char *)bytes + filled, count - filled, 0));
    if (got < 0) return (int32_t)got;
    filled += (size_t)got;
  }
  return 0;
}

int32_t lx_keep_secret(void *secrets, size_t bytes) {
  prctl(PR_SET_DUMPABLE, 0);
  struct rlimit none = {0, 0}, endless = {RLIM_INFINITY, RLIM_INFINITY}, limit;
  setrlimit(RLIMIT_CORE, &none);
  madvise(secrets, bytes, MADV_DONTDUMP);
  mlock(secrets, bytes);
  // Under a limit, locking everything would end the process when its stack grows beyond it.
  setrlimit(RLIMIT_MEMLOCK, &endless);
  if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur != RLIM_INFINITY) return 0;
  return mlockall(MCL_CURRENT | MCL_FUTURE | LOCK_WHEN_TOUCHED) == 0;
}

// A regular file for writing; one that is something else is refused.
static int open_file(const char *path) {
  int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  int fd = LX_RETRY(open(path, flags, 0600));
  if (fd < 0) return fd;
  struct stat found;
  int error = fstat(fd, &found) < 0 ? -errno : S_ISREG(found.st_mode) ? 0 : -ENOTSUP;
  if (error == 0) return fd;
  close(fd);
  return error;
}

static int write_at(int fd, const void *bytes, size_t count, size_t offset) {
  const char *at = bytes;
  while (count > 0) {
    ssize_t written = LX_RETRY(pwrite(fd, at, count, (off_t)offset));
    if (written < 0) return (int)written;
    at += written;
    offset += (size_t)written;
    count -= (size_t)written;
  }
  return 0;
}

static int finish(int fd, size_t length) {
  int error = LX_RETRY(ftruncate(fd, (off_t)length));
  return error < 0 ? error : LX_RETRY(fsync(fd));
}

int32_t lx_overwrite(const char *path, const void *bytes, size_t count) {
  int fd = open_file(path);
  if (fd < 0) return fd;
  // FAT has no modes and refuses: there the mount says who may read.
  (void)!fchmod(fd, 0600);
  int error = write_at(fd, bytes, count, 0);
  if (error == 0) error = finish(fd, count);
  close(fd);
  return error;
}

static int take_room(int fd, size_t count) {
  if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)count) == 0) return 0;
  return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -errno;
}

int32_t lx_overwrite_marked(const char *path, const void *bytes, size_t count) {
  int fd = open_file(path);
  if (fd < 0) return fd;
  const char *text = bytes;
  const char mark = 0;
  int error = count > 0 ? take_room(fd, count) : 0;
  if (error == 0) error = write_at(fd, &mark, 1, 0);
  if (error == 0) error = LX_RETRY(fsync(fd));
  if (error == 0 && count > 1) error = write_at(fd, text + 1, count - 1, 1);
  if (error == 0) error = finish(fd, count);
  if (error == 0 && count > 0) error = write_at(fd, text, 1, 0);
  if (error == 0) error = LX_RETRY(fsync(fd));
  close(fd);
  return error;
}

int32_t lx_erase(const char *path) {
  static const char zeros[4096];
  int fd = LX_RETRY(open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat found;
  if (fd >= 0) {
    if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode)) {
      size_t offset = 0, length = (size_t)found.st_size;
      while (offset < length) {
        size_t part = length - offset < sizeof zeros ? length - offset : sizeof zeros;
        if (write_at(fd, zeros, part, offset) < 0) break;
        offset += part;
      }
      fsync(fd);
    }
    close(fd);
  }
  return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int32_t lx_remove(const char *path) {
  return remove(path) < 0 && errno != ENOENT ? -errno : 0;
}

int32_t lx_append_at(const char *path, const void *bytes, size_t count, uint64_t offset) {
  int fd = open_file(path);
  if (fd < 0) return fd;
  struct stat found;
  int error = fstat(fd, &found) < 0 ? -errno : (uint64_t)found.st_size < offset ? -ESTALE : 0;
  if (error == 0) error = LX_RETRY(ftruncate(fd, (off_t)offset));
  if (error == 0) error = write_at(fd, bytes, count, (size_t)offset);
  if (error == 0) error = LX_RETRY(fsync(fd));
  close(fd);
  return error;
}

int32_t lx_private_folder(const char *path) {
  return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

int32_t lx_sync_folder(const char *path, _Bool whole) {
  int fd = LX_RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) return fd;
  int error = LX_RETRY(fsync(fd));
  // Folders of some file systems cannot.
  if (error == -EINVAL) error = 0;
  if (error == 0 && whole) error = LX_RETRY(syncfs(fd));
  close(fd);
  return error;
}

int32_t lx_place_of(const char *path, struct lx_place *place) {
  struct statvfs flags;
  struct statfs kind;
  if (LX_RETRY(statvfs(path, &flags)) < 0 || LX_RETRY(statfs(path, &kind)) < 0) return -errno;
  place->read_only = (flags.f_flag & ST_RDONLY) != 0;
  place->synchronous = (flags.f_flag & ST_SYNCHRONOUS) != 0;
  // tmpfs and ramfs (linux/magic.h); the root of an image without a card is one of them.
  uint32_t type = (uint32_t)kind.f_type;
  place->is_memory = type == 0x01021994 || type == 0x858458f6;
  place->is_fat = type == 0x4d44;
  return 0;
}

// The folder that the file system is mounted on: as far up as the device stays the same.
static int mount_point(const char *path, char *place) {
  struct stat here, above;
  char up[PATH_MAX + 4];
  if (realpath(path, place) == NULL || stat(place, &here) < 0) return -errno;
  while (strcmp(place, "/") != 0) {
    strcpy(up, place);
    strcat(up, "/..");
    if (stat(up, &above) < 0) return -errno;
    if (above.st_dev != here.st_dev) return 0;
    char *slash = strrchr(place, '/');
    slash[slash == place ? 1 : 0] = 0;
  }
  return 0;
}

static int32_t mount_anew(const char *path, unsigned long added) {
  char place[PATH_MAX];
  int error = mount_point(path, place);
  if (error < 0) return error;
  struct statvfs now;
  if (LX_RETRY(statvfs(place, &now)) < 0) return -errno;
  // What is not named is taken away, but for what has to do with access times.
  unsigned long flags = MS_REMOUNT | added;
  if (now.f_flag & ST_NOSUID) flags |= MS_NOSUID;
  if (now.f_flag & ST_NODEV) flags |= MS_NODEV;
  if (now.f_flag & ST_NOEXEC) flags |= MS_NOEXEC;
  if (now.f_flag & ST_NOATIME) flags |= MS_NOATIME;
  return mount(NULL, place, NULL, flags, NULL) < 0 ? -errno : 0;
}

int32_t lx_open_for_writing(const char *path) { return mount_anew(path, MS_SYNCHRONOUS); }

int32_t lx_close_for_writing(const char *path) { return mount_anew(path, MS_RDONLY); }
