// What Swift's Glibc module leaves out: epoll, and functions with `...`. Host tools only: the device
// has CLinux.
#pragma once
#include <sys/epoll.h>
#include <sys/prctl.h>

// Timers of the calling thread are exact; the kernel's default is 50 microseconds (prctl(2)).
static inline void ce_exact_timers(void) { prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); }
