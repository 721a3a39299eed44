// Cameras as udev and V4L2 see them, GPIO lines and the watchdog.
#ifndef WATCHPOST_DEVICES_H
#define WATCHPOST_DEVICES_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// What udev says of a V4L2 node; texts are zero-padded and cut to their size.
struct lx_device {
  char node[16];
  char port[32];
  char bus[32];
  char serial[32];
  char product[48];
  uint16_t vendor;
  uint16_t product_id;
  uint16_t index;
  /// An enum lx_device_action.
  uint16_t action;
};

enum lx_device_action { LX_DEVICE_NONE = 0, LX_DEVICE_ADDED = 1, LX_DEVICE_REMOVED = 2 };

/// Starts to listen for V4L2 nodes: udevd's own messages where udevd runs, the kernel's otherwise.
/// The monitor's descriptor or a negative errno. There is one monitor a process.
int32_t lx_udev_open(void);
/// The next message: 1 with `device` filled, 0 when there is none, -ENOBUFS when messages were
/// lost, or another negative errno.
int32_t lx_udev_next(struct lx_device *device);
/// Begins an enumeration of the nodes that are there.
int32_t lx_udev_enumerate(void);
/// The next node of the enumeration: 1 with `device` filled, 0 at its end.
int32_t lx_udev_enumerated(struct lx_device *device);

/// Requests a line as output, off. `chip` is a path, name or label; NULL finds the line called
/// `name` on any chip. A handle below `LX_LINES` or a negative errno.
int32_t lx_gpio_open(const char *_Nullable chip, uint32_t offset, const char *_Nullable name,
    int32_t active_low);
int32_t lx_gpio_set(int32_t line, int32_t on);
enum { LX_LINES = 8 };

/// Opens a button's line: a descriptor to be watched, which does not block, or a negative errno.
/// `down`: whether it is pressed now.
int32_t lx_button_open(
    const char *_Nullable chip, uint32_t offset, const char *_Nullable name, int32_t active_low,
    int32_t *down);
/// The next edge: 1 pressed, 0 let go; -EAGAIN: there is none.
int32_t lx_button_next(int32_t fd);

/// Opens the watchdog, which starts it, and sets its time-out. `reset` becomes 1 when it caused the
/// last reset. The descriptor or a negative errno.
int32_t lx_watchdog_open(const char *path, uint32_t timeout_s, int32_t *reset);
int32_t lx_watchdog_pet(int32_t fd);
/// Closes the device so that it stops (magic close).
void lx_watchdog_disarm(int32_t fd);

/// One capture mode.
struct lx_mode {
  uint32_t format;
  uint32_t width;
  uint32_t height;
  uint32_t numerator;
  uint32_t denominator;
};

/// What a driver says of a node.
struct lx_video {
  char card[32];
  char driver[16];
  /// It captures to memory as a camera does: single- or multi-planar capture, not memory-to-memory.
  int32_t captures;
  int32_t mode_count;
  int32_t truncated;
  struct lx_mode modes[128];
};

/// Opens a V4L2 node and asks for everything it can do, with plain ioctls. 0 or a negative errno.
int32_t lx_video_probe(const char *path, struct lx_video *video);

#pragma clang assume_nonnull end
#endif
