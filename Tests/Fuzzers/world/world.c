#include "include/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lx_network.h"

// The linker's --wrap: what the product calls NAME comes here as __wrap_NAME.

static const uint8_t *next, *end;
static uint64_t calls;
static struct world_deeds deeds;

/// The one descriptor of the camera in this world.
enum { CAMERA = 999 };

void world_says(const void *bytes, size_t count) {
  next = bytes;
  end = bytes == NULL ? NULL : next + count;
  calls = 0;
  memset(&deeds, 0, sizeof deeds);
}

uint64_t world_calls(void) { return calls; }
struct world_deeds world_deeds(void) { return deeds; }

static int is_on(void) { return next != NULL; }

static void say(void *to, size_t count) {
  size_t left = (size_t)(end - next), taken = left < count ? left : count;
  memcpy(to, next, taken);
  memset((uint8_t *)to + taken, 0, count - taken);
  next += taken;
}

static uint8_t say_byte(void) {
  uint8_t byte;
  say(&byte, 1);
  return byte;
}

// MARK: A camera's driver

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
  if (is_on()) return CAMERA;
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return __real_open(path, flags, mode);
}

int __real_close(int fd);
int __wrap_close(int fd) { return fd == CAMERA ? 0 : __real_close(fd); }

/// A driver may write into the whole structure, keeps what it likes, and fails when it likes.
int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument) {
  if (fd != CAMERA) return __real_ioctl(fd, request, argument);
  calls++;
  static const int failures[] = {EINVAL, EBUSY, ENODEV, EIO, ENOTTY, EINTR, EAGAIN, ENOSPC};
  uint8_t answer = next == end ? 1 : say_byte();
  if (answer & 1) {
    errno = failures[answer >> 1 & 7];
    // Interrupted for ever is no driver.
    if (errno == EINTR && calls % 3 == 0) errno = EINVAL;
    return -1;
  }
  if (_IOC_DIR(request) & _IOC_READ) {
    // Mostly it fills in the beginning, as the real ones do.
    size_t size = _IOC_SIZE(request), first = answer >> 1;
    say(argument, first < size ? first : size);
  }
  return 0;
}
