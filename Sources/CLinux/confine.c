#include "include/lx_confine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"
#include "include/descriptor.h"
#include "privileges.h"

#if defined(__x86_64__)
#define OUR_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "board/toolset has an architecture whose AUDIT_ARCH_… belongs here"
#endif

// MARK: Capabilities and users

#define CAP(name) (UINT64_C(1) << CAP_##name)

/// What a role is and keeps, where the agent is root. Everything else is gone before it looks at
/// anything that is not ours.
static const struct {
  uint32_t user;
  /// In force.
  uint64_t keeps;
  /// Only kept for children: exec(2) under `no_new_privs` gives no child more than its parent has.
  uint64_t lends;
} privileges[LX_ROLES] = {
    // Kills MediaMTX, makes it another user without capabilities, gives it its file and a port
    // below 1024, has precedence over its children, lists MediaMTX's sockets and who holds a camera
    // (/proc/PID/fd). Lends what storage, the keeper and cameras' roles need to begin with.
    [LX_ROLE_AGENT] = {
        LX_USER_SAME,
        CAP(KILL) | CAP(SETUID) | CAP(SETGID) | CAP(SETPCAP) | CAP(CHOWN) | CAP(SYS_NICE) |
            CAP(SYS_PTRACE) | CAP(DAC_READ_SEARCH) | CAP(NET_BIND_SERVICE),
        CAP(DAC_OVERRIDE) | CAP(LEASE) | CAP(SYS_ADMIN) | CAP(IPC_LOCK) | CAP(SYS_RESOURCE)},
    // Recordings are another user's: reads, cuts and removes them, hands over old folders, asks
    // whether somebody writes (fcntl(2), F_SETLEASE).
    [LX_ROLE_STORAGE] = {LX_USER_SAME, CAP(DAC_OVERRIDE) | CAP(CHOWN) | CAP(LEASE), 0},
    // Mounts the card's first partition for a write, and keeps its memory from the swap.
    [LX_ROLE_KEEPER] = {LX_USER_SAME, CAP(SYS_ADMIN) | CAP(IPC_LOCK) | CAP(SYS_RESOURCE), 0},
    [LX_ROLE_PROBE] = {LX_USER_CAMERAS, 0, 0},
    [LX_ROLE_FEED] = {LX_USER_CAMERAS, 0, 0},
    [LX_ROLE_PICTURE] = {LX_USER_CAMERAS, 0, 0},
    [LX_ROLE_JOB] = {LX_USER_JOBS, 0, 0},
    // The files of sysfs and the hub's node are root's.
    [LX_ROLE_USB] = {LX_USER_SAME, 0, 0},
    // Sets addresses and routes, watches for conflicts (packet sockets), starts the DHCP client.
    [LX_ROLE_NETWORK] =
        {LX_USER_SAME, CAP(NET_ADMIN) | CAP(NET_RAW) | CAP(NET_BIND_SERVICE), 0},
    [LX_ROLE_TIME] = {LX_USER_SAME, CAP(SYS_TIME), 0},
    [LX_ROLE_MDNS] = {LX_USER_MDNS, 0, 0},
};

uint32_t lx_role_user(enum lx_role role) { return privileges[role].user; }

uint64_t lx_role_capabilities(enum lx_role role) { return privileges[role].keeps; }

uint64_t lx_role_lends(enum lx_role role) { return privileges[role].lends; }

int32_t lx_is_root(void) { return geteuid() == 0; }

int lx_bound_capabilities(uint64_t kept) {
  for (unsigned long number = 0; number < 64; number++) {
    if (kept >> number & 1) continue;
    // EINVAL: the kernel knows no more of them.
    if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0) return errno == EINVAL ? 0 : -errno;
  }
  return 0;
}

