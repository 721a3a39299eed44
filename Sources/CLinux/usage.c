#include "include/usage.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "include/descriptor.h"

// The fields of a cpu line of /proc/stat (proc(5)); guest time is part of user time.
enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };
// The fields of /proc/net/dev and /proc/diskstats that count, behind the name.
enum { RECEIVED = 0, SENT = 8, NET_FIELDS = 9 };
enum { SECTORS_READ = 2, SECTORS_WRITTEN = 6, DISK_FIELDS = 7, SECTOR = 512 };

static char text[16 * 1024];

/// Reads a file of /proc, at most so much of it as fits; NULL where there is none.
static char *contents(const char *path) {
  int64_t count = lx_read_file(path, text, sizeof text - 1);
  if (count <= 0) return NULL;
  text[count] = 0;
  return text;
}

/// Ends the line at `*next` and moves on; NULL behind the last one.
static char *next_line(char **next) {
  char *line = *next;
  if (line == NULL || *line == 0) return NULL;
  char *end = strchr(line, '\n');
  if (end != NULL) *end++ = 0;
  *next = end;
  return line;
}

/// Reads `count` numbers; missing ones are 0.
static void numbers(char *from, uint64_t *into, int count) {
  for (int index = 0; index < count; index++) {
    char *end = from;
    into[index] = strtoull(from, &end, 10);
    from = end;
  }
}

static void read_processors(struct lx_usage *usage) {
  uint64_t tick_ms = 1000 / (uint64_t)sysconf(_SC_CLK_TCK), ticks[FIELDS];
  char *next = contents("/proc/stat"), *line;
  while ((line = next_line(&next)) != NULL && strncmp(line, "cpu", 3) == 0) {
    char *behind = line + 3;
    bool is_sum = *behind == ' ';
    unsigned long core = is_sum ? 0 : strtoul(behind, &behind, 10);
    numbers(behind, ticks, FIELDS);
    uint64_t idle = ticks[IDLE] + ticks[IOWAIT], busy = 0;
    for (int field = 0; field < FIELDS; field++) busy += ticks[field];
    busy -= idle;
    if (is_sum) {
      usage->busy_ms = busy * tick_ms;
      usage->whole_ms = (busy + idle) * tick_ms;
    } else {
      usage->cores++;
      if (core < LX_CORES_TOLD) usage->core_busy_ms[core] = busy * tick_ms;
    }
  }
}

static void read_memory(struct lx_usage *usage) {
  char *next = contents("/proc/meminfo"), *line;
  while ((line = next_line(&next)) != NULL) {
    if (strncmp(line, "MemTotal:", 9) == 0) numbers(line + 9, &usage->memory_kib, 1);
    if (strncmp(line, "MemAvailable:", 13) == 0) numbers(line + 13, &usage->available_kib, 1);
  }
}

static void read_network(struct lx_usage *usage) {
  uint64_t counts[NET_FIELDS];
  char *next = contents("/proc/net/dev"), *line;
  while ((line = next_line(&next)) != NULL) {
    char *colon = strchr(line, ':');
    if (colon == NULL || strncmp(line + strspn(line, " "), "lo:", 3) == 0) continue;
    numbers(colon + 1, counts, NET_FIELDS);
    usage->received_bytes += counts[RECEIVED];
    usage->sent_bytes += counts[SENT];
  }
}

/// Only whole disks have a folder of their own under /sys/block, and only real ones a device.
static bool is_disk(const char *name) {
  char path[80];
  snprintf(path, sizeof path, "/sys/block/%s/device", name);
  return access(path, F_OK) == 0;
}

static void read_disks(struct lx_usage *usage) {
  uint64_t counts[DISK_FIELDS];
  char *next = contents("/proc/diskstats"), *line;
  while ((line = next_line(&next)) != NULL) {
    char name[33];
    int behind = 0;
    if (sscanf(line, "%*u %*u %32s%n", name, &behind) != 1 || !is_disk(name)) continue;
    numbers(line + behind, counts, DISK_FIELDS);
    usage->read_bytes += counts[SECTORS_READ] * SECTOR;
    usage->written_bytes += counts[SECTORS_WRITTEN] * SECTOR;
  }
}

void lx_usage_read(struct lx_usage *usage) {
  *usage = (struct lx_usage){0};
  read_processors(usage);
  read_memory(usage);
  read_network(usage);
  read_disks(usage);
}
