#include <errno.h>
#include <fcntl.h>
#include <gpiod.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "include/devices.h"
#include "retry.h"

// Lines stay requested as long as the process lives: the kernel gives them back at its end.
static struct gpiod_line *lines[LX_LINES];
static int32_t line_count;

static struct gpiod_line *find(const char *chip_name, uint32_t offset, const char *name) {
  if (chip_name == NULL) return gpiod_line_find(name);
  struct gpiod_chip *chip = gpiod_chip_open_lookup(chip_name);
  if (chip == NULL) return NULL;
  struct gpiod_line *line = gpiod_chip_get_line(chip, offset);
  if (line == NULL) {
    int error = errno;
    gpiod_chip_close(chip);
    errno = error;
  }
  return line;
}

int32_t lx_gpio_open(
    const char *chip, uint32_t offset, const char *name, int32_t active_low) {
  if (line_count == LX_LINES) return -ENOSPC;
  errno = 0;
  struct gpiod_line *line = find(chip, offset, name);
  if (line == NULL) return errno != 0 ? -errno : -ENOENT;
  struct gpiod_line_request_config request = {
      .consumer = "watchpost",
      .request_type = GPIOD_LINE_REQUEST_DIRECTION_OUTPUT,
      .flags = active_low ? GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW : 0,
  };
  if (gpiod_line_request(line, &request, 0) < 0) return -errno;
  lines[line_count] = line;
  return line_count++;
}

int32_t lx_gpio_set(int32_t line, int32_t on) {
  if (line < 0 || line >= line_count) return -EBADF;
  return gpiod_line_set_value(lines[line], on != 0) < 0 ? -errno : 0;
}

int32_t lx_button_open(
    const char *chip, uint32_t offset, const char *name, int32_t active_low, int32_t *down) {
  if (line_count == LX_LINES) return -ENOSPC;
  errno = 0;
  struct gpiod_line *line = find(chip, offset, name);
  if (line == NULL) return errno != 0 ? -errno : -ENOENT;
  // A button between line and ground needs a pull-up; a chip that has none ignores the wish.
  int low = GPIOD_LINE_REQUEST_FLAG_ACTIVE_LOW | GPIOD_LINE_REQUEST_FLAG_BIAS_PULL_UP;
  struct gpiod_line_request_config request = {
      .consumer = "watchpost",
      .request_type = GPIOD_LINE_REQUEST_EVENT_BOTH_EDGES,
      .flags = active_low ? low : 0,
  };
  if (gpiod_line_request(line, &request, 0) < 0) return -errno;
  lines[line_count++] = line;
  *down = gpiod_line_get_value(line) == 1;
  int fd = gpiod_line_event_get_fd(line);
  return fd < 0 ? -errno : lx_set_nonblocking(fd) < 0 ? -errno : fd;
}

int32_t lx_button_next(int32_t fd) {
  struct gpiod_line_event event;
  // Levels count with `active_low` already (linux/gpio.h).
  if (gpiod_line_event_read_fd(fd, &event) < 0) return -errno;
  return event.event_type == GPIOD_LINE_EVENT_RISING_EDGE;
}

int32_t lx_watchdog_open(const char *path, uint32_t timeout_s, int32_t *reset) {
  int fd = LX_RETRY(open(path, O_WRONLY | O_CLOEXEC));
  if (fd < 0) return fd;
  int status = 0;
  *reset = ioctl(fd, WDIOC_GETBOOTSTATUS, &status) == 0 && (status & WDIOF_CARDRESET) != 0;
  int seconds = (int)timeout_s;
  // A driver with a fixed time-out refuses; it is armed and petted all the same.
  (void)ioctl(fd, WDIOC_SETTIMEOUT, &seconds);
  return fd;
}

int32_t lx_watchdog_pet(int32_t fd) {
  int none = 0;
  return ioctl(fd, WDIOC_KEEPALIVE, &none) < 0 ? -errno : 0;
}

void lx_watchdog_disarm(int32_t fd) {
  // Documentation/watchdog/watchdog-api.rst, "Magic Close feature".
  (void)!write(fd, "V", 1);
  close(fd);
}
