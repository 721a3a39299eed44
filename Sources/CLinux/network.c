#include "include/lx_network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <net/ethernet.h>

static struct sockaddr_in ipv4(uint32_t address, uint16_t port) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(address)};
}

// One ioctl of the interface family on a throw-away socket.
static int32_t interface_call(const char *name, unsigned long call, struct ifreq *request) {
  if (strlen(name) >= IFNAMSIZ) return -ENODEV;
  memcpy(request->ifr_name, name, strlen(name) + 1);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int32_t result = ioctl(fd, call, request) < 0 ? -errno : 0;
  close(fd);
  return result;
}

int32_t lx_interface_index(const char *name) {
  struct ifreq request = {0};
  int32_t error = interface_call(name, SIOCGIFINDEX, &request);
  return error < 0 ? error : request.ifr_ifindex;
}

int32_t lx_interface_state(const char *name) {
  struct ifreq request = {0};
  int32_t error = interface_call(name, SIOCGIFFLAGS, &request);
  if (error < 0) return error;
  return (request.ifr_flags & IFF_UP ? (int32_t)LX_LINK_UP : 0) |
         (request.ifr_flags & IFF_RUNNING ? (int32_t)LX_LINK_CARRIER : 0);
}

int32_t lx_interface_up(const char *name) {
  struct ifreq request = {0};
  int32_t error = interface_call(name, SIOCGIFFLAGS, &request);
  if (error < 0 || request.ifr_flags & IFF_UP) return error;
  request.ifr_flags |= IFF_UP;
  return interface_call(name, SIOCSIFFLAGS, &request);
}

int32_t lx_interface_mac(const char *name, uint8_t *mac) {
  struct ifreq request = {0};
  int32_t error = interface_call(name, SIOCGIFHWADDR, &request);
  if (error == 0) memcpy(mac, request.ifr_hwaddr.sa_data, 6);
  return error;
}

static void set_request_address(struct ifreq *request, uint32_t address) {
  struct sockaddr_in socket_address = ipv4(address, 0);
  memcpy(&request->ifr_addr, &socket_address, sizeof socket_address);
}

static uint32_t request_address(const struct ifreq *request) {
  struct sockaddr_in socket_address;
  memcpy(&socket_address, &request->ifr_addr, sizeof socket_address);
  return ntohl(socket_address.sin_addr.s_addr);
}

uint32_t lx_interface_address(const char *name) {
  struct ifreq request = {0};
  return interface_call(name, SIOCGIFADDR, &request) < 0 ? 0 : request_address(&request);
}

uint32_t lx_interface_netmask(const char *name) {
  struct ifreq request = {0};
  return interface_call(name, SIOCGIFNETMASK, &request) < 0 ? 0 : request_address(&request);
}

static uint32_t netmask(uint8_t prefix) {
  return prefix == 0 ? 0 : ~UINT32_C(0) << (32 - (prefix > 32 ? 32 : prefix));
}

int32_t lx_set_address(const char *name, uint32_t address, uint8_t prefix) {
  struct ifreq mask = {0};
  if (lx_interface_address(name) == address &&
      interface_call(name, SIOCGIFNETMASK, &mask) == 0 && request_address(&mask) == netmask(prefix))
    return 0;
  struct ifreq request = {0};
  set_request_address(&request, address);
  int32_t error = interface_call(name, SIOCSIFADDR, &request);
  if (error < 0) return error;
  set_request_address(&mask, netmask(prefix));
  return interface_call(name, SIOCSIFNETMASK, &mask);
}

int32_t lx_clear_address(const char *name) {
  if (lx_interface_address(name) == 0) return 0;
  struct ifreq request = {0};
  set_request_address(&request, 0);
  return interface_call(name, SIOCSIFADDR, &request);
}

int32_t lx_add_gateway(uint32_t gateway) {
  struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
  struct sockaddr_in any = ipv4(0, 0), way = ipv4(gateway, 0);
  memcpy(&route.rt_dst, &any, sizeof any);
  memcpy(&route.rt_genmask, &any, sizeof any);
  memcpy(&route.rt_gateway, &way, sizeof way);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int32_t result = ioctl(fd, SIOCADDRT, &route) < 0 && errno != EEXIST ? -errno : 0;
  close(fd);
  return result;
}

int32_t lx_route_monitor_open(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return -errno;
  struct sockaddr_nl address = {.nl_family = AF_NETLINK,
                                .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  int error = errno;
  close(fd);
  return -error;
}

int32_t lx_arp_open(int32_t interface) {
  int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ARP));
  if (fd < 0) return -errno;
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP),
                                .sll_ifindex = interface};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  int error = errno;
  close(fd);
  return -error;
}

int32_t lx_arp_broadcast(int32_t fd, int32_t interface, const void *bytes, size_t count) {
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP),
                                .sll_ifindex = interface, .sll_halen = 6};
  memset(address.sll_addr, 0xff, 6);
  ssize_t sent = sendto(fd, bytes, count, 0, (struct sockaddr *)&address, sizeof address);
  return sent < 0 ? -errno : 0;
}

int32_t lx_udp_connect(uint32_t address, uint16_t port) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  struct sockaddr_in peer = ipv4(address, port);
  if (connect(fd, (struct sockaddr *)&peer, sizeof peer) == 0) return fd;
  int error = errno;
  close(fd);
  return -error;
}

