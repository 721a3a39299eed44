#include "include/lx_shared.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "include/descriptor.h"
#include "retry.h"

enum { FIXED = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL };

int32_t lx_memory_create(size_t bytes) {
  int fd = memfd_create("watchpost", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -errno;
  if (ftruncate(fd, (off_t)bytes) < 0 || fcntl(fd, F_ADD_SEALS, FIXED) < 0) {
    int failure = errno;
    close(fd);
    return -failure;
  }
  return fd;
}

int32_t lx_memory_of(const void *bytes, size_t count) {
  int fd = memfd_create("picture", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -errno;
  int32_t failure = lx_write_all(fd, bytes, count);
  if (failure == 0 && fcntl(fd, F_ADD_SEALS, FIXED | F_SEAL_WRITE) < 0) failure = -errno;
  if (failure == 0) return fd;
  close(fd);
  return failure;
}

static int is_fixed(int fd, int seals) {
  int held = fcntl(fd, F_GET_SEALS);
  return held >= 0 && (held & seals) == seals;
}

int32_t lx_memory_is_sealed(int32_t fd, size_t bytes) {
  struct stat facts;
  return is_fixed(fd, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE) && fstat(fd, &facts) == 0 &&
         (uint64_t)facts.st_size == bytes;
}

void *lx_memory_map(int32_t fd, size_t bytes, int32_t writable) {
  struct stat facts;
  if (!is_fixed(fd, F_SEAL_GROW | F_SEAL_SHRINK)) return NULL;
  if (fstat(fd, &facts) < 0 || (uint64_t)facts.st_size < bytes) return NULL;
  int protection = PROT_READ | (writable ? PROT_WRITE : 0);
  void *memory = mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

void lx_memory_unmap(void *memory, size_t bytes) { munmap(memory, bytes); }

int64_t lx_read_at(int32_t fd, void *bytes, size_t count, uint64_t offset) {
  return LX_RETRY(pread(fd, bytes, count, (off_t)offset));
}

int64_t lx_send_message(int32_t fd, const void *bytes, size_t count, int32_t passed) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr aligned;
  } control = {0};
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (passed >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    int number = passed;
    memcpy(CMSG_DATA(header), &number, sizeof number);
  }
  return LX_RETRY(sendmsg(fd, &message, MSG_NOSIGNAL));
}

int64_t lx_receive_message(int32_t fd, void *bytes, size_t count, int32_t *passed) {
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr aligned;
  } control = {0};
  struct iovec part = {.iov_base = bytes, .iov_len = count};
  struct msghdr message = {.msg_iov = &part,
      .msg_iovlen = 1,
      .msg_control = control.bytes,
      .msg_controllen = sizeof control.bytes};
  *passed = -1;
  int64_t received = LX_RETRY(recvmsg(fd, &message, MSG_CMSG_CLOEXEC));
  if (received < 0) return received;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int number;
    memcpy(&number, CMSG_DATA(header), sizeof number);
    *passed = number;
  }
  return received;
}

uint64_t lx_shared_load(const uint64_t *place) {
  return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

void lx_shared_store(uint64_t *place, uint64_t value) {
  __atomic_store_n(place, value, __ATOMIC_RELEASE);
}

void lx_shared_read_fence(void) { __atomic_thread_fence(__ATOMIC_ACQUIRE); }

void lx_shared_write_fence(void) { __atomic_thread_fence(__ATOMIC_RELEASE); }
