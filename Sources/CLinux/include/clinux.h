// The one door from Swift to libc and the kernel.
//
// The embedded triple has no libc module, and the Swift importer parses these headers for a bare-metal
// target: they name only fixed-width types. Every call returns a negative errno on failure, so that no
// Swift code reads `errno`.
#ifndef WATCHPOST_CLINUX_H
#define WATCHPOST_CLINUX_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// write(2); the number of bytes written or a negative errno.
int64_t lx_write(int32_t fd, const void *bytes, size_t count);

#pragma clang assume_nonnull end
#endif
