// Pictures from V4L2 devices, with plain ioctls and memory-mapped buffers: libv4l2 would load
// plugins with dlopen, which a static program must not do.
#ifndef WATCHPOST_CAPTURE_H
#define WATCHPOST_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

#include "devices.h"

#pragma clang assume_nonnull begin

/// errno values of a capture, as positive numbers.
enum lx_capture_errno { LX_EINVAL = 22, LX_ENODEV = 19, LX_ENXIO = 6 };

/// One buffer of the driver that holds a picture.
struct lx_picture {
  const void *_Nullable bytes;
  size_t count;
  /// When the driver saw its first byte, in nanoseconds of CLOCK_BOOTTIME.
  uint64_t captured_ns;
  /// When it was taken from the driver.
  uint64_t taken_ns;
  /// The driver says that it is damaged, or there is nothing in it.
  int32_t damaged;
  int32_t index;
};

/// Opens the device of this process. A process has one. The descriptor or a negative errno.
int32_t lx_capture_open(const char *path);
/// Asks for a mode (format 0: the driver's own), takes buffers, and writes what is granted back to
/// `mode`, read after the buffers were taken. 0 or a negative errno: -EBUSY where another process
/// has the device, -EINVAL where the driver grants another format.
int32_t lx_capture_prepare(struct lx_mode *mode);
/// Switches the stream on. 0 or a negative errno: -ENOSPC where the USB bus has no bandwidth left.
int32_t lx_capture_start(void);
/// Takes the next picture: 1 with `picture` filled, 0 when there is none, or a negative errno. The
/// picture is valid until it is given back.
int32_t lx_capture_next(struct lx_picture *picture);
/// Gives a buffer back to the driver. 0 or a negative errno.
int32_t lx_capture_give_back(int32_t index);
/// Switches the stream off and closes the device, if one is open; it may be opened again. A device
/// that is gone is held for another 250 ms, in which the kernel takes it away.
void lx_capture_close(void);

#pragma clang assume_nonnull end
#endif
