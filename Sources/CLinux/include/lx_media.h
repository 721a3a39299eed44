// HTTP answers (http_parser), JSON (yajl), and the sockets of a process: what talking to MediaMTX
// needs. Nothing here allocates but yajl, whose use is bounded by the length and depth of its input
// and given back before the call returns.
#ifndef WATCHPOST_LX_MEDIA_H
#define WATCHPOST_LX_MEDIA_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// The errno of a connection that nobody listens for.
#define LX_ECONNREFUSED 111

/// What has been understood of an HTTP answer so far.
typedef enum {
  LX_HTTP_MORE,
  LX_HTTP_COMPLETE,
  LX_HTTP_MALFORMED,
  /// The body is longer than its buffer, or the header longer than LX_HTTP_HEADER_LIMIT.
  LX_HTTP_TOO_LARGE,
} lx_http_outcome;

#define LX_HTTP_HEADER_LIMIT 8192

/// An HTTP/1.1 answer that arrives in pieces. `parser` belongs to lx_media.c.
typedef struct {
  uint64_t parser[4];
  uint8_t *body;
  uint32_t capacity;
  uint32_t length;
  uint32_t header_bytes;
  uint32_t status;
  lx_http_outcome outcome;
} lx_http_answer;

/// Begins an answer whose body goes to `body`.
lx_http_answer lx_http_begin(uint8_t *body, uint32_t capacity);
/// Takes the next bytes; none at all mean the end of the stream. What follows a complete answer is
/// ignored.
lx_http_outcome lx_http_take(lx_http_answer *answer, const void *bytes, size_t count);

typedef enum {
  LX_JSON_NULL,
  LX_JSON_FALSE,
  LX_JSON_TRUE,
  /// As text.
  LX_JSON_NUMBER,
  LX_JSON_STRING,
  LX_JSON_KEY,
  LX_JSON_MAP_START,
  LX_JSON_MAP_END,
  LX_JSON_ARRAY_START,
  LX_JSON_ARRAY_END,
} lx_json_event;

/// Takes one event; the bytes of numbers, strings and keys are valid during the call. False stops.
typedef _Bool (*lx_json_handler)(void *context, lx_json_event event, const uint8_t *_Nullable bytes,
                                 size_t count);

/// Containers within containers that are followed; deeper text counts as malformed.
#define LX_JSON_DEPTH 16

/// Parses one JSON document; true when it was whole, valid, and the handler never said no.
_Bool lx_json_parse(const uint8_t *bytes, size_t count, lx_json_handler handler, void *context);

/// Marks which socket inodes the process holds: `held[i]` becomes 1 where it has `inodes[i]` open.
/// 0 or a negative errno.
int32_t lx_process_sockets(int32_t pid, const uint64_t *inodes, uint8_t *held, size_t count);

#pragma clang assume_nonnull end
#endif
