#include "include/world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lx_network.h"

struct udev;
struct udev_monitor;
struct udev_device;

// The linker's --wrap: what the product calls NAME comes here as __wrap_NAME.

static const uint8_t *next, *end;
static uint64_t calls;
static struct world_deeds deeds;

/// The one descriptor of the camera in this world.
enum { CAMERA = 999 };

void world_says(const void *bytes, size_t count) {
  static const uint8_t nothing;
  next = bytes == NULL ? &nothing : bytes;
  end = next + (bytes == NULL ? 0 : count);
  calls = 0;
  memset(&deeds, 0, sizeof deeds);
}

void world_ends(void) { next = end = NULL; }
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

/// A driver's buffers: memory of exactly their size.
static void *buffers[64];

void *__real_mmap(void *at, size_t length, int access, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t length, int access, int flags, int fd, off_t offset) {
  if (fd != CAMERA) return __real_mmap(at, length, access, flags, fd, offset);
  if (length > 0 && length <= 1 << 16) {
    for (size_t place = 0; place < sizeof buffers / sizeof *buffers; place++) {
      if (buffers[place] == NULL) return buffers[place] = calloc(1, length);
    }
  }
  errno = EINVAL;
  return MAP_FAILED;
}

int __real_munmap(void *start, size_t length);
int __wrap_munmap(void *start, size_t length) {
  for (size_t place = 0; start != NULL && place < sizeof buffers / sizeof *buffers; place++) {
    if (buffers[place] != start) continue;
    free(start);
    buffers[place] = NULL;
    return 0;
  }
  return __real_munmap(start, length);
}

// MARK: udev

static char texts[16][256];

/// A length and so many bytes; 255: there is no such text.
static const char *say_text(void) {
  static unsigned place;
  uint8_t length = say_byte();
  if (length == 255) return NULL;
  char *text = texts[place++ % 16];
  say(text, length);
  text[length] = 0;
  return text;
}

static void *one = texts;

struct udev *__wrap_udev_new(void) { return one; }
struct udev_monitor *__wrap_udev_monitor_new_from_netlink(struct udev *udev, const char *name) {
  return one;
}
int __wrap_udev_monitor_set_receive_buffer_size(struct udev_monitor *monitor, int size) { return 0; }
int __wrap_udev_monitor_filter_add_match_subsystem_devtype(
    struct udev_monitor *monitor, const char *subsystem, const char *type) {
  return 0;
}
int __wrap_udev_monitor_enable_receiving(struct udev_monitor *monitor) { return 0; }
int __wrap_udev_monitor_get_fd(struct udev_monitor *monitor) { return CAMERA; }

struct udev_device *__wrap_udev_monitor_receive_device(struct udev_monitor *monitor) {
  if (next == end || say_byte() & 1) {
    errno = ENOBUFS;
    return NULL;
  }
  return one;
}

const char *__wrap_udev_device_get_action(struct udev_device *device) { return say_text(); }
/// The kernel's and libudev's word: every device has one.
const char *__wrap_udev_device_get_sysname(struct udev_device *device) {
  const char *name = say_text();
  return name == NULL ? "" : name;
}
const char *__wrap_udev_device_get_sysattr_value(struct udev_device *device, const char *name) {
  return say_text();
}
struct udev_device *__wrap_udev_device_get_parent_with_subsystem_devtype(
    struct udev_device *device, const char *subsystem, const char *type) {
  return say_byte() & 1 ? one : NULL;
}
struct udev_device *__wrap_udev_device_get_parent(struct udev_device *device) {
  return say_byte() & 1 ? one : NULL;
}
struct udev_device *__wrap_udev_device_unref(struct udev_device *device) { return NULL; }

// MARK: Time

void __real_lx_sleep_ms(uint32_t ms);
/// A fuzzer that rests finds less.
void __wrap_lx_sleep_ms(uint32_t ms) {
  if (!is_on()) __real_lx_sleep_ms(ms);
}

// MARK: What a DHCP event changes

int32_t __real_lx_set_address(const char *name, uint32_t address, uint8_t prefix);
int32_t __wrap_lx_set_address(const char *name, uint32_t address, uint8_t prefix) {
  if (!is_on()) return __real_lx_set_address(name, address, prefix);
  deeds.is_set = 1;
  deeds.address = address;
  deeds.prefix = prefix;
  return 0;
}

int32_t __real_lx_clear_address(const char *name);
int32_t __wrap_lx_clear_address(const char *name) {
  if (!is_on()) return __real_lx_clear_address(name);
  deeds.is_cleared = 1;
  return 0;
}

int32_t __real_lx_add_gateway(uint32_t gateway);
int32_t __wrap_lx_add_gateway(uint32_t gateway) {
  if (!is_on()) return __real_lx_add_gateway(gateway);
  deeds.has_gateway = 1;
  deeds.gateway = gateway;
  return 0;
}

int32_t __real_lx_replace_file(const char *path, const void *bytes, size_t count, _Bool synced);
int32_t __wrap_lx_replace_file(const char *path, const void *bytes, size_t count, _Bool synced) {
  if (!is_on()) return __real_lx_replace_file(path, bytes, count, synced);
  deeds.file_size = (uint32_t)count;
  memcpy(deeds.file, bytes, count < sizeof deeds.file ? count : sizeof deeds.file);
  return 0;
}

int32_t __real_lx_unlink(const char *path);
int32_t __wrap_lx_unlink(const char *path) { return is_on() ? -ENOENT : __real_lx_unlink(path); }
