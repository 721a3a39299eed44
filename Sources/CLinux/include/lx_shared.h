// Memory that processes share, and descriptors that travel between them.
#ifndef WATCHPOST_SHARED_H
#define WATCHPOST_SHARED_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Anonymous memory of a fixed size (memfd_create(2)), sealed against growing, shrinking and further
/// seals, so that whoever maps it can never be hit by SIGBUS. The descriptor or a negative errno.
int32_t lx_memory_create(size_t bytes);
/// Anonymous memory that holds these bytes and can never change again. The descriptor or a negative
/// errno.
int32_t lx_memory_of(const void *bytes, size_t count);
/// 1 when the memory has exactly this size and can never change again.
int32_t lx_memory_is_sealed(int32_t fd, size_t bytes);
/// Maps sealed memory of at least this size; NULL when it is not that.
void *_Nullable lx_memory_map(int32_t fd, size_t bytes, int32_t writable);
void lx_memory_unmap(void *memory, size_t bytes);

/// pread(2): the number of bytes or a negative errno.
int64_t lx_read_at(int32_t fd, void *bytes, size_t count, uint64_t offset);

/// Sends a message with a descriptor (SCM_RIGHTS), -1: without one.
int64_t lx_send_message(int32_t fd, const void *bytes, size_t count, int32_t passed);
/// Receives a message; `passed` becomes the descriptor that came with it, close-on-exec, or -1.
int64_t lx_receive_message(int32_t fd, void *bytes, size_t count, int32_t *passed);

/// A number that several processes change and look at.
uint64_t lx_shared_load(const uint64_t *place);
void lx_shared_store(uint64_t *place, uint64_t value);
/// What was read before stays before what is read after.
void lx_shared_read_fence(void);
/// What was written before is seen before what is written after.
void lx_shared_write_fence(void);

#pragma clang assume_nonnull end
#endif