int lx_hold_capabilities(uint64_t effective, uint64_t permitted, uint64_t inherited) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  for (int half = 0; half < 2; half++) {
    data[half].effective = (uint32_t)(effective >> 32 * half);
    data[half].permitted = (uint32_t)(permitted >> 32 * half);
    data[half].inheritable = (uint32_t)(inherited >> 32 * half);
  }
  return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static uint64_t permitted_capabilities(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {{0}};
  if (syscall(SYS_capget, &header, data) < 0) return 0;
  return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

int lx_become_user(uint32_t user, uint32_t group) {
  // Of this thread alone: the C library's functions would stop all threads, which in a child of
  // vfork are the parent's.
  if (syscall(SYS_setgroups, 0, NULL) < 0) return -errno;
  if (syscall(SYS_setresgid, group, group, group) < 0) return -errno;
  return syscall(SYS_setresuid, user, user, user) < 0 ? -errno : 0;
}

/// The group that may use a device. A node that is root's alone, as the kernel makes them where no
/// udevd gives them to a group, becomes the cameras' group's.
static uint32_t group_of(const char *device) {
  struct stat found;
  if (device == NULL || stat(device, &found) < 0) return LX_USER_CAMERAS;
  if (!S_ISCHR(found.st_mode)) return LX_USER_CAMERAS;
  if (found.st_gid != 0 && (found.st_mode & 0060) == 0060) return found.st_gid;
  if (chown(device, (uid_t)-1, LX_USER_CAMERAS) == 0) (void)!chmod(device, 0660);
  return LX_USER_CAMERAS;
}

int32_t lx_drop_privileges(enum lx_role role, const char *device) {
  uint32_t user = privileges[role].user;
  bool changes = user != LX_USER_SAME && geteuid() == 0;
  // Only what we have: a container may have taken some.
  uint64_t have = permitted_capabilities();
  uint64_t keeps = privileges[role].keeps & have;
  uint64_t permitted = (privileges[role].keeps | privileges[role].lends) & have;
  // Before the capability goes that this takes.
  int failure = have >> CAP_SETPCAP & 1 ? lx_bound_capabilities(permitted) : 0;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (changes) {
    uint32_t group = role == LX_ROLE_PROBE || role == LX_ROLE_FEED ? group_of(device) : user;
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    int became = lx_become_user(user, group);
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    // Another user's parent's end would not be ours any more.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (failure == 0) failure = became;
  }
  int held = lx_hold_capabilities(keeps, permitted, 0);
  return failure < 0 ? failure : held;
}

// MARK: System calls

enum {
  LONGEST_FILTER = 6 * sizeof calls / sizeof *calls + 2 * sizeof forbidden / sizeof *forbidden + 8
};

/// The low half of a member of seccomp_data; both architectures are little-endian.
static struct sock_filter load(size_t offset) {
  return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

/// Goes on behind `skipped` instructions unless the value is `wanted`.
static struct sock_filter unless(uint32_t wanted, uint8_t skipped) {
  return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, wanted, 0, skipped);
}

static struct sock_filter verdict(uint32_t action) {
  return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
}

static size_t assemble(enum lx_role role, struct sock_filter *filter) {
  size_t count = 0;
  filter[count++] = load(offsetof(struct seccomp_data, arch));
  filter[count++] =
      (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCHITECTURE, 1, 0);
  filter[count++] = verdict(SECCOMP_RET_KILL_PROCESS);
  filter[count++] = load(offsetof(struct seccomp_data, nr));
  for (size_t row = 0; row < sizeof calls / sizeof *calls; row++) {
    const struct call *call = &calls[row];
    if ((call->roles >> role & 1) == 0) continue;
    if (call->mask == 0) {
      filter[count++] = unless(call->number, 1);
      filter[count++] = verdict(SECCOMP_RET_ALLOW);
      continue;
    }
    filter[count++] = unless(call->number, 5);
    filter[count++] = load(offsetof(struct seccomp_data, args) + 8u * call->argument);
    filter[count++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, call->mask);
    filter[count++] = unless(call->value, 1);
    filter[count++] = verdict(SECCOMP_RET_ALLOW);
    filter[count++] = load(offsetof(struct seccomp_data, nr));
  }
  if ((STARTERS >> role & 1) == 0) {
    filter[count++] = verdict(SECCOMP_RET_KILL_PROCESS);
    return count;
  }
  for (size_t row = 0; row < sizeof forbidden / sizeof *forbidden; row++) {
    filter[count++] = unless(forbidden[row], 1);
    filter[count++] = verdict(SECCOMP_RET_KILL_PROCESS);
  }
  filter[count++] = verdict(SECCOMP_RET_ERRNO | ENOSYS);
  return count;
}

int32_t lx_filter_calls(enum lx_role role) {
  struct sock_filter filter[LONGEST_FILTER];
  struct sock_fprog program = {.len = (uint16_t)assemble(role, filter), .filter = filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
  // Without this flag kernels before 5.16 also slow speculation down, for secrets of other programs
  // in the same process: there are none.
  unsigned flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) < 0 ? -errno : 0;
}

struct lx_confined lx_confine(enum lx_role role, const char *device) {
  struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  struct lx_confined confined = {.privileges = lx_drop_privileges(role, device)};
  // Their memory holds keys: not for a debugger of the same user either.
  if (role == LX_ROLE_AGENT || role == LX_ROLE_KEEPER) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  confined.filter = lx_filter_calls(role);
  return confined;
}

// MARK: Files of other users

static int hand_over_files(int folder, uint32_t user) {
  DIR *entries = fdopendir(dup(folder));
  if (entries == NULL) return -errno;
  int failure = 0;
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    struct stat found;
    if (fstatat(folder, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) < 0) continue;
    if (!S_ISREG(found.st_mode) || found.st_uid == user) continue;
    if (fchownat(folder, entry->d_name, user, user, AT_SYMLINK_NOFOLLOW) < 0) failure = -errno;
  }
  closedir(entries);
  return failure;
}

