// The steps of giving privileges up, for a child of vfork: system calls and nothing else.
#ifndef WATCHPOST_PRIVILEGES_H
#define WATCHPOST_PRIVILEGES_H

#include <stdint.h>

/// Takes all capabilities but `kept` from what this process and its children can ever have. 0 or a
/// negative errno.
int lx_bound_capabilities(uint64_t kept);
/// Holds exactly these capabilities from now on. 0 or a negative errno.
int lx_hold_capabilities(uint64_t effective, uint64_t permitted, uint64_t inherited);
/// Becomes a user with one group. 0 or a negative errno.
int lx_become_user(uint32_t user, uint32_t group);

#endif
