#include "include/lx_transcode.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <jpeglib.h>
#include <libv4lconvert.h>

#include "jpeg.h"
#include "retry.h"

/// How libjpeg leaves what it cannot go on with.
struct trap {
  struct jpeg_error_mgr manager;
  jmp_buf exit;
  int failure;
};

static void leave(j_common_ptr picture) {
  struct trap *trap = (struct trap *)picture->err;
  longjmp(trap->exit, 1);
}

static void be_silent(j_common_ptr picture) { (void)picture; }
static void count_only(j_common_ptr picture, int level) {
  if (level < 0) picture->err->num_warnings++;
}

static struct jpeg_error_mgr *set(struct trap *trap) {
  jpeg_std_error(&trap->manager);
  trap->manager.error_exit = leave;
  trap->manager.output_message = be_silent;
  trap->manager.emit_message = count_only;
  trap->failure = -EINVAL;
  return &trap->manager;
}

// MARK: Output into memory of fixed size

struct sink {
  struct jpeg_destination_mgr manager;
  JOCTET *start;
  size_t capacity;
};

static void sink_begin(j_compress_ptr picture) {
  struct sink *sink = (struct sink *)picture->dest;
  sink->manager.next_output_byte = sink->start;
  sink->manager.free_in_buffer = sink->capacity;
}

static boolean sink_full(j_compress_ptr picture) {
  ((struct trap *)picture->err)->failure = -EMSGSIZE;
  leave((j_common_ptr)picture);
  return FALSE;
}

static void sink_end(j_compress_ptr picture) { (void)picture; }

static struct jpeg_compress_struct coder;
static struct trap coder_trap;
static struct sink sink = {.manager = {.init_destination = sink_begin,
                               .empty_output_buffer = sink_full,
                               .term_destination = sink_end}};

static void prepare_coder(void *out, size_t capacity) {
  static int is_made;
  if (!is_made) {
    coder.err = set(&coder_trap);
    jpeg_create_compress(&coder);
    is_made = 1;
  }
  coder_trap.failure = -EINVAL;
  sink.start = out;
  sink.capacity = capacity;
  coder.dest = &sink.manager;
}

static void begin_coding(uint32_t width, uint32_t height, int components, J_COLOR_SPACE space) {
  coder.image_width = width;
  coder.image_height = height;
  coder.input_components = components;
  coder.in_color_space = space;
  // 4:2:0, standard Huffman tables, no restarts: what RFC 2435 carries.
  jpeg_set_defaults(&coder);
  jpeg_set_quality(&coder, LX_JPEG_QUALITY, TRUE);
  coder.dct_method = JDCT_IFAST;
}

static void finish_coding(struct lx_coded *coded) {
  jpeg_finish_compress(&coder);
  coded->count = sink.capacity - sink.manager.free_in_buffer;
  coded->width = coder.image_width;
  coded->height = coder.image_height;
}

// MARK: JPEG to JPEG

enum {
  LINES = 16,
  /// Bytes that libjpeg takes for a picture of several scans, all of whose coefficients it keeps:
  /// 22 million pixels of 4:2:0. Without a bound, a header of a few hundred bytes takes gigabytes.
  DECODER_MEMORY = 64 << 20,
};

/// Whether a picture can be decoded in time: 64 million pixels are more than any camera has, and
/// what is an eighth of its sides is within what RTP can tell. Sizes beyond overflow
/// libv4lconvert's sums, too.
static int is_of_reasonable_size(uint32_t width, uint32_t height) {
  return width <= 8 * LX_JPEG_SIDE && height <= 8 * LX_JPEG_SIDE &&
         (uint64_t)width * height <= 64u << 20;
}

static struct jpeg_decompress_struct decoder;
static struct trap decoder_trap;
/// Some lines of a picture, as wide as any has been.
static uint8_t *lines;
static size_t lines_size;

static int make_lines(size_t bytes) {
  if (bytes <= lines_size) return 0;
  uint8_t *larger = realloc(lines, bytes);
  if (larger == NULL) return -ENOMEM;
  lines = larger;
  lines_size = bytes;
  return 0;
}

/// Scaled by whole eighths while it is decoded, which costs less than a whole picture does.
static void choose_scale(void) {
  uint32_t side = decoder.image_width > decoder.image_height ? decoder.image_width
                                                             : decoder.image_height;
  decoder.scale_denom = 8;
  decoder.scale_num = 8;
  while (decoder.scale_num > 1 && (side * decoder.scale_num + 7) / 8 > LX_JPEG_SIDE) {
    decoder.scale_num--;
  }
}

