// supervisor PROGRAM [ARGUMENT]...: the baseline of supervision. Starts a program and, whenever it
// ends, starts it again at once. It does what any supervisor must – notices the end by a pidfd
// (pidfd_open(2)), reaps, spawns – and nothing more: no delays, no files, no output of the child.

#define _GNU_SOURCE
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

extern char **environ;

static void fatal(const char *what) {
  perror(what);
  exit(1);
}

int main(int count, char **arguments) {
  if (count < 2) {
    fprintf(stderr, "usage: supervisor PROGRAM [ARGUMENT]...\n");
    return 2;
  }
  for (;;) {
    pid_t child;
    if (posix_spawn(&child, arguments[1], NULL, NULL, arguments + 1, environ) != 0)
      fatal(arguments[1]);
    int descriptor = (int)syscall(SYS_pidfd_open, child, 0);
    if (descriptor < 0) fatal("pidfd_open");
    struct pollfd entry = {.fd = descriptor, .events = POLLIN};
    while (poll(&entry, 1, -1) != 1) continue;
    siginfo_t information;
    if (waitid((idtype_t)P_PIDFD, (id_t)descriptor, &information, WEXITED) < 0) fatal("waitid");
    close(descriptor);
  }
}
