// What both baselines share: a listener, connections with a rest to send, and fatal errors.
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 512
#define CONNECTIONS (64 * 1024)
#define LISTENER (~0u)

static int poller;

static void fatal(const char *what) {
  perror(what);
  exit(1);
}

static void watch(int operation, int descriptor, uint32_t events, uint32_t token) {
  struct epoll_event event = {.events = events, .data.u32 = token};
  if (epoll_ctl(poller, operation, descriptor, &event) < 0) fatal("epoll_ctl");
}

// Listens on 127.0.0.1:PORT, says so, and returns the socket, which is watched as LISTENER.
static int begin_listening(const char *port) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  poller = epoll_create1(EPOLL_CLOEXEC);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) fatal("bind");
  if (listen(listener, SOMAXCONN) < 0) fatal("listen");
  watch(EPOLL_CTL_ADD, listener, EPOLLIN, LISTENER);
  printf("ready\n");
  fflush(stdout);
  return listener;
}

// The next connection of the backlog, watched for input, or -1.
static int accept_one(int listener) {
  int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
  if (descriptor < 0) return -1;
  if (descriptor >= CONNECTIONS) {
    close(descriptor);
    return -1;
  }
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  watch(EPOLL_CTL_ADD, descriptor, EPOLLIN, (uint32_t)descriptor);
  return descriptor;
}
