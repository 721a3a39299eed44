// Which system calls a role may make. Everything else ends it, but for the roles that start programs
// of others: a kernel without the call is what those find there, since no table foresees what the
// next version of MediaMTX tries first. What none of them has to try ends them as well.
//
// Numbers come from the kernel's headers for the architecture that is compiled for. A row with an
// argument allows the call only where `argument & mask == value`; several rows for a call add up.
//
// A filter passes on to children and cannot be widened: the agent's holds what all that it starts
// may need, MediaMTX (a Go program) among them. What it leaves out is what nobody there needs:
// modules, other kernels, tracing, keys, namespaces, new file systems, clocks, swap, io_uring, bpf.
#ifndef WATCHPOST_CALLS_H
#define WATCHPOST_CALLS_H

#include <asm/unistd.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "include/lx_confine.h"

struct call {
  uint32_t number;
  uint32_t roles;
  /// Which argument, 0 to 5, of whose lower half `mask` says what counts; mask 0: none counts.
  uint32_t argument;
  uint32_t mask;
  uint32_t value;
};

#define AGENT (1u << LX_ROLE_AGENT)
#define STORAGE (1u << LX_ROLE_STORAGE)
#define KEEPER (1u << LX_ROLE_KEEPER)
#define PROBE (1u << LX_ROLE_PROBE)
#define FEED (1u << LX_ROLE_FEED)
#define PICTURE (1u << LX_ROLE_PICTURE)
#define JOB (1u << LX_ROLE_JOB)
#define USB (1u << LX_ROLE_USB)
#define NETWORK (1u << LX_ROLE_NETWORK)
#define TIME (1u << LX_ROLE_TIME)
#define MDNS (1u << LX_ROLE_MDNS)

#define EVERY ((1u << LX_ROLES) - 1)
/// Those that start other programs, and so have to allow what a program does before it is ours.
#define STARTERS (AGENT | NETWORK)
/// Those that keep files.
#define KEEPERS (STARTERS | STORAGE | KEEPER | JOB)
/// Those that open files by name.
#define READERS (KEEPERS | PROBE | FEED | USB | TIME | MDNS)
/// Those that talk over channels to the agent, or have sockets of their own.
#define TALKERS (KEEPERS | FEED | PICTURE | TIME | MDNS)
/// Those that open sockets, and those of them in the Internet.
#define CALLERS (STARTERS | FEED | TIME | MDNS)

#define CALL(name, roles) {__NR_##name, roles, 0, 0, 0},
#define WHERE(name, roles, argument, mask, value) {__NR_##name, roles, argument, mask, value},

