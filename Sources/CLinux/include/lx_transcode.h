// Pictures into JPEG that RTP carries: libjpeg (turbo) and libv4lconvert. Errors of both libraries
// stay in here; memory is bounded by the largest picture and reused.
#ifndef WATCHPOST_TRANSCODE_H
#define WATCHPOST_TRANSCODE_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// A coded picture.
struct lx_coded {
  size_t count;
  uint32_t width;
  uint32_t height;
};

enum {
  /// Of the coded JPEG, 1 … 100.
  LX_JPEG_QUALITY = 80,
  /// The largest side of RTP/JPEG.
  LX_JPEG_SIDE = 2040,
};

/// Decodes any JPEG that libjpeg knows and codes it as baseline 4:2:0 with the standard tables, cut
/// to multiples of 8 pixels, and scaled to at most `LX_JPEG_SIDE`. 0, -EINVAL (no such JPEG, one of
/// more than 64 million pixels, or one in several scans that would take more than 64 MiB),
/// -EMSGSIZE (`out` is too small) or -ENOMEM.
int32_t lx_transcode_jpeg(const void *bytes, size_t count, void *out, size_t capacity,
    struct lx_coded *coded);

/// Prepares the conversion of uncompressed pictures from the device `fd`: 0 or a negative errno,
/// -EINVAL where libv4lconvert does not know the format, or the picture has odd sides or more than
/// 64 million pixels.
int32_t lx_transcode_begin(int32_t fd, uint32_t format, uint32_t width, uint32_t height);
/// Codes one uncompressed picture of the prepared format likewise.
int32_t lx_transcode_raw(const void *bytes, size_t count, void *out, size_t capacity,
    struct lx_coded *coded);

#pragma clang assume_nonnull end
#endif
