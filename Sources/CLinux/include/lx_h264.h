// One key frame of H.264 into JPEG: OpenH264 and libjpeg.
#ifndef WATCHPOST_H264_H
#define WATCHPOST_H264_H

#include <stddef.h>
#include <stdint.h>

#include "lx_transcode.h"

#pragma clang assume_nonnull begin

enum {
  /// The largest picture that is decoded: 4K as cinemas and televisions have it, in macroblocks.
  LX_H264_WIDTH = 4096,
  LX_H264_HEIGHT = 2176,
};

/// Decodes an IDR picture with its parameter sets (Annex B) and codes it as baseline JPEG 4:2:0 at
/// its own size, compressed more where it would be too large for `out`. `is_full_range`: what the
/// stream says of its levels.
///
/// 0, -EINVAL (not one whole, sound picture), -ENOTSUP (too large), -EMSGSIZE (`out` is too small
/// even so) or -ENOMEM. What OpenH264 allocates for a picture is given back.
int32_t lx_h264_to_jpeg(const void *bytes, size_t count, int32_t is_full_range, void *out,
    size_t capacity, struct lx_coded *coded);

#pragma clang assume_nonnull end
#endif