static int transcode(const void *bytes, size_t count, struct lx_coded *coded) {
  jpeg_mem_src(&decoder, bytes, count);
  if (jpeg_read_header(&decoder, TRUE) != JPEG_HEADER_OK) return -EINVAL;
  if (!is_of_reasonable_size(decoder.image_width, decoder.image_height)) return -EINVAL;
  int is_ycc = decoder.jpeg_color_space == JCS_YCbCr;
  decoder.out_color_space = is_ycc ? JCS_YCbCr : JCS_RGB;
  decoder.dct_method = JDCT_IFAST;
  decoder.do_fancy_upsampling = FALSE;
  choose_scale();
  jpeg_start_decompress(&decoder);
  size_t stride = (size_t)decoder.output_width * 3;
  if (make_lines(stride * LINES) < 0) return -ENOMEM;
  uint32_t width = decoder.output_width & ~7u, height = decoder.output_height & ~7u;
  if (width == 0 || height == 0) return -EINVAL;
  begin_coding(width, height, 3, decoder.out_color_space);
  jpeg_start_compress(&coder, TRUE);
  JSAMPROW rows[LINES];
  for (int row = 0; row < LINES; row++) rows[row] = lines + stride * (size_t)row;
  while (coder.next_scanline < height) {
    uint32_t read = jpeg_read_scanlines(&decoder, rows, LINES);
    if (read == 0) return -EINVAL;
    uint32_t left = height - coder.next_scanline;
    jpeg_write_scanlines(&coder, rows, read < left ? read : left);
  }
  finish_coding(coded);
  return decoder.err->num_warnings > 0 ? -EINVAL : 0;
}

int32_t lx_transcode_jpeg(const void *bytes, size_t count, void *out, size_t capacity,
    struct lx_coded *coded) {
  static int is_made;
  if (!is_made) {
    decoder.err = set(&decoder_trap);
    jpeg_create_decompress(&decoder);
    decoder.mem->max_memory_to_use = DECODER_MEMORY;
    is_made = 1;
  }
  prepare_coder(out, capacity);
  decoder_trap.failure = -EINVAL;
  decoder.err->num_warnings = 0;
  int failure;
  if (setjmp(decoder_trap.exit) != 0) {
    failure = decoder_trap.failure;
  } else if (setjmp(coder_trap.exit) != 0) {
    failure = coder_trap.failure;
  } else {
    failure = transcode(bytes, count, coded);
  }
  jpeg_abort_decompress(&decoder);
  jpeg_abort_compress(&coder);
  return failure;
}

// MARK: Uncompressed pictures

static struct v4lconvert_data *converter;
static struct v4l2_format from, to;
static uint8_t *planes;

