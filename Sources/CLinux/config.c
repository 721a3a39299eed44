#include "include/lx_config.h"

#include <ini.h>
#include <stdbool.h>
#include <string.h>

// libinih pulls lines from a reader; ours keeps the line's place, so that an error can name it.
struct source {
  const char *next, *end;
  const char *line;
  size_t line_length;
  uint32_t number;
  lx_config_outcome outcome;
  lx_config_handler handler;
  void *context;
};

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static bool is_comment(const struct source *s, size_t start) {
  return start < s->line_length && (s->line[start] == '#' || s->line[start] == ';');
}

static bool is_text(const char *line, size_t length) {
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)line[i];
    if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
  }
  return true;
}

static size_t first_column(const struct source *s) {
  size_t start = 0;
  while (start < s->line_length && is_blank(s->line[start])) start++;
  return start;
}

// The contract of fgets: the next line, or NULL at the end.
static char *read_line(char *buffer, int capacity, void *stream) {
  struct source *s = stream;
  if (s->outcome != LX_CONFIG_OK || s->next >= s->end) return NULL;
  s->line = s->next;
  const char *newline = memchr(s->next, '\n', (size_t)(s->end - s->next));
  const char *line_end = newline ? newline : s->end;
  s->next = newline ? newline + 1 : s->end;
  if (line_end > s->line && line_end[-1] == '\r') line_end--;
  s->line_length = (size_t)(line_end - s->line);
  s->number++;

  size_t start = first_column(s), length = s->line_length - start;
  if (is_comment(s, start)) length = 0;
  if (!is_text(s->line + start, length)) {
    s->outcome = LX_CONFIG_NOT_TEXT;
    return NULL;
  }
  if (length > LX_CONFIG_LINE_LIMIT || length + 2 > (size_t)capacity) {
    s->outcome = LX_CONFIG_LINE_TOO_LONG;
    return NULL;
  }
  // Leading blanks are dropped: libinih would take them for the continuation of the line before.
  memcpy(buffer, s->line + start, length);
  buffer[length] = '\n';
  buffer[length + 1] = 0;
  return buffer;
}

static lx_config_place place_of(const struct source *s) {
  size_t key = first_column(s), value = key;
  while (value < s->line_length && s->line[value] != '=' && s->line[value] != ':') value++;
  if (value < s->line_length) value++;
  while (value < s->line_length && is_blank(s->line[value])) value++;
  return (lx_config_place){s->number, (uint32_t)key + 1, (uint32_t)value + 1};
}

static int take_pair(void *user, const char *section, const char *key, const char *value) {
  struct source *s = user;
  if (s->outcome != LX_CONFIG_OK) return 0;
  if (s->handler(s->context, place_of(s), section, key, value)) return 1;
  s->outcome = LX_CONFIG_REFUSED;
  return 0;
}

lx_config_outcome lx_config_parse(const void *bytes, size_t count, lx_config_handler handler,
                                  void *context, lx_config_place *place) {
  struct source s = {.next = bytes, .end = (const char *)bytes + count, .handler = handler,
                     .context = context};
  // Windows editors put a byte order mark in front.
  if (count >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) s.next += 3;
  s.line = s.next;
  ini_stop_on_first_error = true;
  ini_inline_comment_prefixes = ";#";
  int error = ini_parse_stream(read_line, &s, take_pair, &s);
  if (error != 0 && s.outcome == LX_CONFIG_OK) s.outcome = LX_CONFIG_SYNTAX;
  *place = place_of(&s);
  return s.outcome;
}
