#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "include/lx_init.h"
#include "retry.h"

/// For how long a device that is gone is held. What the kernel still does takes a few milliseconds.
enum { HELD_MS = 250 };

static volatile sig_atomic_t node = -1;

/// A camera that is unplugged goes in steps: first its node, which everybody is told of, then its
/// media device. Linux 6.1 dereferences NULL when the last descriptor is closed between the two
/// (media_device_unregister_entity() looks at the media device before it has its lock): the process
/// never ends and the camera never comes back. So whoever holds a device that is gone is in no
/// hurry.
static void await_end(void) {
  struct v4l2_capability capability;
  if (node < 0 || ioctl(node, VIDIOC_QUERYCAP, &capability) == 0 || errno != ENODEV) return;
  lx_sleep_ms(HELD_MS);
}

static void leave(int signal) {
  (void)signal;
  await_end();
  _exit(0);
}

int32_t lx_node_open(const char *path) {
  struct sigaction action = {.sa_handler = leave};
  sigaction(SIGTERM, &action, NULL);
  node = LX_RETRY(open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK));
  return node;
}

void lx_node_close(void) {
  if (node < 0) return;
  await_end();
  close(node);
  node = -1;
}
