// TCP over IPv4, nonblocking throughout. Addresses are in host order, most significant byte first.
#ifndef WATCHPOST_SOCKET_H
#define WATCHPOST_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// A listening socket with SO_REUSEADDR, TCP_NODELAY and TCP keep-alive (accepted sockets inherit
/// them); with SO_REUSEPORT where others shall `share` the port.
int32_t lx_listen(uint32_t address, uint16_t port, int32_t backlog, int32_t share);
/// The port a socket is bound to, or a negative errno.
int32_t lx_local_port(int32_t fd);
/// Accepts one connection, nonblocking and close-on-exec, and tells the peer's address.
int32_t lx_accept(int32_t listener, uint32_t *address);
/// Begins to connect; EINPROGRESS counts as success, writability tells the end.
int32_t lx_connect(uint32_t address, uint16_t port);
/// What has become of such a connection: 1 it stands, 0 not yet, or a negative errno.
int32_t lx_connected(int32_t fd);
/// The pending error of a socket (SO_ERROR) as a negative errno, 0 if none.
int32_t lx_socket_error(int32_t fd);
/// recv(2), send(2) without SIGPIPE: the number of bytes or a negative errno.
int64_t lx_receive(int32_t fd, void *bytes, size_t count);
int64_t lx_send(int32_t fd, const void *bytes, size_t count);
/// Ends our direction; the peer reads the end of the stream after everything sent before.
void lx_shutdown_write(int32_t fd);
/// A connected pair of nonblocking SOCK_SEQPACKET sockets: bounded queues of whole messages.
int32_t lx_message_pair(int32_t *first, int32_t *second);

#pragma clang assume_nonnull end
#endif
