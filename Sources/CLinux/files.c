#include "clinux.h"

#include <errno.h>
#include <unistd.h>

int64_t lx_write(int32_t fd, const void *bytes, size_t count) {
  ssize_t written = write(fd, bytes, count);
  return written < 0 ? -errno : written;
}
