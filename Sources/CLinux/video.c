#include <errno.h>
#include <linux/videodev2.h>
#include <string.h>
#include <sys/ioctl.h>

#include "include/devices.h"
#include "node.h"
#include "retry.h"

enum { MODES = 128 };

static int ask(int fd, unsigned long request, void *argument) {
  return LX_RETRY(ioctl(fd, request, argument));
}

static void add(struct lx_video *video, uint32_t format, uint32_t width, uint32_t height,
    struct v4l2_fract interval) {
  if (video->mode_count == MODES) {
    video->truncated = 1;
    return;
  }
  video->modes[video->mode_count++] = (struct lx_mode){
      .format = format,
      .width = width,
      .height = height,
      .numerator = interval.numerator,
      .denominator = interval.denominator,
  };
}

/// All discrete intervals of a size; of a range only the shortest, its fastest mode.
static void intervals(
    int fd, struct lx_video *video, uint32_t format, uint32_t width, uint32_t height) {
  struct v4l2_frmivalenum interval = {.pixel_format = format, .width = width, .height = height};
  int found = 0;
  while (!video->truncated && ask(fd, VIDIOC_ENUM_FRAMEINTERVALS, &interval) >= 0) {
    int discrete = interval.type == V4L2_FRMIVAL_TYPE_DISCRETE;
    add(video, format, width, height, discrete ? interval.discrete : interval.stepwise.min);
    found = 1;
    if (!discrete) return;
    interval.index++;
  }
  if (!found) add(video, format, width, height, (struct v4l2_fract){0});
}

/// All discrete sizes of a format; of a range only the largest.
static void sizes(int fd, struct lx_video *video, uint32_t format) {
  struct v4l2_frmsizeenum size = {.pixel_format = format};
  while (!video->truncated && ask(fd, VIDIOC_ENUM_FRAMESIZES, &size) >= 0) {
    if (size.type != V4L2_FRMSIZE_TYPE_DISCRETE) {
      intervals(fd, video, format, size.stepwise.max_width, size.stepwise.max_height);
      return;
    }
    intervals(fd, video, format, size.discrete.width, size.discrete.height);
    size.index++;
  }
}

static void formats(int fd, struct lx_video *video, uint32_t type) {
  struct v4l2_fmtdesc format = {.type = type};
  while (!video->truncated && ask(fd, VIDIOC_ENUM_FMT, &format) >= 0) {
    sizes(fd, video, format.pixelformat);
    format.index++;
  }
}

int32_t lx_video_probe(const char *path, struct lx_video *video) {
  memset(video, 0, sizeof *video);
  int fd = lx_node_open(path);
  if (fd < 0) return fd;
  struct v4l2_capability capability = {0};
  int result = ask(fd, VIDIOC_QUERYCAP, &capability);
  if (result < 0) {
    lx_node_close();
    return result;
  }
  memcpy(video->card, capability.card, sizeof video->card);
  memcpy(video->driver, capability.driver, sizeof video->driver);
  // device_caps speaks of this node, capabilities of the whole device.
  uint32_t can = capability.capabilities & V4L2_CAP_DEVICE_CAPS ? capability.device_caps
                                                                : capability.capabilities;
  uint32_t other = V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE | V4L2_CAP_VIDEO_OUTPUT |
                   V4L2_CAP_VIDEO_OUTPUT_MPLANE | V4L2_CAP_META_CAPTURE;
  int plain = (can & V4L2_CAP_VIDEO_CAPTURE) != 0;
  int planar = (can & V4L2_CAP_VIDEO_CAPTURE_MPLANE) != 0;
  video->captures = (plain || planar) && (can & other) == 0;
  if (video->captures) {
    formats(fd, video,
        plain ? V4L2_BUF_TYPE_VIDEO_CAPTURE : V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE);
  }
  // Enumerating does not claim the device. Whoever streams from it has claimed it: VIDIOC_REQBUFS
  // for no buffers changes nothing and tells, since a driver refuses it while another file streams.
  struct v4l2_requestbuffers none = {
      .count = 0,
      .type = plain ? V4L2_BUF_TYPE_VIDEO_CAPTURE : V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
      .memory = V4L2_MEMORY_MMAP,
  };
  result = video->captures ? ask(fd, VIDIOC_REQBUFS, &none) : 0;
  lx_node_close();
  return result == -EBUSY ? -EBUSY : 0;
}
