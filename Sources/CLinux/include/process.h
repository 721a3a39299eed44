// Child processes, and what /proc says of any process.
#ifndef WATCHPOST_PROCESS_H
#define WATCHPOST_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// How a child is started. Texts are zero-terminated.
struct lx_child {
  const char *_Nullable path;
  /// At most 8 arguments after the program's name, unused ones NULL.
  const char *_Nullable arguments[8];
  /// The whole environment: at most 4 `NAME=value`, unused ones NULL.
  const char *_Nullable environment[4];
  /// The working folder, NULL to keep ours.
  const char *_Nullable directory;
  /// The child's standard output and error; -1: /dev/null.
  int32_t output;
  int32_t error;
  /// Descriptors that become the child's 3 and 4, or -1.
  int32_t extra;
  int32_t more;
  /// The user and its group that it becomes, without capabilities and other groups; 0: it stays
  /// ours.
  uint32_t user;
  /// As another user it may listen on ports below 1024 nevertheless.
  int32_t low_ports;
};

/// Starts a child in its own process group that dies with this process (PR_SET_PDEATHSIG), with an
/// empty signal mask, default dispositions, nice 0, no descriptor but 0–4, and without a way to
/// more rights than it starts with (`no_new_privs`). The pid, or the negative errno of fork, of
/// becoming its user or of the failed exec.
int32_t lx_spawn(const struct lx_child *child);
/// Signals the process, or its group when `group` is set.
int32_t lx_kill(int32_t pid, int32_t signal, int32_t group);
/// Reaps `pid` if it has ended: 1 and its status (low byte exit code; 0x100 | signal), 0 while it
/// runs, or a negative errno.
int32_t lx_reap(int32_t pid, int32_t *status);
/// Gives our process precedence over its children, whatever their number. 0, or a negative errno
/// where that takes a right that we do not have.
int32_t lx_prefer_us(void);
/// Lets every other process go before ours (nice 10): for work that takes all of a small board.
/// May be said again.
void lx_give_way(void);
int32_t lx_pid(void);
int32_t lx_parent_pid(void);
/// When `pid` started, in clock ticks since boot (field 22 of /proc/PID/stat); 0 if it does
/// not run.
uint64_t lx_process_start(int32_t pid);
/// The first process but this one that has `device` (a node's whole path) open, 0 if none is found
/// or may be looked at; its name goes to `name` (16 bytes, zero-padded). Only /proc is asked: a
/// device or a file system that hangs cannot hold up who looks.
int32_t lx_device_holder(const char *device, char *name);
/// A pipe; the reading end is nonblocking.
int32_t lx_pipe(int32_t *reading, int32_t *writing);
/// Bytes of this program in memory: code, constants and data, in whole pages.
uint64_t lx_program_bytes(void);
/// Brings all of that in, so that no use of it waits for storage later.
void lx_program_populate(void);
/// Touches the stack down to the deepest call that there is, so that it does not grow later.
#define LX_STACK_BYTES (160 * 1024)
void lx_stack_populate(void);
/// Resident bytes of this process.
uint64_t lx_resident_bytes(void);
/// The most resident bytes this process has had.
uint64_t lx_peak_resident_bytes(void);
/// CPU time of this process in milliseconds.
uint64_t lx_cpu_ms(void);

#pragma clang assume_nonnull end
#endif
