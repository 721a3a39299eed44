// epoll, signals as a descriptor, and waiting.
#ifndef WATCHPOST_POLLER_H
#define WATCHPOST_POLLER_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// What a descriptor is watched for, and what it is ready for.
enum lx_interest {
  LX_NOTHING = 0,
  LX_READABLE = 1,
  LX_WRITABLE = 2,
  /// Both directions are dead (EPOLLERR or EPOLLHUP); always reported.
  LX_BROKEN = 4,
};

/// One descriptor that is ready.
struct lx_ready {
  uint64_t token;
  uint32_t state;
  uint32_t padding;
};

int32_t lx_poller_open(void);
/// Watches `fd`, level-triggered; `interest` is a sum of `lx_interest`.
int32_t lx_poller_add(int32_t poller, int32_t fd, uint32_t interest, uint64_t token);
int32_t lx_poller_change(int32_t poller, int32_t fd, uint32_t interest, uint64_t token);
int32_t lx_poller_remove(int32_t poller, int32_t fd);
/// Waits up to `timeout_ms` (negative: for ever) for at most `capacity` (1 … 256) ready
/// descriptors. The count, 0 after a time-out or an interruption, or a negative errno.
int32_t lx_poller_wait(
    int32_t poller, struct lx_ready *ready, int32_t capacity, int32_t timeout_ms);

/// Blocks SIGCHLD, SIGTERM, SIGINT and SIGHUP, ignores SIGPIPE, and returns a nonblocking
/// descriptor that tells of the blocked ones.
int32_t lx_signals_open(void);
/// Takes one signal: its number, 0 when there is none, or a negative errno.
int32_t lx_signals_next(int32_t signals);
enum lx_signal {
  LX_SIGHUP = 1,
  LX_SIGINT = 2,
  LX_SIGKILL = 9,
  LX_SIGTERM = 15,
  LX_SIGCHLD = 17,
  LX_SIGSYS = 31
};

#pragma clang assume_nonnull end
#endif
