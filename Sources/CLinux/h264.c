#include "include/lx_h264.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <wels/codec_api.h>

#include "jpeg.h"

/// How much a picture is compressed at least, should it be too large otherwise.
enum { LOWEST_QUALITY = 20, QUALITY_STEP = 20 };

static int is_ready(const SBufferInfo *info) {
  return info->iBufferStatus == 1;
}

/// Decodes what is there to the last slice; the planes stay the decoder's. Nothing is made up for
/// slices that are missing or damaged: then there is no picture.
static int decode(ISVCDecoder *decoder, const void *bytes, size_t count, uint8_t *planes[3],
    SBufferInfo *info) {
  SDecodingParam wishes = {.uiTargetDqLayer = UCHAR_MAX, .eEcActiveIdc = ERROR_CON_DISABLE};
  wishes.sVideoProperty.size = sizeof wishes.sVideoProperty;
  wishes.sVideoProperty.eVideoBsType = VIDEO_BITSTREAM_AVC;
  int quiet = WELS_LOG_QUIET;
  (*decoder)->SetOption(decoder, DECODER_OPTION_TRACE_LEVEL, &quiet);
  if ((*decoder)->Initialize(decoder, &wishes) != 0) return -ENOMEM;
  int state = (*decoder)->DecodeFrameNoDelay(decoder, bytes, (int)count, planes, info);
  if (state == dsErrorFree && !is_ready(info)) {
    // It may hold a picture back that could be shown after one that has not come yet.
    int is_end = 1;
    (*decoder)->SetOption(decoder, DECODER_OPTION_END_OF_STREAM, &is_end);
    state = (*decoder)->FlushFrame(decoder, planes, info);
  }
  if (state & dsOutOfMemory) return -ENOMEM;
  return state == dsErrorFree && is_ready(info) ? 0 : -EINVAL;
}

static int32_t code(uint8_t *const bytes[3], const SSysMEMBuffer *picture, int32_t is_full_range,
    void *out, size_t capacity, struct lx_coded *coded) {
  if (picture->iFormat != videoFormatI420 || bytes[0] == NULL || bytes[1] == NULL ||
      bytes[2] == NULL || picture->iWidth < 1 || picture->iHeight < 1) {
    return -EINVAL;
  }
  if (picture->iWidth > LX_H264_WIDTH || picture->iHeight > LX_H264_HEIGHT) return -ENOTSUP;
  if (picture->iStride[0] < picture->iWidth || picture->iStride[1] < (picture->iWidth + 1) / 2) {
    return -EINVAL;
  }
  struct lx_planes planes = {
      .bytes = {bytes[0], bytes[1], bytes[2]},
      .strides = {(size_t)picture->iStride[0], (size_t)picture->iStride[1],
          (size_t)picture->iStride[1]},
      .width = (uint32_t)picture->iWidth,
      .height = (uint32_t)picture->iHeight,
      .is_limited = !is_full_range,
  };
  int32_t failure = -EMSGSIZE;
  for (int quality = LX_JPEG_QUALITY; failure == -EMSGSIZE && quality >= LOWEST_QUALITY;
       quality -= QUALITY_STEP) {
    failure = lx_code_planes(&planes, quality, out, capacity, coded);
  }
  return failure;
}

int32_t lx_h264_to_jpeg(const void *bytes, size_t count, int32_t is_full_range, void *out,
    size_t capacity, struct lx_coded *coded) {
  if (count == 0 || count > INT_MAX) return -EINVAL;
  ISVCDecoder *decoder = NULL;
  if (WelsCreateDecoder(&decoder) != 0 || decoder == NULL) return -ENOMEM;
  uint8_t *planes[3] = {NULL, NULL, NULL};
  SBufferInfo info;
  memset(&info, 0, sizeof info);
  int32_t failure = decode(decoder, bytes, count, planes, &info);
  if (failure == 0) {
    failure = code(planes, &info.UsrData.sSystemBuffer, is_full_range, out, capacity, coded);
  }
  (*decoder)->Uninitialize(decoder);
  WelsDestroyDecoder(decoder);
  return failure;
}
