// epoll, which Swift's Glibc module leaves out. Host tools only: the device has CLinux.
#pragma once
#include <sys/epoll.h>
