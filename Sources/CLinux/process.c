#include "include/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#include "include/descriptor.h"
#include "privileges.h"
#include "retry.h"

/// Ahead of feeds and MediaMTX, whose work never ends: ours takes microseconds.
enum { AGENT_NICENESS = -15, CODING_NICENESS = 10 };

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/// Closes everything from 5 on. Kernels before 5.9 lack close_range; there the descriptors' own
/// close-on-exec flags do it.
static void close_rest(void) { syscall(SYS_close_range, 5u, ~0u, 0u); }

/// Makes `from` the child's `to`; none there where it is negative.
static void place(int from, int to) {
  if (from < 0) {
    close(to);
  } else if (from == to) {
    fcntl(to, F_SETFD, 0);
  } else {
    dup2(from, to);
  }
}

/// The signals that we ignore, a bit each: all that exec does not put back to their defaults. Asked
/// once, for vfork's child has no time for it.
static uint64_t ignored_signals(void) {
  static uint64_t ignored;
  static bool known;
  for (int number = 1; number < NSIG && !known; number++) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
      ignored |= UINT64_C(1) << (number - 1);
  }
  known = true;
  return ignored;
}

/// What a child starts with, all above the numbers that it will have.
struct descriptors {
  int null, output, error, extra, more;
  uint64_t ignored;
};

/// Becomes a user without capabilities, or with the one for ports below 1024, which has to be
/// inherited and ambient to outlive exec (capabilities(7)). 0 or a negative errno.
static int become_another(const struct lx_child *child) {
  uint64_t kept = child->low_ports ? UINT64_C(1) << CAP_NET_BIND_SERVICE : 0;
  int failure = lx_bound_capabilities(kept);
  if (failure < 0) return failure;
  if (kept != 0) prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  failure = lx_become_user(child->user, child->user);
  if (failure < 0 || kept == 0) return failure;
  failure = lx_hold_capabilities(kept, kept, kept);
  if (failure < 0) return failure;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0);
  return 0;
}

/// The child's side of vfork: only system calls until exec.
static void become(const struct lx_child *child, char *const *arguments, char *const *environment,
    const struct descriptors *given, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (child->user != 0) {
    int failure = become_another(child);
    if (failure < 0) {
      errno = -failure;
      return;
    }
  }
  // Behind the change of the user, which takes it back.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  for (uint64_t left = given->ignored; left != 0; left &= left - 1)
    signal(__builtin_ctzll(left) + 1, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  place(given->null, 0);
  place(given->output, 1);
  place(given->error, 2);
  place(given->extra, 3);
  place(given->more, 4);
  close_rest();
  if (child->directory != NULL && chdir(child->directory) < 0) return;
  execve(child->path, arguments, environment);
}

/// A copy of `fd` above the numbers that the child's own descriptors will take.
static int lift(int fd) { return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 8); }

static void drop(int fd) {
  if (fd >= 0) close(fd);
}

int32_t lx_spawn(const struct lx_child *child) {
  char *arguments[10] = {(char *)child->path};
  char *environment[5] = {NULL};
  for (int index = 0; index < 8; index++) arguments[index + 1] = (char *)child->arguments[index];
  for (int index = 0; index < 4; index++) environment[index] = (char *)child->environment[index];

  int opened = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (opened < 0) return -errno;
  struct descriptors given = {.null = lift(opened), .ignored = ignored_signals()};
  close(opened);
  if (given.null < 0) return -errno;
  given.output = lift(child->output >= 0 ? child->output : given.null);
  given.error = lift(child->error >= 0 ? child->error : given.null);
  given.extra = lift(child->extra);
  given.more = lift(child->more);

  volatile int failure = 0;
  pid_t parent = getpid();
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  // vfork shares our memory until exec: no page tables are copied, and the child's errno reaches
  // us.
  pid_t pid = given.output < 0 || given.error < 0 ? -1 : vfork();
  if (pid == 0) {
    become(child, arguments, environment, &given, parent);
    failure = errno;
    _exit(127);
  }
  if (pid < 0) failure = errno;
  // The child had our priority until here, so that we did not wait for its exec behind others.
  if (pid > 0) setpriority(PRIO_PROCESS, (id_t)pid, 0);
  sigprocmask(SIG_SETMASK, &before, NULL);
  drop(given.null);
  drop(given.output);
  drop(given.error);
  drop(given.extra);
  drop(given.more);
  if (failure != 0 && pid > 0) LX_RETRY(waitpid(pid, NULL, 0));
  return failure != 0 ? -failure : pid;
}

int32_t lx_kill(int32_t pid, int32_t signal, int32_t group) {
  // 0 and below would mean groups or everything: never a child of ours.
  if (pid <= 1) return -ESRCH;
  return kill(group ? -pid : pid, signal) < 0 ? -errno : 0;
}

