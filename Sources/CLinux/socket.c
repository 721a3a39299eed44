#include "include/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "retry.h"

static struct sockaddr_in endpoint(uint32_t address, uint16_t port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
}

static int32_t failed(int fd) {
  int error = errno;
  close(fd);
  return -error;
}

/// A peer that vanished without a word is noticed after about 100 s: a subscriber may be silent for
/// ever. Accepted connections inherit this and TCP_NODELAY, which costs nothing per connection.
static int keep_alive(int fd) {
  int on = 1, idle = 60, interval = 10, count = 4;
  if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) < 0) return -1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) < 0) return -1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval) < 0) return -1;
  return setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

int32_t lx_listen(uint32_t address, uint16_t port, int32_t backlog, int32_t share) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  int one = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) return failed(fd);
  if (share && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0) return failed(fd);
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) return failed(fd);
  if (keep_alive(fd) < 0) return failed(fd);
  struct sockaddr_in local = endpoint(address, port);
  if (bind(fd, (struct sockaddr *)&local, sizeof local) < 0) return failed(fd);
  if (listen(fd, backlog) < 0) return failed(fd);
  return fd;
}

int32_t lx_local_port(int32_t fd) {
  struct sockaddr_in local;
  socklen_t size = sizeof local;
  if (getsockname(fd, (struct sockaddr *)&local, &size) < 0) return -errno;
  return ntohs(local.sin_port);
}

int32_t lx_accept(int32_t listener, uint32_t *address) {
  struct sockaddr_in peer = {0};
  socklen_t size = sizeof peer;
  int fd = LX_RETRY(
      accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
  *address = ntohl(peer.sin_addr.s_addr);
  return fd;
}

int32_t lx_connect(uint32_t address, uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  int one = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0) return failed(fd);
  struct sockaddr_in peer = endpoint(address, port);
  if (connect(fd, (struct sockaddr *)&peer, sizeof peer) < 0 && errno != EINPROGRESS)
    return failed(fd);
  return fd;
}

int32_t lx_connected(int32_t fd) {
  int32_t error = lx_socket_error(fd);
  if (error < 0) return error;
  struct sockaddr_in peer;
  socklen_t size = sizeof peer;
  return getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
}

int32_t lx_socket_error(int32_t fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return -errno;
  return -error;
}

int64_t lx_receive(int32_t fd, void *bytes, size_t count) {
  return LX_RETRY(recv(fd, bytes, count, 0));
}

int64_t lx_send(int32_t fd, const void *bytes, size_t count) {
  return LX_RETRY(send(fd, bytes, count, MSG_NOSIGNAL));
}

void lx_shutdown_write(int32_t fd) { shutdown(fd, SHUT_WR); }

int32_t lx_message_pair(int32_t *first, int32_t *second) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
    return -errno;
  *first = pair[0];
  *second = pair[1];
  return 0;
}
