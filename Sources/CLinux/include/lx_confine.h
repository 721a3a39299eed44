// What a process of ours may do: its user, its capabilities and its system calls, by role.
#ifndef WATCHPOST_LX_CONFINE_H
#define WATCHPOST_LX_CONFINE_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// The processes that confine themselves. PID 1 does not: it has to do everything once.
enum lx_role {
  LX_ROLE_AGENT,
  LX_ROLE_STORAGE,
  LX_ROLE_KEEPER,
  LX_ROLE_PROBE,
  LX_ROLE_FEED,
  LX_ROLE_PICTURE,
  LX_ROLE_JOB,
  LX_ROLE_USB,
  LX_ROLE_NETWORK,
  LX_ROLE_TIME,
  LX_ROLE_MDNS,
  LX_ROLES,
};

/// Users without a name and without a home, each its own group. Numbers at the far end of those
/// that accounts get (login.defs(5): 1000 to 60000).
enum lx_user {
  /// Ours stays root where the agent is.
  LX_USER_SAME = 0,
  /// MediaMTX: owns the recordings.
  LX_USER_MEDIA = 59711,
  /// Probes, feeds and who copies their pictures.
  LX_USER_CAMERAS = 59712,
  /// Who reads and checks files, and keeps snapshots.
  LX_USER_JOBS = 59713,
  /// The announcer on the network.
  LX_USER_MDNS = 59714,
};

/// What became of a confinement.
struct lx_confined {
  /// 0, or the negative errno of what took the user, the groups or the capabilities away.
  int32_t privileges;
  /// 0, or the negative errno for which there is no filter of system calls: the kernel has none
  /// (-EINVAL, -ENOSYS), as under an emulator of processors.
  int32_t filter;
};

/// Takes from this process for good what its role does not need: `no_new_privs`, core dumps (agent
/// and keeper also their visibility to other processes of their user), capabilities, the user and
/// its groups where we are root, and all system calls but those of the role's column (calls.h),
/// with which the kernel ends it (SIGSYS). `device` is the node that a probe or a feed opens; its
/// group becomes ours. Returns what could not be had.
struct lx_confined lx_confine(enum lx_role role, const char *_Nullable device);
/// The same in steps, for tests.
int32_t lx_drop_privileges(enum lx_role role, const char *_Nullable device);
int32_t lx_filter_calls(enum lx_role role);
/// The user that a role runs as where the agent is root.
uint32_t lx_role_user(enum lx_role role);
/// The capabilities that a role keeps where it is root or has them, a bit each (capability.h): in
/// force, and kept for its children only.
uint64_t lx_role_capabilities(enum lx_role role);
uint64_t lx_role_lends(enum lx_role role);

/// Gives the files below `folder` – two levels, regular files and folders, no links – and itself to
/// `user` and its group, unless the folder is its already. Nothing where we are not root. 0 or a
/// negative errno.
int32_t lx_hand_over(const char *folder, uint32_t user);
/// Whether we are root, so that children can be somebody else.
int32_t lx_is_root(void);
/// Writes a new file that its owner may write and `group` (0: ours) read, and nobody else, in the
/// place of the one that was there. Quicker than replacing it: ext4 writes out what is renamed over
/// a file (auto_da_alloc in ext4(5)). 0 or a negative errno.
int32_t lx_write_group_file(
    const char *path, uint32_t group, const void *bytes, size_t count);
/// mkdir(2) for us and a group (0: none) that may look in; an existing folder becomes one. 0 or a negative
/// errno.
int32_t lx_group_folder(const char *path, uint32_t group);

#pragma clang assume_nonnull end
#endif
