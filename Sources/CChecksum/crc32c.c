#include "include/crc32c.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#define HAS_CRC __attribute__((target("sse4.2")))
#define STEP_8(crc, word) ((uint32_t)__builtin_ia32_crc32di(crc, word))
#define STEP_4(crc, word) __builtin_ia32_crc32si(crc, word)
#define STEP_1(crc, byte) __builtin_ia32_crc32qi(crc, byte)

static bool detect(void) {
  unsigned int eax, ebx, ecx = 0, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_SSE4_2);
}
#elif defined(__aarch64__)
#include <sys/auxv.h>
#define HAS_CRC __attribute__((target("crc")))
#define STEP_8(crc, word) __builtin_arm_crc32cd(crc, word)
#define STEP_4(crc, word) __builtin_arm_crc32cw(crc, word)
#define STEP_1(crc, byte) __builtin_arm_crc32cb(crc, byte)

// asm/hwcap.h: the ID register field that the kernel passes on.
enum { HWCAP_CRC32_BIT = 7 };

static bool detect(void) { return getauxval(AT_HWCAP) >> HWCAP_CRC32_BIT & 1; }
#else
#define HAS_CRC
#define STEP_8(crc, word) 0
#define STEP_4(crc, word) 0
#define STEP_1(crc, byte) 0

static bool detect(void) { return false; }
#endif

bool cc_has_crc32c;

// Before main: nobody has to remember it, and nobody sees it change.
__attribute__((constructor)) static void begin(void) { cc_has_crc32c = detect(); }

HAS_CRC uint32_t cc_crc32c(uint32_t crc, const void *bytes, size_t count) {
  const uint8_t *next = bytes;
  for (; count >= 8; next += 8, count -= 8) {
    uint64_t word;
    memcpy(&word, next, sizeof word);
    crc = STEP_8(crc, word);
  }
  if (count >= 4) {
    uint32_t word;
    memcpy(&word, next, sizeof word);
    crc = STEP_4(crc, word);
    next += 4;
    count -= 4;
  }
  for (; count > 0; next++, count--) crc = STEP_1(crc, *next);
  return crc;
}
