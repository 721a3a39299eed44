// The processor's own instructions for CRC-32C: SSE 4.2 (Intel SDM 2, CRC32) and ARMv8 CRC32 (ARM
// DDI 0487, CRC32CX).
#ifndef WATCHPOST_CRC32C_H
#define WATCHPOST_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Set before `main` and never again.
extern bool cc_has_crc32c;

/// The processor has such instructions.
static inline bool cc_crc32c_available(void) { return cc_has_crc32c; }

/// The register after `count` more bytes; before the first one all its bits are set, and the
/// checksum is the complement of the last. Only where `cc_crc32c_available`.
uint32_t cc_crc32c(uint32_t crc, const void *bytes, size_t count);

#pragma clang assume_nonnull end

#endif
