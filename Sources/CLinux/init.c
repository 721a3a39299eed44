#include "include/lx_init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "include/descriptor.h"

int32_t lx_mount(const char *source, const char *target, const char *type, uint32_t flags,
                 const char *data) {
  unsigned long native = MS_SILENT;
  if (flags & LX_MOUNT_NOSUID) native |= MS_NOSUID;
  if (flags & LX_MOUNT_NODEV) native |= MS_NODEV;
  if (flags & LX_MOUNT_NOEXEC) native |= MS_NOEXEC;
  if (flags & LX_MOUNT_NOATIME) native |= MS_NOATIME;
  if (flags & LX_MOUNT_READ_ONLY) native |= MS_RDONLY;
  return mount(source, target, type, native, data) < 0 ? -errno : 0;
}

int32_t lx_unmount(const char *target) {
  if (umount2(target, 0) == 0) return 0;
  return umount2(target, MNT_DETACH) < 0 ? -errno : 0;
}

int32_t lx_unmount_unused(const char *target) {
  return umount2(target, 0) < 0 ? -errno : 0;
}

int32_t lx_make_folder(const char *path, uint32_t mode) {
  if (mkdir(path, mode) == 0) return chmod(path, mode) < 0 ? -errno : 0;
  return errno == EEXIST ? 0 : -errno;
}

int32_t lx_make_link(const char *target, const char *path) {
  unlink(path);
  return symlink(target, path) < 0 ? -errno : 0;
}

int32_t lx_own_path(char *buffer, size_t capacity) {
  ssize_t length = readlink("/proc/self/exe", buffer, capacity - 1);
  if (length < 0) return -errno;
  buffer[length] = 0;
  return (int32_t)length;
}

int32_t lx_load_module(const char *path, const char *arguments) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  long result = syscall(SYS_finit_module, fd, arguments, 0);
  int error = errno;
  close(fd);
  return result == 0 || error == EEXIST ? 0 : -error;
}

int32_t lx_open_console(int32_t waits) {
  int fd = open("/dev/console", O_RDWR | O_NOCTTY | (waits ? 0 : O_NONBLOCK));
  if (fd < 0) fd = open("/dev/null", O_RDWR);
  if (fd < 0) return -errno;
  for (int standard = 0; standard <= 2; standard++)
    if (fd != standard) dup2(fd, standard);
  if (fd > 2) close(fd);
  struct termios terminal;
  if (tcgetattr(0, &terminal) == 0) {
    if (waits)
      terminal.c_iflag |= IXON;
    else
      terminal.c_iflag &= ~(tcflag_t)IXON;
    tcsetattr(0, TCSANOW, &terminal);
  }
  return 0;
}

int32_t lx_init_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGUSR2);
  sigaddset(&signals, SIGPIPE);
  sigaddset(&signals, SIGHUP);
  if (sigprocmask(SIG_SETMASK, &signals, NULL) < 0) return -errno;
  if (getpid() == 1) reboot(RB_DISABLE_CAD);
  int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

int32_t lx_next_signal(int32_t fd, int32_t timeout_ms) {
  struct signalfd_siginfo info;
  ssize_t count = read(fd, &info, sizeof info);
  if (count == (ssize_t)sizeof info) return (int32_t)info.ssi_signo;
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  int ready = poll(&wait, 1, timeout_ms);
  if (ready < 0) return errno == EINTR ? 0 : -errno;
  if (ready == 0) return 0;
  count = read(fd, &info, sizeof info);
  return count == (ssize_t)sizeof info ? (int32_t)info.ssi_signo : 0;
}

int32_t lx_reap_any(int32_t *code, int32_t *signal) {
  int status;
  pid_t pid = waitpid(-1, &status, WNOHANG);
  if (pid <= 0) return pid == 0 ? 0 : -errno;
  *code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  *signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return pid;
}

