#include "include/service.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "retry.h"

int32_t lx_service_notify(const char *state) {
  const char *path = getenv("NOTIFY_SOCKET");
  if (path == NULL) return 0;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof address.sun_path) return -EINVAL;
  memcpy(address.sun_path, path, length);
  // systemd names abstract sockets with a leading @.
  if (path[0] == '@') address.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  ssize_t sent = LX_RETRY(sendto(
      fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, size));
  close(fd);
  return sent < 0 ? (int32_t)sent : 1;
}