// The options without which an mDNS socket is none; the first that fails ends it.
static bool set_up_mdns(int fd, int32_t interface, uint32_t address) {
  const int on = 1, ttl = 255;
  struct ip_mreqn group = {.imr_multiaddr.s_addr = htonl(0xE00000FB),
                           .imr_address.s_addr = htonl(address), .imr_ifindex = interface};
  struct sockaddr_in local = ipv4(0, 5353);
  return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
         setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
         setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0 &&
         setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl) == 0 &&
         setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl) == 0 &&
         setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &on, sizeof on) == 0 &&
         setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof group) == 0 &&
         setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) == 0 &&
         bind(fd, (struct sockaddr *)&local, sizeof local) == 0;
}

int32_t lx_mdns_open(int32_t interface, uint32_t address) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  if (set_up_mdns(fd, interface, address)) return fd;
  int error = errno;
  close(fd);
  return -error;
}

int64_t lx_send_datagram(int32_t fd, const void *bytes, size_t count, uint32_t address,
                         uint16_t port) {
  struct sockaddr_in peer = ipv4(address, port);
  ssize_t sent = sendto(fd, bytes, count, MSG_NOSIGNAL, (struct sockaddr *)&peer, sizeof peer);
  return sent < 0 ? -errno : sent;
}

int64_t lx_receive_datagram(int32_t fd, void *bytes, size_t capacity, uint32_t *address,
                            uint16_t *port, uint32_t *destination, int32_t *interface) {
  struct sockaddr_in peer = {0};
  struct iovec part = {.iov_base = bytes, .iov_len = capacity};
  _Alignas(struct cmsghdr) char control[128];
  struct msghdr message = {.msg_name = &peer, .msg_namelen = sizeof peer, .msg_iov = &part,
                           .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = sizeof control};
  ssize_t count = recvmsg(fd, &message, 0);
  if (count < 0) return -errno;
  *address = ntohl(peer.sin_addr.s_addr);
  *port = ntohs(peer.sin_port);
  *destination = 0;
  *interface = 0;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO) continue;
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(c), sizeof info);
    *destination = ntohl(info.ipi_addr.s_addr);
    *interface = info.ipi_ifindex;
  }
  // A datagram that was cut is not what its sender said.
  return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : count;
}

static int mailbox_address(const char *path, struct sockaddr_un *address) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
  memcpy(address->sun_path, path, strlen(path) + 1);
  return 0;
}

int32_t lx_mailbox_open(const char *path) {
  struct sockaddr_un address;
  int error = mailbox_address(path, &address);
  if (error < 0) return error;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  unlink(path);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && chmod(path, 0600) == 0)
    return fd;
  error = -errno;
  close(fd);
  return error;
}

int32_t lx_mailbox_send(const char *path, const void *bytes, size_t count) {
  struct sockaddr_un address;
  int error = mailbox_address(path, &address);
  if (error < 0) return error;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  ssize_t sent = sendto(fd, bytes, count, MSG_NOSIGNAL, (struct sockaddr *)&address,
                        sizeof address);
  error = sent < 0 ? -errno : 0;
  close(fd);
  return error;
}

int32_t lx_wait_readable_of(int32_t first, int32_t second, int32_t third, int32_t timeout_ms) {
  // poll ignores a negative descriptor.
  struct pollfd waits[3] = {{.fd = first, .events = POLLIN},
                            {.fd = second, .events = POLLIN},
                            {.fd = third, .events = POLLIN}};
  int ready = poll(waits, 3, timeout_ms);
  if (ready < 0) return errno == EINTR ? 0 : -errno;
  return (waits[0].revents ? 1 : 0) | (waits[1].revents ? 2 : 0) | (waits[2].revents ? 4 : 0);
}

int32_t lx_wait_readable(int32_t fd, int32_t timeout_ms) {
  return lx_wait_readable_of(fd, -1, -1, timeout_ms);
}

int64_t lx_wall_time_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int32_t lx_set_wall_time_ns(int64_t unix_ns) {
  struct timespec now = {.tv_sec = unix_ns / 1000000000, .tv_nsec = (long)(unix_ns % 1000000000)};
  return clock_settime(CLOCK_REALTIME, &now) < 0 ? -errno : 0;
}

int32_t lx_slew_clock_us(int64_t offset_us) {
  struct timex change = {.modes = ADJ_OFFSET_SINGLESHOT, .offset = (long)offset_us};
  return adjtimex(&change) < 0 ? -errno : 0;
}

int32_t lx_declare_synchronised(int64_t error_us) {
  struct timex change = {.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR, .status = 0,
                         .maxerror = (long)error_us, .esterror = (long)error_us};
  return adjtimex(&change) < 0 ? -errno : 0;
}

bool lx_clock_synchronised(void) {
  struct timex state = {0};
  return adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;
}

void lx_random(void *bytes, size_t count) {
  char *next = bytes;
  while (count > 0) {
    ssize_t got = getrandom(next, count > 256 ? 256 : count, GRND_NONBLOCK);
    if (got > 0) {
      next += got;
      count -= (size_t)got;
      continue;
    }
    // The pool is not ready so early after the start: the clock has to do, nothing here is secret.
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    *next++ = (char)(now.tv_nsec ^ now.tv_nsec >> 8 ^ (long)count * 31);
    count--;
  }
}
