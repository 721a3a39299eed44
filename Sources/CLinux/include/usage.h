// What the machine as a whole does, as /proc tells (proc(5)).
#ifndef WATCHPOST_USAGE_H
#define WATCHPOST_USAGE_H

#include <stdint.h>

#pragma clang assume_nonnull begin

enum { LX_CORES_TOLD = 8 };

/// Counted since the kernel started, but for memory. What cannot be read is 0.
struct lx_usage {
  uint32_t cores;
  /// Milliseconds in which a core was neither idle nor waiting for a disk.
  uint64_t core_busy_ms[LX_CORES_TOLD];
  /// The same of all cores together, and their time in all.
  uint64_t busy_ms, whole_ms;
  /// Memory in all, and what programs could still have.
  uint64_t memory_kib, available_kib;
  /// All network interfaces but the loopback.
  uint64_t received_bytes, sent_bytes;
  /// All disks; partitions, loop and memory devices do not count.
  uint64_t read_bytes, written_bytes;
};

void lx_usage_read(struct lx_usage *usage);

#pragma clang assume_nonnull end

#endif
