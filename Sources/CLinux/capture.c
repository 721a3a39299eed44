#include "include/lx_capture.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "include/lx_init.h"
#include "node.h"
#include "retry.h"

/// Four: one is filled, one waits for it, one is looked at, and one is there if that takes longer.
enum { BUFFERS = 4 };

/// The one device of this process.
static struct {
  int fd;
  uint32_t type;
  uint64_t slept_ns;
  struct {
    void *start;
    size_t length;
  } buffers[BUFFERS];
} device = {.fd = -1};

static int ask(unsigned long request, void *argument) {
  return LX_RETRY(ioctl(device.fd, request, argument));
}

static int is_planar(void) { return device.type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE; }

int32_t lx_capture_open(const char *path) {
  device.fd = lx_node_open(path);
  if (device.fd < 0) return device.fd;
  struct v4l2_capability capability = {0};
  int failure = ask(VIDIOC_QUERYCAP, &capability);
  if (failure < 0) return failure;
  uint32_t can = capability.capabilities & V4L2_CAP_DEVICE_CAPS ? capability.device_caps
                                                                : capability.capabilities;
  if (can & V4L2_CAP_VIDEO_CAPTURE) {
    device.type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  } else if (can & V4L2_CAP_VIDEO_CAPTURE_MPLANE) {
    device.type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
  } else {
    return -EINVAL;
  }
  return device.fd;
}

/// The size and format that hold now.
static int read_format(struct lx_mode *mode) {
  struct v4l2_format format = {.type = device.type};
  int failure = ask(VIDIOC_G_FMT, &format);
  if (failure < 0) return failure;
  if (is_planar()) {
    if (format.fmt.pix_mp.num_planes != 1) return -EINVAL;
    mode->format = format.fmt.pix_mp.pixelformat;
    mode->width = format.fmt.pix_mp.width;
    mode->height = format.fmt.pix_mp.height;
  } else {
    mode->format = format.fmt.pix.pixelformat;
    mode->width = format.fmt.pix.width;
    mode->height = format.fmt.pix.height;
  }
  return 0;
}

static int set_format(const struct lx_mode *mode) {
  struct v4l2_format format = {.type = device.type};
  if (is_planar()) {
    format.fmt.pix_mp.pixelformat = mode->format;
    format.fmt.pix_mp.width = mode->width;
    format.fmt.pix_mp.height = mode->height;
    format.fmt.pix_mp.field = V4L2_FIELD_ANY;
    format.fmt.pix_mp.num_planes = 1;
  } else {
    format.fmt.pix.pixelformat = mode->format;
    format.fmt.pix.width = mode->width;
    format.fmt.pix.height = mode->height;
    format.fmt.pix.field = V4L2_FIELD_ANY;
  }
  return ask(VIDIOC_S_FMT, &format);
}

/// The interval is a wish: many drivers have one rate, some none that they would tell.
static void set_interval(const struct lx_mode *mode) {
  if (mode->numerator == 0 || mode->denominator == 0) return;
  struct v4l2_streamparm parameters = {.type = device.type};
  parameters.parm.capture.timeperframe.numerator = mode->numerator;
  parameters.parm.capture.timeperframe.denominator = mode->denominator;
  ask(VIDIOC_S_PARM, &parameters);
}

static void read_interval(struct lx_mode *mode) {
  struct v4l2_streamparm parameters = {.type = device.type};
  mode->numerator = mode->denominator = 0;
  if (ask(VIDIOC_G_PARM, &parameters) < 0) return;
  mode->numerator = parameters.parm.capture.timeperframe.numerator;
  mode->denominator = parameters.parm.capture.timeperframe.denominator;
}

static struct v4l2_buffer buffer(int index, struct v4l2_plane *plane) {
  struct v4l2_buffer buffer = {
      .index = (uint32_t)index, .type = device.type, .memory = V4L2_MEMORY_MMAP};
  if (is_planar()) {
    memset(plane, 0, sizeof *plane);
    buffer.m.planes = plane;
    buffer.length = 1;
  }
  return buffer;
}

