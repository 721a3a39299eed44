// Configuration text, line by line, through libinih.
#ifndef WATCHPOST_LX_CONFIG_H
#define WATCHPOST_LX_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Bytes of the longest line libinih takes, without its line end.
#define LX_CONFIG_LINE_LIMIT 190

/// Where a pair stands. Lines and columns count from 1, columns in bytes.
typedef struct {
  uint32_t line;
  uint32_t key_column;
  uint32_t value_column;
} lx_config_place;

/// Takes one pair; false stops the parser.
typedef _Bool (*lx_config_handler)(void *context, lx_config_place place, const char *section,
                                   const char *key, const char *value);

/// What stopped the parser.
typedef enum {
  LX_CONFIG_OK,
  /// The handler said no.
  LX_CONFIG_REFUSED,
  /// A line that is neither comment, [section] nor key = value.
  LX_CONFIG_SYNTAX,
  LX_CONFIG_LINE_TOO_LONG,
  /// A byte that no text has.
  LX_CONFIG_NOT_TEXT,
} lx_config_outcome;

/// Parses `count` bytes; `place` says where it stopped.
lx_config_outcome lx_config_parse(const void *bytes, size_t count, lx_config_handler handler,
                                  void *context, lx_config_place *place);

#pragma clang assume_nonnull end
#endif
