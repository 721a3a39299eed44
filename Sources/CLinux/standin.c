#include "standin.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { poll_limit = 512, backlog = 128 };

/// Fills in a numeric address, an empty one meaning every address; its length, 0 if it is none.
static socklen_t fill_address(struct sockaddr_storage *address, const char *host, uint16_t port) {
  struct sockaddr_in *v4 = (struct sockaddr_in *)address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
  memset(address, 0, sizeof *address);
  if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    return sizeof *v4;
  }
  if (host[0] != 0 && inet_pton(AF_INET6, host, &v6->sin6_addr) != 1) return 0;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  return sizeof *v6;
}

static int32_t bind_socket(const char *host, uint16_t port, int type) {
  struct sockaddr_storage address;
  socklen_t length = fill_address(&address, host, port);
  if (length == 0) return -EINVAL;
  int fd = socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 && errno == EAFNOSUPPORT && host[0] == 0) {
    return bind_socket("0.0.0.0", port, type);  // a kernel without IPv6
  }
  if (fd < 0) return -errno;
  int on = 1, off = 0;
  if (type == SOCK_STREAM) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.ss_family == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (bind(fd, (struct sockaddr *)&address, length) < 0 ||
      (type == SOCK_STREAM && listen(fd, backlog) < 0)) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int32_t si_listen(const char *host, uint16_t port) { return bind_socket(host, port, SOCK_STREAM); }

int32_t si_bind_datagram(const char *host, uint16_t port) {
  return bind_socket(host, port, SOCK_DGRAM);
}

int32_t si_connect(const char *host, uint16_t port) {
  struct sockaddr_storage address;
  socklen_t length = fill_address(&address, host, port);
  if (length == 0 || host[0] == 0) return -EINVAL;
  int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (connect(fd, (struct sockaddr *)&address, length) < 0 && errno != EINPROGRESS) {
    int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

int32_t si_accept(int32_t listener, char *peer, size_t capacity) {
  struct sockaddr_storage address = {0};
  socklen_t length = sizeof address;
  int fd = accept4(listener, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return -errno;
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    snprintf(peer, capacity, "%s:%u", text, ntohs(v4->sin_port));
    return fd;
  }
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
  if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, sizeof text);
    snprintf(peer, capacity, "%s:%u", text, ntohs(v6->sin6_port));
  } else {
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    snprintf(peer, capacity, "[%s]:%u", text, ntohs(v6->sin6_port));
  }
  return fd;
}

int64_t si_receive(int32_t fd, void *bytes, size_t capacity) {
  ssize_t count = recv(fd, bytes, capacity, 0);
  return count < 0 ? -errno : count;
}

int64_t si_send(int32_t fd, const void *bytes, size_t count) {
  ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
  return sent < 0 ? -errno : sent;
}

void si_close(int32_t fd) { close(fd); }

int32_t si_poll(
    const int32_t *fds, const uint8_t *wants, uint8_t *got, size_t count, int32_t timeout_ms) {
  struct pollfd set[poll_limit];
  if (count > poll_limit) return -EINVAL;
  for (size_t i = 0; i < count; i++) {
    set[i].fd = fds[i];
    set[i].events = (short)((wants[i] & 1 ? POLLIN : 0) | (wants[i] & 2 ? POLLOUT : 0));
    set[i].revents = 0;
  }
  int ready = poll(set, count, timeout_ms);
  if (ready < 0 && errno != EINTR) return -errno;
  for (size_t i = 0; i < count; i++) {
    short events = ready > 0 ? set[i].revents : 0;
    got[i] = (uint8_t)((events & POLLIN ? 1 : 0) | (events & POLLOUT ? 2 : 0) |
                       (events & (POLLERR | POLLHUP | POLLNVAL) ? 4 : 0));
  }
  return ready < 0 ? 0 : ready;
}

int32_t si_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGUSR1);
  signal(SIGPIPE, SIG_IGN);
  if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -errno;
  int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int32_t si_next_signal(int32_t fd) {
  struct signalfd_siginfo info;
  return read(fd, &info, sizeof info) == sizeof info ? (int32_t)info.ssi_signo : 0;
}

static int64_t clock_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t si_monotonic_ns(void) { return clock_ns(CLOCK_MONOTONIC); }
int64_t si_realtime_ns(void) { return clock_ns(CLOCK_REALTIME); }

void si_random(void *bytes, size_t count) {
  if (getrandom(bytes, count, 0) != (ssize_t)count) abort();
}

const char *si_environment(const char *name) { return getenv(name); }

const char *si_architecture(void) {
#if defined(__aarch64__)
  return "arm64";
#elif defined(__x86_64__)
  return "amd64";
#else
  return "unknown";
#endif
}

int64_t si_read_file(const char *path, void *bytes, size_t capacity) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  size_t length = 0;
  for (;;) {
    if (length == capacity) {
      close(fd);
      return -EFBIG;
    }
    ssize_t count = read(fd, (char *)bytes + length, capacity - length);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      int error = errno;
      close(fd);
      return count < 0 ? -error : (int64_t)length;
    }
    length += (size_t)count;
  }
}

int64_t si_arguments(void *bytes, size_t capacity) {
  return si_read_file("/proc/self/cmdline", bytes, capacity);
}

int64_t si_read_at(const char *path, int64_t offset, void *bytes, size_t count) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  ssize_t got = pread(fd, bytes, count, offset);
  int error = errno;
  close(fd);
  return got < 0 ? -error : got;
}

int64_t si_file_stamp(const char *path) {
  struct stat status;
  if (stat(path, &status) < 0) return -errno;
  uint64_t stamp = (uint64_t)status.st_mtim.tv_sec * 1000000007u +
                   (uint64_t)status.st_mtim.tv_nsec * 31u + (uint64_t)status.st_size * 131u +
                   (uint64_t)status.st_ino * 65599u;
  return (int64_t)(stamp >> 1);
}

int32_t si_create(const char *path) {
  char folder[PATH_MAX];
  size_t length = strlen(path);
  if (length >= sizeof folder) return -ENAMETOOLONG;
  memcpy(folder, path, length + 1);
  for (size_t i = 1; i < length; i++) {
    if (folder[i] != '/') continue;
    folder[i] = 0;
    if (mkdir(folder, 0755) < 0 && errno != EEXIST) return -errno;
    folder[i] = '/';
  }
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  return fd < 0 ? -errno : fd;
}

int32_t si_write(int32_t fd, const void *bytes, size_t count) {
  const char *next = bytes;
  while (count > 0) {
    ssize_t written = write(fd, next, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -errno;
    next += written;
    count -= (size_t)written;
  }
  return 0;
}

int32_t si_unlink(const char *path) { return unlink(path) < 0 ? -errno : 0; }

void *si_open_folder(const char *path) { return opendir(path); }

int32_t si_next_entry(void *folder, char *name, size_t capacity) {
  for (;;) {
    struct dirent *entry = readdir(folder);
    if (entry == NULL) return 0;
    if (entry->d_name[0] == '.') continue;
    if (strlen(entry->d_name) >= capacity) continue;
    struct stat status;
    if (fstatat(dirfd(folder), entry->d_name, &status, 0) < 0) continue;
    memcpy(name, entry->d_name, strlen(entry->d_name) + 1);
    return S_ISDIR(status.st_mode) ? 2 : 1;
  }
}

void si_close_folder(void *folder) { closedir(folder); }

void si_abort(void) { abort(); }
void si_exit(int32_t code) { _exit(code); }