int32_t lx_fork_child(const char *name, bool bound) {
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid != 0) return pid < 0 ? -errno : pid;
  setsid();
  prctl(PR_SET_NAME, name);
  struct sigaction action = {.sa_handler = SIG_DFL};
  for (int signal = 1; signal < 32; signal++) sigaction(signal, &action, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (bound) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // The parent may have died before the call.
    if (getppid() != parent) _exit(127);
  }
  return 0;
}

int32_t lx_execute(const char *path, const char *const *arguments,
                   const char *const *environment) {
  execve(path, (char *const *)(uintptr_t)arguments, (char *const *)(uintptr_t)environment);
  return -errno;
}

void lx_exit_now(int32_t code) { _exit(code); }

int32_t lx_send_signal(int32_t pid, int32_t signal) { return kill(pid, signal) < 0 ? -errno : 0; }

int32_t lx_wait_for(int32_t pid, int32_t timeout_ms) {
  uint64_t end = lx_boot_time_ms() + (uint64_t)timeout_ms;
  for (;;) {
    int status;
    pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (ended < 0 && errno != EINTR) return -errno;
    if (lx_boot_time_ms() >= end) return -ETIMEDOUT;
    lx_sleep_ms(10);
  }
}

void lx_take_terminal(void) {
  setsid();
  ioctl(0, TIOCSCTTY, 1);
}

int32_t lx_reboot(uint32_t action) {
  return reboot(action == LX_POWER_OFF ? RB_POWER_OFF : RB_AUTOBOOT) < 0 ? -errno : 0;
}

void lx_sync(void) { sync(); }

uint64_t lx_boot_clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void lx_sleep_ms(uint32_t ms) {
  struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  while (nanosleep(&rest, &rest) < 0 && errno == EINTR) {}
}

int64_t lx_read_whole_file(const char *path, void *buffer, size_t capacity) {
  // O_NONBLOCK: a fifo under this name must not stop the reader.
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -errno;
  size_t count = 0;
  int64_t result = 0;
  for (;;) {
    char extra;
    bool full = count == capacity;
    ssize_t got = full ? read(fd, &extra, 1) : read(fd, (char *)buffer + count, capacity - count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) result = -errno;
    else if (got > 0 && full) result = -EFBIG;
    else if (got == 0) result = (int64_t)count;
    if (got <= 0 || full) break;
    count += (size_t)got;
  }
  close(fd);
  return result;
}

// A new name in a folder is on the card when the folder is (fsync(2)).
static int sync_folder_of(const char *path) {
  char folder[256];
  const char *slash = strrchr(path, '/');
  int length = slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path);
  if ((size_t)length >= sizeof folder) return -ENAMETOOLONG;
  memcpy(folder, slash == NULL ? "." : path, (size_t)length);
  folder[length] = 0;
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -errno;
  int error = fsync(fd) < 0 ? -errno : 0;
  close(fd);
  return error;
}

int32_t lx_replace_file(const char *path, const void *bytes, size_t count, bool durable) {
  char fresh[256];
  int length = snprintf(fresh, sizeof fresh, "%s.new", path);
  if (length < 0 || (size_t)length >= sizeof fresh) return -ENAMETOOLONG;
  int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return -errno;
  int error = lx_write_all(fd, bytes, count);
  if (error == 0 && durable && fsync(fd) < 0) error = -errno;
  close(fd);
  if (error == 0 && rename(fresh, path) < 0) error = -errno;
  if (error != 0) {
    unlink(fresh);
    return error;
  }
  return durable ? sync_folder_of(path) : 0;
}

static int argument_count;
static char **argument_list;

// glibc passes main's arguments to constructors, in static programs too.
__attribute__((constructor)) static void keep_arguments(int argc, char **argv) {
  argument_count = argc;
  argument_list = argv;
}

int32_t lx_argument_count(void) { return argument_count; }

const char *lx_argument(int32_t index) {
  return index >= 0 && index < argument_count ? argument_list[index] : NULL;
}

const char *lx_environment(const char *name) { return getenv(name); }