/// Itself last: who is interrupted begins anew.
static int hand_over_folder(int above, const char *name, uint32_t user) {
  int folder = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) return -errno;
  struct stat found;
  int failure = fstat(folder, &found) < 0 ? -errno : 0;
  if (failure == 0 && found.st_uid != user) {
    failure = hand_over_files(folder, user);
    if (failure == 0 && fchown(folder, user, user) < 0) failure = -errno;
  }
  close(folder);
  return failure;
}

int32_t lx_hand_over(const char *path, uint32_t user) {
  if (geteuid() != 0) return 0;
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) return -errno;
  DIR *entries = fdopendir(dup(folder));
  int failure = entries == NULL ? -errno : 0;
  for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
    if (entry->d_name[0] == '.' || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)) {
      continue;
    }
    int result = hand_over_folder(folder, entry->d_name, user);
    if (result < 0 && result != -ENOTDIR && result != -ELOOP) failure = result;
  }
  if (entries != NULL) closedir(entries);
  if (fchown(folder, user, user) < 0) failure = -errno;
  close(folder);
  return failure;
}

int32_t lx_write_group_file(
    const char *path, uint32_t group, const void *bytes, size_t count) {
  if (unlink(path) < 0 && errno != ENOENT) return -errno;
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return -errno;
  // The group first: nobody else's may look in meanwhile.
  int failure = group != LX_USER_SAME && fchown(fd, (uid_t)-1, group) < 0 ? -errno : 0;
  if (failure == 0 && fchmod(fd, 0640) < 0) failure = -errno;
  if (failure == 0) failure = lx_write_all(fd, bytes, count);
  close(fd);
  if (failure != 0) unlink(path);
  return failure;
}

int32_t lx_group_folder(const char *path, uint32_t group) {
  if (mkdir(path, 0700) < 0 && errno != EEXIST) return -errno;
  if (group != LX_USER_SAME && chown(path, (uid_t)-1, group) < 0) return -errno;
  return chmod(path, group != LX_USER_SAME ? 0750 : 0700) < 0 ? -errno : 0;
}