static int map(int index) {
  struct v4l2_plane plane;
  struct v4l2_buffer asked = buffer(index, &plane);
  int failure = ask(VIDIOC_QUERYBUF, &asked);
  if (failure < 0) return failure;
  size_t length = is_planar() ? plane.length : asked.length;
  uint32_t offset = is_planar() ? plane.m.mem_offset : asked.m.offset;
  void *start = mmap(NULL, length, PROT_READ, MAP_SHARED, device.fd, (off_t)offset);
  if (start == MAP_FAILED) return -errno;
  device.buffers[index].start = start;
  device.buffers[index].length = length;
  return lx_capture_give_back(index);
}

int32_t lx_capture_prepare(struct lx_mode *mode) {
  struct lx_mode wanted = *mode;
  int failure = wanted.format == 0 ? 0 : set_format(&wanted);
  if (failure < 0) return failure;
  set_interval(&wanted);
  struct v4l2_requestbuffers request = {
      .count = BUFFERS, .type = device.type, .memory = V4L2_MEMORY_MMAP};
  failure = ask(VIDIOC_REQBUFS, &request);
  if (failure < 0) return failure;
  if (request.count < 2) return -ENOMEM;
  // Between S_FMT and REQBUFS another process may have set another format; from here on the device
  // is ours.
  failure = read_format(mode);
  if (failure < 0) return failure;
  read_interval(mode);
  if (wanted.format != 0 && mode->format != wanted.format) return -EINVAL;
  uint32_t count = request.count < BUFFERS ? request.count : BUFFERS;
  for (uint32_t index = 0; index < count; index++) {
    failure = map((int)index);
    if (failure < 0) return failure;
  }
  return 0;
}

static uint64_t nanoseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/// What CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC: the time that the machine has slept. Learnt once
/// a stream from the two readings that lie closest together, so that being interrupted between them
/// does not move single pictures.
static uint64_t slept_ns(void) {
  uint64_t slept = 0, shortest = UINT64_MAX;
  for (int attempt = 0; attempt < 8; attempt++) {
    uint64_t before = nanoseconds(CLOCK_MONOTONIC);
    uint64_t boot = lx_boot_clock_ns();
    uint64_t took = nanoseconds(CLOCK_MONOTONIC) - before;
    if (took >= shortest) continue;
    shortest = took;
    slept = boot - before;
  }
  return slept;
}

int32_t lx_capture_start(void) {
  device.slept_ns = slept_ns();
  int type = (int)device.type;
  return ask(VIDIOC_STREAMON, &type);
}

int32_t lx_capture_next(struct lx_picture *picture) {
  struct v4l2_plane plane;
  struct v4l2_buffer taken = buffer(0, &plane);
  int failure = ask(VIDIOC_DQBUF, &taken);
  if (failure == -EAGAIN) return 0;
  if (failure < 0) return failure;
  if (taken.index >= BUFFERS) return -EIO;
  size_t count = is_planar() ? plane.bytesused : taken.bytesused;
  size_t length = device.buffers[taken.index].length;
  picture->index = (int32_t)taken.index;
  picture->bytes = device.buffers[taken.index].start;
  picture->count = count <= length ? count : length;
  picture->damaged = (taken.flags & V4L2_BUF_FLAG_ERROR) != 0 || count == 0;
  picture->taken_ns = picture->captured_ns = lx_boot_clock_ns();
  if ((taken.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC) {
    uint64_t stamp = (uint64_t)taken.timestamp.tv_sec * 1000000000 +
                     (uint64_t)taken.timestamp.tv_usec * 1000;
    stamp = stamp > 0 ? stamp + device.slept_ns : picture->taken_ns;
    if (stamp < picture->taken_ns) picture->captured_ns = stamp;
  }
  return 1;
}

int32_t lx_capture_give_back(int32_t index) {
  struct v4l2_plane plane;
  struct v4l2_buffer given = buffer(index, &plane);
  return ask(VIDIOC_QBUF, &given);
}

void lx_capture_close(void) {
  if (device.fd < 0) return;
  int type = (int)device.type;
  ask(VIDIOC_STREAMOFF, &type);
  for (int index = 0; index < BUFFERS; index++) {
    if (device.buffers[index].start != NULL)
      munmap(device.buffers[index].start, device.buffers[index].length);
    device.buffers[index].start = NULL;
  }
  lx_node_close();
  device.fd = -1;
}