int32_t lx_reap(int32_t pid, int32_t *status) {
  int raw = 0;
  pid_t ended = LX_RETRY(waitpid(pid, &raw, WNOHANG));
  if (ended <= 0) return ended;
  *status = WIFSIGNALED(raw) ? 0x100 | WTERMSIG(raw) : WEXITSTATUS(raw);
  return 1;
}

int32_t lx_prefer_us(void) {
  return setpriority(PRIO_PROCESS, 0, AGENT_NICENESS) < 0 ? -errno : 0;
}

void lx_give_way(void) { setpriority(PRIO_PROCESS, 0, CODING_NICENESS); }

int32_t lx_pid(void) { return getpid(); }

int32_t lx_parent_pid(void) { return getppid(); }

uint64_t lx_process_start(int32_t pid) {
  char path[32], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int64_t count = lx_read_file(path, text, sizeof text - 1);
  if (count <= 0) return 0;
  text[count] = 0;
  // The name in parentheses may hold anything, also spaces and parentheses: count from its end.
  char *at = strrchr(text, ')');
  // A zombie holds neither memory nor ports: it only waits for its parent.
  if (at != NULL && (at[2] == 'Z' || at[2] == 'X')) return 0;
  for (int field = 2; at != NULL && field < 22; field++) at = strchr(at + 1, ' ');
  return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

static int holds(const char *pid, const char *device) {
  char folder[300], target[64];
  snprintf(folder, sizeof folder, "/proc/%s/fd", pid);
  DIR *entries = opendir(folder);
  if (entries == NULL) return 0;
  size_t wanted = strlen(device);
  int found = 0;
  for (struct dirent *entry; !found && (entry = readdir(entries)) != NULL;) {
    ssize_t length = readlinkat(dirfd(entries), entry->d_name, target, sizeof target);
    found = length == (ssize_t)wanted && memcmp(target, device, wanted) == 0;
  }
  closedir(entries);
  return found;
}

int32_t lx_device_holder(const char *device, char *name) {
  memset(name, 0, 16);
  DIR *processes = opendir("/proc");
  if (processes == NULL) return 0;
  int32_t holder = 0;
  for (struct dirent *entry; holder == 0 && (entry = readdir(processes)) != NULL;) {
    int32_t pid = atoi(entry->d_name);
    if (pid > 0 && pid != getpid() && holds(entry->d_name, device)) holder = pid;
  }
  closedir(processes);
  if (holder > 0) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/comm", holder);
    int64_t count = lx_read_file(path, name, 15);
    if (count > 0 && name[count - 1] == '\n') name[count - 1] = 0;
  }
  return holder;
}

int32_t lx_pipe(int32_t *reading, int32_t *writing) {
  int pair[2];
  if (pipe2(pair, O_CLOEXEC) < 0) return -errno;
  *reading = pair[0];
  *writing = pair[1];
  return lx_set_nonblocking(pair[0]);
}

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

// Set by the linker: the program's first byte.
extern const char __executable_start[];

/// Goes through the program's segments in memory (elf(5)): their bytes in whole pages, and brings
/// them in where asked.
static uint64_t segments(int populate) {
  const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
  size_t count = getauxval(AT_PHNUM);
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = UINTPTR_MAX;
  uint64_t sum = 0;
  for (size_t index = 0; index < count; index++) {
    if (headers[index].p_type != PT_LOAD) continue;
    if (first == UINTPTR_MAX) first = headers[index].p_vaddr;
    uintptr_t start = (uintptr_t)__executable_start + headers[index].p_vaddr - first;
    uintptr_t end = (start + headers[index].p_memsz + page - 1) & ~(page - 1);
    start &= ~(page - 1);
    sum += end - start;
    int advice = headers[index].p_flags & PF_W ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
    // Kernels before 5.14 do not know it: pages come when they are used.
    if (populate) madvise((void *)start, end - start, advice);
  }
  return sum;
}

uint64_t lx_program_bytes(void) { return segments(0); }

void lx_program_populate(void) { segments(1); }

__attribute__((noinline)) void lx_stack_populate(void) {
  // Below this function, where the calls to come will lie.
  volatile char deep[LX_STACK_BYTES];
  for (size_t offset = 0; offset < sizeof deep; offset += 4096) deep[offset] = 0;
}

uint64_t lx_resident_bytes(void) {
  char text[128];
  int64_t count = lx_read_file("/proc/self/statm", text, sizeof text - 1);
  if (count <= 0) return 0;
  text[count] = 0;
  char *space = strchr(text, ' ');
  return space == NULL ? 0 : strtoull(space, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t lx_cpu_ms(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

uint64_t lx_peak_resident_bytes(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (uint64_t)usage.ru_maxrss * 1024;
}
