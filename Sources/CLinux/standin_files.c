#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "standin.h"

// Files are written by a thread of their own, in the order in which it is asked for. Whoever asks
// waits for a moment: on a disk that answers, what a call returns is its own result. On one that
// hangs nobody else waits for the disk; what does not fit into the queue is lost, as with MediaMTX.

enum { patience_ms = 50, queue_limit = 32 * 1024 * 1024 };

enum action { action_create, action_write, action_write_at, action_close };

struct si_file {
  int fd;
  // The first thing that went wrong; nothing is done after it.
  int32_t error;
  // What was asked for and is not done.
  size_t pending;
};

struct task {
  struct task *next;
  struct si_file *file;
  enum action action;
  int64_t offset;
  size_t count;
  char bytes[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static struct task *first, **last = &first;
static size_t queued, unfinished;
static int is_running;

static int32_t write_at(int fd, const char *next, size_t count, int64_t offset) {
  while (count > 0) {
    ssize_t written = pwrite(fd, next, count, offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -errno;
    next += written;
    offset += written;
    count -= (size_t)written;
  }
  return 0;
}

static int32_t perform(struct task *task) {
  struct si_file *file = task->file;
  switch (task->action) {
    case action_create: return file->fd = si_create(task->bytes);
    case action_write: return si_write(file->fd, task->bytes, task->count);
    case action_write_at: return write_at(file->fd, task->bytes, task->count, task->offset);
    case action_close: break;
  }
  if (file->fd >= 0) close(file->fd);
  return 0;
}

static void *serve(void *nothing) {
  (void)nothing;
  pthread_mutex_lock(&lock);
  for (;;) {
    while (first == NULL) pthread_cond_wait(&changed, &lock);
    struct task *task = first;
    first = task->next;
    if (first == NULL) last = &first;
    struct si_file *file = task->file;
    int is_close = task->action == action_close;
    int32_t error = file->error;
    pthread_mutex_unlock(&lock);
    if (error == 0 || is_close) error = perform(task);
    pthread_mutex_lock(&lock);
    queued -= task->count;
    unfinished -= 1;
    file->pending -= 1;
    if (error < 0) file->error = error;
    if (is_close) free(file);
    free(task);
    pthread_cond_broadcast(&changed);
  }
  return NULL;
}

static int32_t begin(void) {
  pthread_condattr_t clock;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&changed, &clock);
  pthread_t thread;
  int error = pthread_create(&thread, NULL, serve, NULL);
  if (error != 0) return -error;
  pthread_detach(thread);
  is_running = 1;
  return 0;
}

static struct timespec moment_from_now(void) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += patience_ms * 1000000L;
  if (until.tv_nsec >= 1000000000L) {
    until.tv_nsec -= 1000000000L;
    until.tv_sec += 1;
  }
  return until;
}

/// Queues a task and waits for a moment. The lock is held.
static int32_t ask(
    struct si_file *file, enum action action, int64_t offset, const void *bytes, size_t count) {
  int is_needed = action == action_create || action == action_close;
  if (!is_needed && queued + count > queue_limit) return file->error;
  struct task *task = malloc(sizeof *task + count);
  if (task == NULL) return -ENOMEM;
  *task = (struct task){.file = file, .action = action, .offset = offset, .count = count};
  if (count > 0) memcpy(task->bytes, bytes, count);
  *last = task;
  last = &task->next;
  queued += count;
  unfinished += 1;
  file->pending += 1;
  pthread_cond_broadcast(&changed);
  if (action == action_close) return 0;
  struct timespec until = moment_from_now();
  while (file->pending > 0)
    if (pthread_cond_timedwait(&changed, &lock, &until) == ETIMEDOUT) break;
  return file->error;
}

struct si_file *si_file_create(const char *path, int32_t *error) {
  size_t count = strlen(path) + 1;
  *error = count > PATH_MAX ? -ENAMETOOLONG : is_running ? 0 : begin();
  if (*error < 0) return NULL;
  struct si_file *file = malloc(sizeof *file);
  if (file == NULL) {
    *error = -ENOMEM;
    return NULL;
  }
  *file = (struct si_file){.fd = -1};
  pthread_mutex_lock(&lock);
  *error = ask(file, action_create, 0, path, count);
  if (*error < 0) {
    ask(file, action_close, 0, NULL, 0);
    file = NULL;
  }
  pthread_mutex_unlock(&lock);
  return file;
}

int32_t si_file_write(struct si_file *file, const void *bytes, size_t count) {
  pthread_mutex_lock(&lock);
  int32_t error = ask(file, action_write, 0, bytes, count);
  pthread_mutex_unlock(&lock);
  return error;
}

int32_t si_file_write_at(struct si_file *file, int64_t offset, const void *bytes, size_t count) {
  pthread_mutex_lock(&lock);
  int32_t error = ask(file, action_write_at, offset, bytes, count);
  pthread_mutex_unlock(&lock);
  return error;
}

void si_file_close(struct si_file *file) {
  pthread_mutex_lock(&lock);
  ask(file, action_close, 0, NULL, 0);
  pthread_mutex_unlock(&lock);
}

void si_files_finish(void) {
  pthread_mutex_lock(&lock);
  while (unfinished > 0) pthread_cond_wait(&changed, &lock);
  pthread_mutex_unlock(&lock);
}
