// Frames of Watchpost's protocol for the baselines: 32 bytes of header, CRC-32C of the header and
// of the payload (Sources/Wire/Wire.docc/Frames.md). Little-endian machines only.
#pragma once

#include <stdint.h>
#include <string.h>

#define FRAME_MAGIC 0x534F5057u
#define FRAME_HEADER 32
#define FRAME_LARGEST (16 * 1024)
#define FRAME_PAYLOAD (FRAME_LARGEST - FRAME_HEADER)
#define FRAME_REPLY 1

enum kind {
  KIND_PING = 1,
  KIND_HEALTH = 2,
  KIND_SUBSCRIBE = 8,
  KIND_PUBLISH = 23,
  KIND_MESSAGE = 0x8001
};
enum status {
  STATUS_OK = 0,
  STATUS_UNKNOWN = 2,
  STATUS_MALFORMED = 4,
  STATUS_CHECKSUM = 5,
  STATUS_BUSY = 11,
  STATUS_STATE = 12
};

struct header {
  uint32_t magic;
  uint8_t version, flags;
  uint16_t kind;
  uint32_t id;
  uint16_t status, reserved_a;
  uint32_t length, reserved_b, payload_sum, header_sum;
};
_Static_assert(sizeof(struct header) == FRAME_HEADER, "the header has no padding");

static uint32_t crc_tables[8][256];
static int crc_in_hardware;

static void crc_setup(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
    crc_tables[0][byte] = crc;
  }
  for (int behind = 1; behind < 8; behind++)
    for (int byte = 0; byte < 256; byte++) {
      uint32_t crc = crc_tables[behind - 1][byte];
      crc_tables[behind][byte] = crc >> 8 ^ crc_tables[0][crc & 255];
    }
#ifdef __x86_64__
  crc_in_hardware = __builtin_cpu_supports("sse4.2");
#endif
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc_hardware(const uint8_t *bytes, size_t size) {
  uint64_t crc = 0xFFFFFFFF;
  for (; size >= 8; bytes += 8, size -= 8) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    crc = __builtin_ia32_crc32di(crc, word);
  }
  uint32_t rest = (uint32_t)crc;
  for (; size > 0; bytes++, size--) rest = __builtin_ia32_crc32qi(rest, *bytes);
  return ~rest;
}
#endif

static uint32_t crc_software(const uint8_t *bytes, size_t size) {
  uint32_t crc = 0xFFFFFFFF;
  for (; size >= 8; bytes += 8, size -= 8) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    word ^= crc;
    crc = 0;
    for (int byte = 0; byte < 8; byte++) crc ^= crc_tables[7 - byte][word >> (8 * byte) & 255];
  }
  for (; size > 0; bytes++, size--) crc = crc_tables[0][(uint8_t)crc ^ *bytes] ^ crc >> 8;
  return ~crc;
}

static inline uint32_t crc32c(const void *bytes, size_t size) {
#ifdef __x86_64__
  if (crc_in_hardware) return crc_hardware(bytes, size);
#endif
  return crc_software(bytes, size);
}

// Puts a header with both checksums in front of the payload that stands at offset 32 of `frame`.
static inline size_t frame_seal(uint8_t *frame, uint8_t flags, uint16_t kind, uint32_t id,
                                uint16_t status, size_t payload) {
  struct header head = {
      .magic = FRAME_MAGIC, .version = 1, .flags = flags, .kind = kind, .id = id,
      .status = status, .length = (uint32_t)payload,
      .payload_sum = crc32c(frame + FRAME_HEADER, payload)};
  head.header_sum = crc32c(&head, FRAME_HEADER - 4);
  memcpy(frame, &head, FRAME_HEADER);
  return FRAME_HEADER + payload;
}

// Looks at the front of `size` bytes. Returns the size of the whole, checked frame that lies there,
// 0 when more bytes are needed, -1 when the connection has to end. A wrong payload is told by
// `*sound`, which costs the frame only.
static inline int frame_next(const uint8_t *bytes, size_t size, struct header *head, int *sound) {
  if (size < FRAME_HEADER) return 0;
  memcpy(head, bytes, FRAME_HEADER);
  if (head->magic != FRAME_MAGIC) return -1;
  if (crc32c(bytes, FRAME_HEADER - 4) != head->header_sum) return -1;
  if (head->version != 1 || head->length > FRAME_PAYLOAD) return -1;
  size_t whole = FRAME_HEADER + head->length;
  if (size < whole) return 0;
  *sound = crc32c(bytes + FRAME_HEADER, head->length) == head->payload_sum;
  return (int)whole;
}
