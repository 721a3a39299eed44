// peer PORT HEALTH: the baseline of the control port. A bare epoll server on one thread that reads
// the same frames, verifies both checksums and answers the same bytes to ping and health; the
// payload of health is what the file HEALTH holds, copied and summed for every answer as it would
// have to be if it changed.
//
// It does what any such server must – pipelined requests, answers with one write, incomplete frames
// and unsent rests kept – and nothing more: no limits, no time-outs, no counters.

#define _GNU_SOURCE
#include "frame.h"
#include "loop.h"

#define HEALTH_SIZE 256
#define PING_SIZE 64
#define REFUSAL_SIZE 128

struct connection {
  uint8_t *held, *rest;  // an incomplete frame, an unsent rest; NULL: none
  size_t held_size, rest_size;
};

static struct connection connections[CONNECTIONS];
static uint8_t health[HEALTH_SIZE];
static uint8_t input[64 * 1024], output[64 * 1024];

// Copies bytes that have to wait. Memory for them exists only as long as they do.
static uint8_t *copy_of(const uint8_t *bytes, size_t size) {
  uint8_t *copy = malloc(size);
  if (copy == NULL) fatal("malloc");
  return memcpy(copy, bytes, size);
}

static void drop(int descriptor) {
  struct connection *connection = &connections[descriptor];
  free(connection->held);
  free(connection->rest);
  *connection = (struct connection){0};
  close(descriptor);
}

// Sends what it can and keeps the rest. Returns 0 when all is sent, 1 when a rest waits, -1 when the
// connection is gone.
static int flush(int descriptor, const uint8_t *bytes, size_t size) {
  ssize_t sent = size == 0 ? 0 : send(descriptor, bytes, size, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) {
    drop(descriptor);
    return -1;
  }
  if (sent < 0) sent = 0;
  if ((size_t)sent == size) return 0;
  struct connection *connection = &connections[descriptor];
  uint8_t *rest = copy_of(bytes + sent, size - sent);
  free(connection->rest);
  connection->rest = rest;
  connection->rest_size = size - sent;
  watch(EPOLL_CTL_MOD, descriptor, EPOLLOUT, (uint32_t)descriptor);
  return 1;
}

// Writes the answer to one frame; returns its size.
static size_t answer(const struct header *head, int sound, const uint8_t *payload, uint8_t *frame) {
  uint8_t *body = frame + FRAME_HEADER;
  uint16_t status = STATUS_OK;
  if (!sound) {
    status = STATUS_CHECKSUM;
  } else if (head->kind == KIND_PING && head->length <= PING_SIZE) {
    memcpy(body, payload, head->length);
    return frame_seal(frame, FRAME_REPLY, KIND_PING, head->id, status, head->length);
  } else if (head->kind == KIND_HEALTH && head->length == 0) {
    memcpy(body, health, HEALTH_SIZE);
    return frame_seal(frame, FRAME_REPLY, KIND_HEALTH, head->id, status, HEALTH_SIZE);
  } else {
    int known = head->kind == KIND_PING || head->kind == KIND_HEALTH;
    status = known ? STATUS_MALFORMED : STATUS_UNKNOWN;
  }
  memset(body, 0, REFUSAL_SIZE);
  return frame_seal(frame, FRAME_REPLY, head->kind, head->id, status, REFUSAL_SIZE);
}

// Answers the whole frames of the input and keeps what is left of it.
static void answer_all(int descriptor, size_t filled) {
  size_t offset = 0, written = 0;
  int waits = 0;
  while (!waits) {
    struct header head;
    int sound, size = frame_next(input + offset, filled - offset, &head, &sound);
    if (size < 0) {
      drop(descriptor);
      return;
    }
    if (size == 0) break;
    written += answer(&head, sound, input + offset + FRAME_HEADER, output + written);
    offset += (size_t)size;
    if (written > sizeof output - FRAME_LARGEST) {
      waits = flush(descriptor, output, written);
      if (waits < 0) return;
      written = 0;
    }
  }
  if (!waits && flush(descriptor, output, written) < 0) return;
  if (offset < filled) {
    connections[descriptor].held = copy_of(input + offset, filled - offset);
    connections[descriptor].held_size = filled - offset;
  }
}

// Puts held bytes in front of the input; returns how many.
static size_t restore(struct connection *connection) {
  size_t size = connection->held_size;
  if (size == 0) return 0;
  memcpy(input, connection->held, size);
  free(connection->held);
  connection->held = NULL;
  connection->held_size = 0;
  return size;
}

static void serve(int descriptor, uint32_t events) {
  struct connection *connection = &connections[descriptor];
  if (connection->rest != NULL) {
    if (!(events & EPOLLOUT)) {
      drop(descriptor);
      return;
    }
    if (flush(descriptor, connection->rest, connection->rest_size) != 0) return;
    free(connection->rest);
    connection->rest = NULL;
    connection->rest_size = 0;
    watch(EPOLL_CTL_MOD, descriptor, EPOLLIN, (uint32_t)descriptor);
    answer_all(descriptor, restore(connection));
    return;
  }
  size_t held = restore(connection);
  ssize_t count = recv(descriptor, input + held, sizeof input - held, 0);
  if (count > 0) {
    answer_all(descriptor, held + (size_t)count);
  } else if (count == 0 || errno != EAGAIN) {
    drop(descriptor);
  }
}

int main(int count, char **arguments) {
  if (count != 3) {
    fprintf(stderr, "usage: peer PORT HEALTH\n");
    return 2;
  }
  FILE *file = fopen(arguments[2], "rb");
  if (file == NULL || fread(health, 1, HEALTH_SIZE, file) != HEALTH_SIZE) fatal(arguments[2]);
  fclose(file);
  crc_setup();
  int listener = begin_listening(arguments[1]);
  for (;;) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poller, events, EVENTS, -1);
    for (int index = 0; index < ready; index++) {
      if (events[index].data.u32 == LISTENER) {
        while (accept_one(listener) >= 0) continue;
      } else {
        serve((int)events[index].data.u32, events[index].events);
      }
    }
  }
}
