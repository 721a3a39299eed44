#include "lx_media.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <http_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

_Static_assert(sizeof(http_parser) <= sizeof(((lx_http_answer *)0)->parser),
               "lx_http_answer has too little room for the parser");

static http_parser *parser_of(lx_http_answer *answer) { return (http_parser *)answer->parser; }

static int on_headers_complete(http_parser *parser) {
  lx_http_answer *answer = parser->data;
  answer->status = parser->status_code;
  return 0;
}

static int on_body(http_parser *parser, const char *bytes, size_t count) {
  lx_http_answer *answer = parser->data;
  if (count > answer->capacity - answer->length) {
    answer->outcome = LX_HTTP_TOO_LARGE;
    return 1;
  }
  memcpy(answer->body + answer->length, bytes, count);
  answer->length += (uint32_t)count;
  return 0;
}

static int on_message_complete(http_parser *parser) {
  lx_http_answer *answer = parser->data;
  answer->outcome = LX_HTTP_COMPLETE;
  http_parser_pause(parser, 1);
  return 0;
}

// What on_body does not see: the header, and whatever frames the chunks.
static void count_framing(lx_http_answer *answer, size_t taken, uint32_t body_before) {
  answer->header_bytes += (uint32_t)taken - (answer->length - body_before);
  if (answer->header_bytes > LX_HTTP_HEADER_LIMIT && answer->outcome == LX_HTTP_MORE) {
    answer->outcome = LX_HTTP_TOO_LARGE;
  }
}

lx_http_answer lx_http_begin(uint8_t *body, uint32_t capacity) {
  lx_http_answer answer = {.body = body, .capacity = capacity, .outcome = LX_HTTP_MORE};
  http_parser_init(parser_of(&answer), HTTP_RESPONSE);
  return answer;
}

lx_http_outcome lx_http_take(lx_http_answer *answer, const void *bytes, size_t count) {
  static const http_parser_settings settings = {
      .on_headers_complete = on_headers_complete,
      .on_body = on_body,
      .on_message_complete = on_message_complete,
  };
  if (answer->outcome != LX_HTTP_MORE) return answer->outcome;
  http_parser *parser = parser_of(answer);
  parser->data = answer;  // the answer may have moved since the last call
  uint32_t body_before = answer->length;
  size_t taken = http_parser_execute(parser, &settings, bytes, count);
  count_framing(answer, taken, body_before);
  if (answer->outcome != LX_HTTP_MORE) return answer->outcome;
  if (HTTP_PARSER_ERRNO(parser) != HPE_OK || parser->upgrade || taken != count || count == 0) {
    answer->outcome = LX_HTTP_MALFORMED;
  }
  return answer->outcome;
}

struct json_walk {
  lx_json_handler handler;
  void *context;
  int depth;
};

static int tell(void *context, lx_json_event event, const void *bytes, size_t count) {
  struct json_walk *walk = context;
  return walk->handler(walk->context, event, bytes, count);
}

static int enter(void *context, lx_json_event event) {
  struct json_walk *walk = context;
  if (walk->depth++ == LX_JSON_DEPTH) return 0;
  return tell(walk, event, NULL, 0);
}

static int leave(void *context, lx_json_event event) {
  struct json_walk *walk = context;
  walk->depth--;
  return tell(walk, event, NULL, 0);
}

static int on_null(void *context) { return tell(context, LX_JSON_NULL, NULL, 0); }

static int on_boolean(void *context, int value) {
  return tell(context, value ? LX_JSON_TRUE : LX_JSON_FALSE, NULL, 0);
}

static int on_number(void *context, const char *bytes, size_t count) {
  return tell(context, LX_JSON_NUMBER, bytes, count);
}

static int on_string(void *context, const unsigned char *bytes, size_t count) {
  return tell(context, LX_JSON_STRING, bytes, count);
}

static int on_key(void *context, const unsigned char *bytes, size_t count) {
  return tell(context, LX_JSON_KEY, bytes, count);
}

static int on_map_start(void *context) { return enter(context, LX_JSON_MAP_START); }
static int on_map_end(void *context) { return leave(context, LX_JSON_MAP_END); }
static int on_array_start(void *context) { return enter(context, LX_JSON_ARRAY_START); }
static int on_array_end(void *context) { return leave(context, LX_JSON_ARRAY_END); }

_Bool lx_json_parse(const uint8_t *bytes, size_t count, lx_json_handler handler, void *context) {
  static const yajl_callbacks callbacks = {
      .yajl_null = on_null,
      .yajl_boolean = on_boolean,
      .yajl_number = on_number,
      .yajl_string = on_string,
      .yajl_start_map = on_map_start,
      .yajl_map_key = on_key,
      .yajl_end_map = on_map_end,
      .yajl_start_array = on_array_start,
      .yajl_end_array = on_array_end,
  };
  struct json_walk walk = {.handler = handler, .context = context};
  yajl_handle parser = yajl_alloc(&callbacks, NULL, &walk);
  if (parser == NULL) return 0;
  _Bool whole = yajl_parse(parser, bytes, count) == yajl_status_ok &&
                yajl_complete_parse(parser) == yajl_status_ok;
  yajl_free(parser);
  return whole;
}

int32_t lx_process_sockets(int32_t pid, const uint64_t *inodes, uint8_t *held, size_t count) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  memset(held, 0, count);
  DIR *folder = opendir(path);
  if (folder == NULL) return -errno;
  struct dirent *entry;
  while ((entry = readdir(folder)) != NULL) {
    char target[64];
    ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
    if (length < 0) continue;  // closed meanwhile, or no descriptor
    target[length] = 0;
    unsigned long long inode;
    if (sscanf(target, "socket:[%llu]", &inode) != 1) continue;
    for (size_t index = 0; index < count; index++) {
      if (inodes[index] == inode) held[index] = 1;
    }
  }
  closedir(folder);
  return 0;
}
