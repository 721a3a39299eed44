#include "include/poller.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "retry.h"

_Static_assert(LX_SIGCHLD == SIGCHLD && LX_SIGTERM == SIGTERM && LX_SIGKILL == SIGKILL, "signals");
_Static_assert(LX_SIGSYS == SIGSYS, "signals");

int32_t lx_poller_open(void) {
  int fd = epoll_create1(EPOLL_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

static int32_t control(int32_t poller, int operation, int32_t fd, uint32_t interest, uint64_t token) {
  struct epoll_event event = {.data.u64 = token};
  if (interest & LX_READABLE) event.events |= EPOLLIN;
  if (interest & LX_WRITABLE) event.events |= EPOLLOUT;
  return epoll_ctl(poller, operation, fd, &event) < 0 ? -errno : 0;
}

int32_t lx_poller_add(int32_t poller, int32_t fd, uint32_t interest, uint64_t token) {
  return control(poller, EPOLL_CTL_ADD, fd, interest, token);
}

int32_t lx_poller_change(int32_t poller, int32_t fd, uint32_t interest, uint64_t token) {
  return control(poller, EPOLL_CTL_MOD, fd, interest, token);
}

int32_t lx_poller_remove(int32_t poller, int32_t fd) {
  return control(poller, EPOLL_CTL_DEL, fd, 0, 0);
}

int32_t lx_poller_wait(
    int32_t poller, struct lx_ready *ready, int32_t capacity, int32_t timeout_ms) {
  struct epoll_event events[256];
  if (capacity > 256) capacity = 256;
  int count = epoll_wait(poller, events, capacity, timeout_ms);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int index = 0; index < count; index++) {
    uint32_t kernel = events[index].events;
    uint32_t state = LX_NOTHING;
    if (kernel & EPOLLIN) state |= LX_READABLE;
    if (kernel & EPOLLOUT) state |= LX_WRITABLE;
    if (kernel & (EPOLLERR | EPOLLHUP)) state |= LX_BROKEN;
    ready[index] = (struct lx_ready){.token = events[index].data.u64, .state = state};
  }
  return count;
}

int32_t lx_signals_open(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -errno;
  signal(SIGPIPE, SIG_IGN);
  int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

int32_t lx_signals_next(int32_t signals) {
  struct signalfd_siginfo info;
  ssize_t count = LX_RETRY(read(signals, &info, sizeof info));
  if (count == -EAGAIN) return 0;
  return count < 0 ? (int32_t)count : (int32_t)info.ssi_signo;
}
