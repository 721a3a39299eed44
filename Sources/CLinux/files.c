#include "include/lx_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "retry.h"

static int32_t flush_folder(const char *path) {
  int fd = LX_RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) return fd;
  int32_t failure = LX_RETRY(fsync(fd));
  close(fd);
  return failure;
}

static int32_t write_flushed(int fd, const void *bytes, size_t count) {
  int32_t failure = lx_write_all(fd, bytes, count);
  return failure == 0 ? LX_RETRY(fsync(fd)) : failure;
}

int32_t lx_keep_file(const char *folder, const char *name, const void *bytes, size_t count) {
  int32_t failure = lx_make_folders(folder);
  if (failure < 0) return failure;
  char whole[320], hidden[320];
  int wanted = snprintf(hidden, sizeof hidden, "%s/.%s.part", folder, name);
  if (wanted < 0 || wanted >= (int)sizeof hidden) return -ENAMETOOLONG;
  snprintf(whole, sizeof whole, "%s/%s", folder, name);
  // Whoever makes the hidden file has the name. Asked in this order: another process may give its
  // file the name between two calls, and then the name is seen.
  int fd = LX_RETRY(open(hidden, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (fd < 0) return fd;
  failure = access(whole, F_OK) == 0 ? -EEXIST : write_flushed(fd, bytes, count);
  close(fd);
  if (failure == 0 && rename(hidden, whole) < 0) failure = -errno;
  if (failure < 0) {
    unlink(hidden);
    return failure;
  }
  return flush_folder(folder);
}