int32_t lx_transcode_begin(int32_t fd, uint32_t format, uint32_t width, uint32_t height) {
  if (width < 16 || height < 16 || width % 2 != 0 || height % 2 != 0 ||
      !is_of_reasonable_size(width, height)) {
    return -EINVAL;
  }
  from = (struct v4l2_format){.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
  // The driver's own word on lines: they may be padded.
  int failure = LX_RETRY(ioctl(fd, VIDIOC_G_FMT, &from));
  if (failure < 0) return failure;
  from.fmt.pix.pixelformat = format;
  from.fmt.pix.width = width;
  from.fmt.pix.height = height;
  to = (struct v4l2_format){.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
  to.fmt.pix.width = width;
  to.fmt.pix.height = height;
  to.fmt.pix.pixelformat = V4L2_PIX_FMT_YUV420;
  to.fmt.pix.field = V4L2_FIELD_NONE;
  to.fmt.pix.bytesperline = width;
  to.fmt.pix.sizeimage = width * height * 3 / 2;
  converter = v4lconvert_create(fd);
  planes = malloc(to.fmt.pix.sizeimage);
  return converter == NULL || planes == NULL ? -ENOMEM : 0;
}

/// Hands a macroblock row of planes to the coder; what lies below the picture is its last line.
static void write_blocks(uint32_t width, uint32_t height) {
  uint8_t *chroma[2] = {planes + (size_t)width * height, planes + (size_t)width * height * 5 / 4};
  JSAMPROW luma_rows[16], chroma_rows[2][8];
  JSAMPARRAY rows[3] = {luma_rows, chroma_rows[0], chroma_rows[1]};
  while (coder.next_scanline < coder.image_height) {
    uint32_t top = coder.next_scanline;
    for (uint32_t row = 0; row < 16; row++) {
      uint32_t y = top + row < height ? top + row : height - 1;
      luma_rows[row] = planes + (size_t)width * y;
    }
    for (uint32_t row = 0; row < 8; row++) {
      uint32_t y = top / 2 + row < height / 2 ? top / 2 + row : height / 2 - 1;
      for (int plane = 0; plane < 2; plane++) {
        chroma_rows[plane][row] = chroma[plane] + (size_t)width / 2 * y;
      }
    }
    jpeg_write_raw_data(&coder, rows, 16);
  }
}

int32_t lx_transcode_raw(const void *bytes, size_t count, void *out, size_t capacity,
    struct lx_coded *coded) {
  int converted = v4lconvert_convert(converter, &from, &to, (unsigned char *)bytes, (int)count,
      planes, (int)to.fmt.pix.sizeimage);
  if (converted < 0) return -EINVAL;
  uint32_t width = to.fmt.pix.width, height = to.fmt.pix.height;
  prepare_coder(out, capacity);
  int failure = 0;
  if (setjmp(coder_trap.exit) != 0) {
    failure = coder_trap.failure;
  } else {
    // Raw rows are read in whole blocks of 16: only so much of a line is there.
    begin_coding(width & ~15u, height & ~7u, 3, JCS_YCbCr);
    coder.raw_data_in = TRUE;
    jpeg_start_compress(&coder, TRUE);
    write_blocks(width, height);
    finish_coding(coded);
  }
  jpeg_abort_compress(&coder);
  return failure;
}

// MARK: Decoded pictures

/// What stretches the levels of television to those of JPEG (H.273, equations 20 and 39 solved for
/// the sample), by the byte.
static const uint8_t *levels(int is_chroma) {
  static uint8_t tables[2][256];
  static int is_made;
  for (int level = 0; level < 256 && !is_made; level++) {
    int luma = ((level - 16) * 255 + 109) / 219;
    int offset = (level - 128) * 255, chroma = 128 + (offset + (offset < 0 ? -112 : 112)) / 224;
    tables[0][level] = (uint8_t)(level < 16 ? 0 : luma > 255 ? 255 : luma);
    tables[1][level] = (uint8_t)(chroma < 0 ? 0 : chroma > 255 ? 255 : chroma);
  }
  is_made = 1;
  return tables[is_chroma];
}

/// Copies a line and repeats its last sample up to `padded`, which is read in whole blocks.
static void copy_line(uint8_t *to, const uint8_t *from, size_t count, size_t padded,
    const uint8_t *table) {
  if (table == NULL) {
    memcpy(to, from, count);
  } else {
    for (size_t column = 0; column < count; column++) to[column] = table[from[column]];
  }
  memset(to + count, to[count - 1], padded - count);
}

/// Hands the picture to the coder, 16 lines at a time, which are copied into `lines`.
static void write_planes(const struct lx_planes *planes) {
  JSAMPROW rows[3][16];
  JSAMPARRAY arrays[3] = {rows[0], rows[1], rows[2]};
  while (coder.next_scanline < coder.image_height) {
    uint32_t top = coder.next_scanline;
    uint8_t *to = lines;
    for (int plane = 0; plane < 3; plane++) {
      uint32_t half = plane > 0 ? 2 : 1, count = 16 / half;
      uint32_t width = (planes->width + half - 1) / half;
      uint32_t height = (planes->height + half - 1) / half;
      uint32_t padded = (planes->width + 15) / 16 * count;
      const uint8_t *table = planes->is_limited ? levels(plane > 0) : NULL;
      for (uint32_t row = 0; row < count; row++, to += padded) {
        uint32_t y = top / half + row < height ? top / half + row : height - 1;
        copy_line(to, planes->bytes[plane] + planes->strides[plane] * y, width, padded, table);
        rows[plane][row] = to;
      }
    }
    jpeg_write_raw_data(&coder, arrays, 16);
  }
}

int32_t lx_code_planes(const struct lx_planes *planes, int quality, void *out, size_t capacity,
    struct lx_coded *coded) {
  size_t padded = ((size_t)planes->width + 15) / 16 * 16;
  if (make_lines(padded * (16 + 8)) < 0) return -ENOMEM;
  prepare_coder(out, capacity);
  int failure = 0;
  if (setjmp(coder_trap.exit) != 0) {
    failure = coder_trap.failure;
  } else {
    begin_coding(planes->width, planes->height, 3, JCS_YCbCr);
    jpeg_set_quality(&coder, quality, TRUE);
    coder.raw_data_in = TRUE;
    jpeg_start_compress(&coder, TRUE);
    write_planes(planes);
    finish_coding(coded);
  }
  jpeg_abort_compress(&coder);
  return failure;
}
