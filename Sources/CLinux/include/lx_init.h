// What PID 1 and its children ask of the kernel.
#ifndef WATCHPOST_LX_INIT_H
#define WATCHPOST_LX_INIT_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// mount(2) with init's few flags; 0 or a negative errno.
int32_t lx_mount(const char *source, const char *target, const char *type, uint32_t flags,
                 const char *_Nullable data);
#define LX_MOUNT_NOSUID 1u
#define LX_MOUNT_NODEV 2u
#define LX_MOUNT_NOEXEC 4u
#define LX_MOUNT_NOATIME 8u
#define LX_MOUNT_READ_ONLY 16u

/// umount2(2); falls back to a lazy one. 0 or a negative errno.
int32_t lx_unmount(const char *target);
/// umount2(2) of what nobody uses. 0 or a negative errno: EBUSY, EINVAL where nothing is mounted.
int32_t lx_unmount_unused(const char *target);
/// mkdir(2) with a sticky bit where asked; an existing folder is no error.
int32_t lx_make_folder(const char *path, uint32_t mode);
int32_t lx_make_link(const char *target, const char *path);
/// The running program's own path, zero-terminated; its length or a negative errno.
int32_t lx_own_path(char *buffer, size_t capacity);

/// finit_module(2); a module that is loaded already is no error.
int32_t lx_load_module(const char *path, const char *arguments);

/// Opens the console as descriptors 0, 1 and 2. Nobody at the other end can hold up who writes to
/// it: XOFF means nothing, and where the line stands still all the same, as it may with RTS/CTS,
/// lines are lost. `waits`: it is a person's, who wants to read all of it.
int32_t lx_open_console(int32_t waits);

/// Blocks the signals of PID 1, takes Ctrl-Alt-Del as SIGINT, and returns a signalfd for them.
int32_t lx_init_signals(void);
/// Waits at most `timeout_ms` for a signal of `fd` (negative: for ever); the signal's number, 0
/// after the time-out or an interruption, or a negative errno.
int32_t lx_next_signal(int32_t fd, int32_t timeout_ms);

/// Reaps one ended child. Its pid, 0 if none has ended, or a negative errno (LX_NO_CHILD: there is
/// none at all); `code` is the exit code, `signal` the signal that ended it, or 0.
#define LX_NO_CHILD (-10)
int32_t lx_reap_any(int32_t *code, int32_t *signal);

/// fork(2): 0 in the child, which gets default signals, a name, its own session, and dies with its
/// parent where `bound` says so.
int32_t lx_fork_child(const char *name, _Bool bound);
/// execve(2) without a shell; returns only on failure, a negative errno.
int32_t lx_execute(const char *path, const char *_Nullable const *_Nonnull arguments,
                   const char *_Nullable const *_Nonnull environment);
/// Ends the process at once, without atexit.
void lx_exit_now(int32_t code) __attribute__((noreturn));
int32_t lx_send_signal(int32_t pid, int32_t signal);
/// Waits for `pid` for at most `timeout_ms`; its exit code, 128 + signal, or -LX_ETIMEDOUT.
#define LX_ETIMEDOUT 110
int32_t lx_wait_for(int32_t pid, int32_t timeout_ms);
/// A new session with the terminal on descriptor 0 as its own.
void lx_take_terminal(void);

#define LX_RESTART 0u
#define LX_POWER_OFF 1u
/// reboot(2); returns only on failure.
int32_t lx_reboot(uint32_t action);
void lx_sync(void);

/// CLOCK_BOOTTIME in nanoseconds.
uint64_t lx_boot_clock_ns(void);
void lx_sleep_ms(uint32_t ms);

/// Reads at most `capacity` bytes of a file; their number or a negative errno. -LX_TOO_BIG where the
/// file is longer.
#define LX_TOO_BIG 27
int64_t lx_read_whole_file(const char *path, void *buffer, size_t capacity);
/// Writes a file under another name and renames it; 0 or a negative errno. `durable`: returns when
/// both are on the card.
int32_t lx_replace_file(const char *path, const void *bytes, size_t count, _Bool durable);

/// The process's arguments and environment, kept by a constructor: Embedded Swift has no
/// `CommandLine` under the bare-metal triple.
int32_t lx_argument_count(void);
const char *_Nullable lx_argument(int32_t index);
const char *_Nullable lx_environment(const char *name);

#pragma clang assume_nonnull end
#endif
