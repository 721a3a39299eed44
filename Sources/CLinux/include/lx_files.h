// Files that are kept for good.
#ifndef WATCHPOST_FILES_H
#define WATCHPOST_FILES_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Keeps bytes as `folder`/`name`: written beside it under a hidden name, flushed, renamed, and the
/// folder flushed. Makes the folder and its parent. 0, -EEXIST when there is such a file or another
/// process is about to make it, or another negative errno; then nothing is left behind.
int32_t lx_keep_file(const char *folder, const char *name, const void *bytes, size_t count);

#pragma clang assume_nonnull end
#endif
