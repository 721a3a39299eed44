// What EINTR means, once: the call is repeated.
#ifndef WATCHPOST_RETRY_H
#define WATCHPOST_RETRY_H

#include <errno.h>

/// Evaluates `call` until it is not interrupted, and yields its result or a negative errno.
#define LX_RETRY(call)                               \
  ({                                                 \
    __typeof__(call) lx_result;                      \
    do lx_result = (call);                           \
    while (lx_result < 0 && errno == EINTR);         \
    lx_result < 0 ? (__typeof__(lx_result))-errno : lx_result; \
  })

#endif