// clang-format off
static const struct call calls[] = {
    // The ways of a request, first: without the kernel's cache (5.11) rows are looked at in order.
    CALL(recvfrom,           TALKERS)
    CALL(sendto,             TALKERS)
    CALL(epoll_pwait,        STARTERS | FEED)
    CALL(epoll_ctl,          STARTERS | FEED)
    CALL(read,               EVERY)
    CALL(write,              EVERY)
    CALL(close,              EVERY)
    CALL(sendmsg,            TALKERS)
    CALL(recvmsg,            TALKERS)

    // A program's own business.
    CALL(exit_group,         EVERY)
    CALL(exit,               EVERY)
    CALL(rt_sigreturn,       EVERY)
    CALL(rt_sigaction,       EVERY)
    CALL(rt_sigprocmask,     EVERY)
    CALL(restart_syscall,    EVERY)
    CALL(clock_gettime,      EVERY)
    CALL(clock_nanosleep,    EVERY)
    CALL(nanosleep,          EVERY)
    CALL(ppoll,              EVERY)
    CALL(getrandom,          EVERY)
    CALL(futex,              EVERY)
    CALL(fstat,              EVERY)
    CALL(newfstatat,         EVERY)
    CALL(lseek,              EVERY)

    // Memory. Nobody makes any that can be run, but for what a program's start maps.
    CALL(brk,                EVERY)
    CALL(munmap,             EVERY)
    CALL(mremap,             EVERY)
    CALL(madvise,            EVERY)
    WHERE(mmap,              EVERY & ~STARTERS, 2, PROT_EXEC, 0)
    WHERE(mprotect,          EVERY & ~STARTERS, 2, PROT_EXEC, 0)
    CALL(mmap,               STARTERS)
    CALL(mprotect,           STARTERS)
    CALL(mincore,            AGENT)
    CALL(mlock,              AGENT | KEEPER)
    CALL(mlockall,           AGENT | KEEPER)
    CALL(munlock,            AGENT | KEEPER)
    CALL(memfd_create,       AGENT | PICTURE | JOB | STORAGE)

    // What it is and has.
    CALL(getpid,             EVERY & ~(PROBE | FEED))
    CALL(getppid,            EVERY & ~(PROBE | FEED))
    CALL(gettid,             EVERY & ~(PROBE | FEED))
    CALL(tgkill,             EVERY & ~(PROBE | FEED))
    CALL(getuid,             STARTERS)
    CALL(geteuid,            KEEPERS)
    CALL(getgid,             STARTERS)
    CALL(getegid,            STARTERS)
    CALL(getresuid,          STARTERS)
    CALL(getresgid,          STARTERS)
    CALL(getgroups,          STARTERS)
    CALL(getpgid,            STARTERS)
    CALL(getsid,             STARTERS)
    CALL(getcwd,             KEEPERS)
    CALL(uname,              STARTERS)
    CALL(sysinfo,            STARTERS | JOB)
    CALL(getrusage,          AGENT)
    CALL(times,              AGENT)
    CALL(gettimeofday,       STARTERS | TIME)
    CALL(clock_getres,       STARTERS)
    CALL(prlimit64,          STARTERS | KEEPER | JOB)
    CALL(sched_yield,        EVERY & ~(PROBE | PICTURE))
    CALL(sched_getaffinity,  STARTERS | JOB)
    CALL(getcpu,             AGENT)
    CALL(setpriority,        AGENT | FEED)
    CALL(getpriority,        AGENT)

    // Files by name.
    CALL(openat,             READERS & ~(PROBE | TIME | MDNS))
    // A probe opens a device for both ways and changes no file; these two only read.
    WHERE(openat,            PROBE, 2, O_CREAT | O_TRUNC | O_APPEND, 0)
    WHERE(openat,            TIME | MDNS, 2, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_RDONLY)
    CALL(faccessat,          READERS)
    CALL(readlinkat,         READERS)
    CALL(getdents64,         KEEPERS)
    CALL(statfs,             KEEPERS)
    CALL(fstatfs,            KEEPERS)
    CALL(statx,              STARTERS)
    CALL(inotify_init1,      AGENT | STORAGE)
    CALL(inotify_add_watch,  AGENT | STORAGE)
    CALL(inotify_rm_watch,   AGENT | STORAGE)
    CALL(chdir,              AGENT)
    CALL(fchdir,             AGENT)
    CALL(umask,              STARTERS)

    // Files that change.
    CALL(mkdirat,            KEEPERS)
    CALL(unlinkat,           KEEPERS)
    CALL(renameat,           KEEPERS)
    CALL(renameat2,          KEEPERS)
    CALL(linkat,             STARTERS)
    CALL(symlinkat,          STARTERS)
    CALL(fchmod,             AGENT | STORAGE | KEEPER)
    CALL(fchmodat,           AGENT)
    CALL(fchown,             AGENT | STORAGE)
    CALL(fchownat,           AGENT | STORAGE)
    CALL(utimensat,          AGENT | STORAGE)
    CALL(ftruncate,          KEEPERS)
    CALL(truncate,           AGENT)
    CALL(fallocate,          AGENT | STORAGE | KEEPER)
    CALL(fsync,              KEEPERS)
    CALL(fdatasync,          KEEPERS)
    CALL(sync_file_range,    AGENT | STORAGE)
    CALL(syncfs,             AGENT | STORAGE | KEEPER)
    CALL(fadvise64,          AGENT | STORAGE | JOB)
    CALL(pread64,            KEEPERS | FEED)
    CALL(pwrite64,           KEEPERS)
    CALL(readv,              STARTERS)
    CALL(writev,             EVERY)
    CALL(preadv,             AGENT)
    CALL(pwritev,            AGENT)
    CALL(sendfile,           AGENT)
    CALL(splice,             AGENT)
    CALL(copy_file_range,    AGENT)
    CALL(flock,              AGENT)
    // The keeper opens the card's first partition for a write, and closes it: nothing else of
    // mount(2).
    WHERE(mount,             AGENT | KEEPER, 3, MS_REMOUNT, MS_REMOUNT)

    // Descriptors.
    CALL(fcntl,              EVERY)
    CALL(dup,                STARTERS | STORAGE)
    CALL(dup3,               STARTERS)
    CALL(pipe2,              STARTERS)
    CALL(epoll_create1,      STARTERS | FEED)
    CALL(eventfd2,           AGENT)
    CALL(signalfd4,          STARTERS | STORAGE | KEEPER | MDNS)
    CALL(timerfd_create,     AGENT)
    CALL(timerfd_settime,    AGENT)
    CALL(pselect6,           STARTERS)
    // Cameras (V4L2's own requests) and hubs ('U'); the C library asks whether its output is a
    // terminal ('T').
    CALL(ioctl,              AGENT | STORAGE | NETWORK | MDNS)
    WHERE(ioctl,             PROBE | FEED, 1, 0xFF00, 'V' << 8)
    WHERE(ioctl,             USB, 1, 0xFF00, 'U' << 8)

    // Sockets.
    CALL(socket,             STARTERS | TIME | MDNS)
    // AF_INET: MediaMTX is all that a feed ever calls.
    WHERE(socket,            FEED, 0, 0xFFFFFFFF, 2)
    CALL(connect,            CALLERS)
    CALL(bind,               STARTERS | MDNS)
    CALL(listen,             AGENT)
    CALL(accept4,            AGENT)
    CALL(accept,             AGENT)
    CALL(shutdown,           AGENT | FEED)
    CALL(socketpair,         AGENT)
    CALL(setsockopt,         CALLERS)
    CALL(getsockopt,         CALLERS)
    CALL(getsockname,        CALLERS)
    CALL(getpeername,        CALLERS)
    CALL(recvmmsg,           AGENT)
    CALL(sendmmsg,           AGENT)

    // Other processes.
    CALL(clone,              STARTERS | JOB)
    CALL(clone3,             STARTERS | JOB)
    CALL(set_robust_list,    STARTERS | JOB)
    CALL(rseq,               STARTERS | JOB)
    CALL(execve,             STARTERS)
    CALL(wait4,              STARTERS)
    CALL(waitid,             STARTERS)
    CALL(kill,               STARTERS)
    CALL(tkill,              STARTERS)
    CALL(pidfd_open,         AGENT)
    CALL(pidfd_send_signal,  AGENT)
    CALL(rt_sigpending,      STARTERS)
    CALL(rt_sigsuspend,      STARTERS)
    CALL(rt_sigtimedwait,    STARTERS)
    CALL(sigaltstack,        STARTERS)
    CALL(setitimer,          AGENT)
    CALL(getitimer,          AGENT)
    CALL(timer_create,       AGENT)
    CALL(timer_settime,      AGENT)
    CALL(timer_delete,       AGENT)
    CALL(setpgid,            STARTERS)
    CALL(setsid,             STARTERS)
    CALL(set_tid_address,    STARTERS)
    CALL(close_range,        STARTERS)
    CALL(faccessat2,         STARTERS)
    CALL(openat2,            AGENT)
    // A child gives up what it has, and more than that none can do under no_new_privs.
    CALL(prctl,              STARTERS)
    WHERE(prctl,             USB, 0, 0xFFFFFFFF, PR_SET_PDEATHSIG)
    WHERE(prctl,             KEEPER, 0, 0xFFFFFFFF, PR_SET_DUMPABLE)
    CALL(capget,             STARTERS)
    CALL(capset,             STARTERS)
    CALL(setgroups,          STARTERS)
    CALL(setresgid,          STARTERS)
    CALL(setresuid,          STARTERS)
    CALL(seccomp,            STARTERS)

    // The clock.
    CALL(clock_adjtime,      AGENT | TIME)
    CALL(adjtimex,           AGENT | TIME)
    CALL(clock_settime,      TIME)

#if defined(__x86_64__)
    // Older names of the same, which the C library uses where they exist.
    CALL(epoll_wait,         STARTERS | FEED)
    CALL(poll,               EVERY)
    CALL(open,               READERS & ~(PROBE | TIME | MDNS))
    WHERE(open,              PROBE, 1, O_CREAT | O_TRUNC | O_APPEND, 0)
    WHERE(open,              TIME | MDNS, 1, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_RDONLY)
    CALL(stat,               READERS)
    CALL(lstat,              READERS)
    CALL(access,             READERS)
    CALL(readlink,           READERS)
    CALL(mkdir,              KEEPERS)
    CALL(rmdir,              KEEPERS)
    CALL(unlink,             KEEPERS)
    CALL(rename,             KEEPERS)
    CALL(link,               STARTERS)
    CALL(symlink,            STARTERS)
    CALL(chmod,              AGENT)
    CALL(chown,              AGENT)
    CALL(lchown,             AGENT)
    CALL(dup2,               STARTERS)
    CALL(pipe,               STARTERS)
    CALL(select,             STARTERS)
    CALL(fork,               STARTERS)
    CALL(vfork,              STARTERS)
    CALL(getpgrp,            STARTERS)
    CALL(time,               EVERY)
    CALL(alarm,              STARTERS)
    CALL(arch_prctl,         STARTERS)
    CALL(settimeofday,       TIME)
#endif
};
// clang-format on

// clang-format off
/// What ends even those that start others, unless a row above allows it.
static const uint32_t forbidden[] = {
    __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_init_module,
    __NR_finit_module, __NR_delete_module, __NR_kexec_load, __NR_bpf, __NR_perf_event_open,
    __NR_userfaultfd, __NR_io_uring_setup, __NR_unshare, __NR_setns, __NR_pivot_root, __NR_chroot,
    __NR_umount2, __NR_swapon, __NR_reboot, __NR_syslog, __NR_keyctl, __NR_add_key,
    __NR_request_key, __NR_setxattr, __NR_mknodat, __NR_open_by_handle_at, __NR_personality,
    __NR_quotactl, __NR_acct, __NR_settimeofday, __NR_clock_settime, __NR_setuid, __NR_setgid,
    __NR_mount,
};
// clang-format on

#endif
