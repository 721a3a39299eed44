// What the embedded standard library expects of its platform and glibc does not have under that
// name. The ordinary standard library brings its own, so that only embedded builds compile this:
// the toolsets under board/toolset define WATCHPOST_EMBEDDED.
#ifdef WATCHPOST_EMBEDDED

#include <stdlib.h>
#include <unistd.h>

// Number parsing of `Double(_:)` and `Float(_:)`: the end of what was read, or null when nothing was.
// The program never calls setlocale, so that the locale is always "C".
const char *_swift_stdlib_strtod_clocale(const char *text, double *value) {
  char *end;
  *value = strtod(text, &end);
  return end == text ? NULL : end;
}

const char *_swift_stdlib_strtof_clocale(const char *text, float *value) {
  char *end;
  *value = strtof(text, &end);
  return end == text ? NULL : end;
}

// `print` writes through putchar: unbuffered, so that what was printed before a trap is not lost.
int putchar(int character) {
  unsigned char byte = (unsigned char)character;
  return write(STDOUT_FILENO, &byte, 1) == 1 ? byte : -1;
}

#else

// An empty translation unit is not valid C.
typedef int watchpost_embedded_not_built;

#endif
