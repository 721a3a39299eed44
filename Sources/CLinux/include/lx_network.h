// Interfaces, addresses, datagrams and the wall clock. IPv4 addresses are numbers whose most
// significant byte comes first in the dotted form.
#ifndef WATCHPOST_LX_NETWORK_H
#define WATCHPOST_LX_NETWORK_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

#define LX_LINK_UP 1u
#define LX_LINK_CARRIER 2u

/// The interface's number, or a negative errno.
int32_t lx_interface_index(const char *name);
/// A sum of LX_LINK_…, or a negative errno.
int32_t lx_interface_state(const char *name);
int32_t lx_interface_up(const char *name);
/// The Ethernet address, six bytes.
int32_t lx_interface_mac(const char *name, uint8_t *mac);
/// The interface's IPv4 address, 0 if it has none.
uint32_t lx_interface_address(const char *name);
/// The mask of that address, 0 if it has none.
uint32_t lx_interface_netmask(const char *name);
/// Gives the interface this address instead of the one it has. The same one again changes nothing,
/// so that connections live on.
int32_t lx_set_address(const char *name, uint32_t address, uint8_t prefix);
int32_t lx_clear_address(const char *name);
/// Adds the default route; one that is there already is no error.
int32_t lx_add_gateway(uint32_t gateway);

/// A nonblocking rtnetlink socket that hears of links and IPv4 addresses.
int32_t lx_route_monitor_open(void);

/// A nonblocking packet socket for ARP on one interface.
int32_t lx_arp_open(int32_t interface);
/// Sends an ARP packet to everybody on the link.
int32_t lx_arp_broadcast(int32_t fd, int32_t interface, const void *bytes, size_t count);

/// A nonblocking UDP socket, connected: it hears nobody else.
int32_t lx_udp_connect(uint32_t address, uint16_t port);
/// The nonblocking mDNS socket: port 5353, shared, member of 224.0.0.251 on this interface, TTL 255.
int32_t lx_mdns_open(int32_t interface, uint32_t address);
int64_t lx_send_datagram(int32_t fd, const void *bytes, size_t count, uint32_t address,
                         uint16_t port);
/// One datagram with its sender, its destination and the interface it came in by.
int64_t lx_receive_datagram(int32_t fd, void *bytes, size_t capacity, uint32_t *address,
                            uint16_t *port, uint32_t *destination, int32_t *interface);

/// A nonblocking UNIX datagram socket bound to `path`, which it replaces; mode 0600.
int32_t lx_mailbox_open(const char *path);
/// Sends to such a socket without waiting; 0 or a negative errno.
int32_t lx_mailbox_send(const char *path, const void *bytes, size_t count);

/// Waits until `fd` can be read (1), the time is over (0) or a signal came (0).
int32_t lx_wait_readable(int32_t fd, int32_t timeout_ms);
/// The same for up to three descriptors, -1 for none: bits 0, 1 and 2 tell which.
int32_t lx_wait_readable_of(int32_t first, int32_t second, int32_t third, int32_t timeout_ms);

/// Wall-clock time in nanoseconds since 1970.
int64_t lx_wall_time_ns(void);
/// Sets the wall clock.
int32_t lx_set_wall_time_ns(int64_t unix_ns);
/// Slews the wall clock by `offset_us`.
int32_t lx_slew_clock_us(int64_t offset_us);
/// Tells the kernel that its clock is synchronised to `error_us`; it forgets after some hours.
int32_t lx_declare_synchronised(int64_t error_us);
/// True while the kernel holds its clock to be synchronised (adjtimex, STA_UNSYNC).
_Bool lx_clock_synchronised(void);
/// Random bytes that nobody can predict.
void lx_random(void *bytes, size_t count);

#pragma clang assume_nonnull end
#endif
