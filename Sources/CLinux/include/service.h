// What a service manager wants to hear (sd_notify(3)), without its library.
#ifndef WATCHPOST_SERVICE_H
#define WATCHPOST_SERVICE_H

#include <stdint.h>

#pragma clang assume_nonnull begin

/// Sends `state`, e.g. "READY=1", where NOTIFY_SOCKET names a socket. 1 when it was sent, 0 when
/// nobody wants to hear, or a negative errno.
int32_t lx_service_notify(const char *state);

#pragma clang assume_nonnull end
#endif
