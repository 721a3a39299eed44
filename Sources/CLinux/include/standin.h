// What the stand-in for MediaMTX needs of the kernel, and nothing more. Product code does not use it.
//
// As in clinux.h: fixed-width types only, and a negative errno where a call fails.
#ifndef WATCHPOST_STANDIN_H
#define WATCHPOST_STANDIN_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Listens on a TCP port. `host` is a numeric address; empty means every address of both families,
/// as Go does for ":8554": one IPv6 socket that takes IPv4 as well.
int32_t si_listen(const char *host, uint16_t port);
/// Binds a UDP port, which nobody reads: it only has to be seen as open.
int32_t si_bind_datagram(const char *host, uint16_t port);
/// Accepts without blocking; writes "address:port" of the peer as text into `peer`.
int32_t si_accept(int32_t fd, char *peer, size_t capacity);
/// Begins a TCP connection without waiting for it: sending fails with EAGAIN until it stands. `host`
/// is a numeric address.
int32_t si_connect(const char *host, uint16_t port);
int64_t si_receive(int32_t fd, void *bytes, size_t capacity);
int64_t si_send(int32_t fd, const void *bytes, size_t count);
void si_close(int32_t fd);

/// poll(2) over parallel arrays: `wants` bit 0 = readable, bit 1 = writable; `got` the same, and
/// bit 2 = error or hang-up. A negative descriptor is skipped.
int32_t si_poll(
  const int32_t *fds, const uint8_t *wants, uint8_t *got, size_t count, int32_t timeout_ms);

/// Blocks SIGTERM, SIGINT and SIGUSR1, ignores SIGPIPE; the descriptor reports the blocked ones.
int32_t si_signals(void);
/// The next signal's number, 0 if none waits.
int32_t si_next_signal(int32_t fd);

int64_t si_monotonic_ns(void);
int64_t si_realtime_ns(void);
void si_random(void *bytes, size_t count);
const char *_Nullable si_environment(const char *name);
/// Writes the program's arguments, each ended by a zero byte, the name first; the bytes written.
/// Embedded Swift has no CommandLine.
int64_t si_arguments(void *bytes, size_t capacity);
/// GOARCH's name of this machine.
const char *si_architecture(void);

/// Reads a whole file: its length, -EFBIG if it does not fit.
int64_t si_read_file(const char *path, void *bytes, size_t capacity);
/// Reads from an offset of a file; fewer bytes than asked for at its end.
int64_t si_read_at(const char *path, int64_t offset, void *bytes, size_t count);
/// Changes whenever the file's content may have: of its inode, size and modification time.
int64_t si_file_stamp(const char *path);
/// Creates or truncates a file, making its folders.
int32_t si_create(const char *path);
/// Writes everything or fails.
int32_t si_write(int32_t fd, const void *bytes, size_t count);
struct si_file;
/// Creates a file and its folders, or empties it. Null: `error` is a negative errno. Files are
/// written behind the caller's back where the disk is slow: then an error comes with a later call.
struct si_file *_Nullable si_file_create(const char *path, int32_t *error);
/// Appends. 0, or a negative errno.
int32_t si_file_write(struct si_file *file, const void *bytes, size_t count);
/// Overwrites bytes; the place of si_file_write stays. 0, or a negative errno.
int32_t si_file_write_at(struct si_file *file, int64_t offset, const void *bytes, size_t count);
/// Closes the file, which is not to be used any longer, behind what was asked for.
void si_file_close(struct si_file *file);
/// Waits until all that was asked for is done.
void si_files_finish(void);
int32_t si_unlink(const char *path);

/// Opens a folder for si_next_entry; null if there is none.
void *_Nullable si_open_folder(const char *path);
/// Writes the next name; 1 = file, 2 = folder, 0 = no more.
int32_t si_next_entry(void *folder, char *name, size_t capacity);
void si_close_folder(void *folder);

void si_abort(void) __attribute__((noreturn));
void si_exit(int32_t code) __attribute__((noreturn));

#pragma clang assume_nonnull end
#endif
