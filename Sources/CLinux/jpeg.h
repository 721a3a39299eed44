// Planes into JPEG, for the C files that have pictures to compress.
#ifndef WATCHPOST_JPEG_H
#define WATCHPOST_JPEG_H

#include <stddef.h>
#include <stdint.h>

#include "include/lx_transcode.h"

/// A picture of 8-bit Y, Cb and Cr, the latter at half the lines and half the columns.
struct lx_planes {
  const uint8_t *bytes[3];
  size_t strides[3];
  uint32_t width;
  uint32_t height;
  /// Black is 16 and white 235, as television has it, not 0 and 255 as JPEG has it.
  int is_limited;
};

/// Codes a picture at its own size: 0, -EMSGSIZE (`out` is too small), -ENOMEM or -EINVAL.
int32_t lx_code_planes(const struct lx_planes *planes, int quality, void *out, size_t capacity,
    struct lx_coded *coded);

#endif
