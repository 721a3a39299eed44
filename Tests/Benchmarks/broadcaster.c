// broadcaster PORT SIZE: the baseline of broadcasts. Every connection that sends `subscribe` gets
// each message; a ping from any connection sends one, SIZE bytes in frames of at most 16 KiB, and is
// answered when the message is on its way to all: that connection must not be a subscriber.
//
// One shared buffer holds the message, each subscriber has an offset into it, and whoever is not
// ready gets the rest when its socket takes it. A message before the last one is taken by all is
// refused: a baseline has no queues.

#define _GNU_SOURCE
#include "frame.h"
#include "loop.h"

#define PART (FRAME_PAYLOAD - 16)

static uint8_t *message;
static size_t message_size;
// By descriptor: bytes of the message still to be sent; SIZE_MAX: no subscriber.
static size_t unsent[CONNECTIONS];
static uint32_t subscribers[CONNECTIONS];
static size_t subscriber_count, pending;

// Frames of an event: part number, count of the message and offset, then bytes.
static void compose(size_t size, uint32_t number) {
  size_t position = 0;
  for (size_t offset = 0; offset < size; offset += PART) {
    size_t bytes = size - offset < PART ? size - offset : PART;
    uint8_t *body = message + position + FRAME_HEADER;
    uint32_t head[4] = {number, (uint32_t)size, (uint32_t)offset, (uint32_t)bytes};
    memcpy(body, head, sizeof head);
    memset(body + sizeof head, (int)number, bytes);
    position += frame_seal(message + position, 0, KIND_EVENT, number, STATUS_OK,
                           sizeof head + bytes);
  }
  message_size = position;
}

static void drop(int descriptor) {
  if (unsent[descriptor] != SIZE_MAX) {
    if (unsent[descriptor] > 0) pending--;
    size_t index = 0;
    while (subscribers[index] != (uint32_t)descriptor) index++;
    subscribers[index] = subscribers[--subscriber_count];
  }
  unsent[descriptor] = SIZE_MAX;
  close(descriptor);
}

// Sends what one subscriber takes. Returns 1 when it has all, 0 when not yet, -1 when it is gone.
static int push(int descriptor) {
  size_t left = unsent[descriptor];
  ssize_t sent = send(descriptor, message + message_size - left, left, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) {
    drop(descriptor);
    return -1;
  }
  if (sent > 0) unsent[descriptor] = left -= (size_t)sent;
  if (left == 0) pending--;
  return left == 0;
}

static void broadcast(void) {
  pending = subscriber_count;
  for (size_t index = 0; index < subscriber_count; index++)
    unsent[subscribers[index]] = message_size;
  for (size_t index = 0; index < subscriber_count;) {
    int descriptor = (int)subscribers[index], result = push(descriptor);
    if (result == 0) watch(EPOLL_CTL_MOD, descriptor, EPOLLIN | EPOLLOUT, (uint32_t)descriptor);
    // The last one has taken the place of one that is gone.
    if (result >= 0) index++;
  }
}

// A request is a bare header; anything else ends the connection.
static void serve(int descriptor, uint32_t events, size_t size) {
  static uint32_t number;
  if (events & EPOLLOUT && unsent[descriptor] != SIZE_MAX) {
    int result = push(descriptor);
    if (result < 0) return;
    if (result == 1) watch(EPOLL_CTL_MOD, descriptor, EPOLLIN, (uint32_t)descriptor);
  }
  if (!(events & ~EPOLLOUT)) return;
  uint8_t bytes[FRAME_HEADER];
  struct header head;
  int sound;
  ssize_t count = recv(descriptor, bytes, sizeof bytes, 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0 || frame_next(bytes, (size_t)count, &head, &sound) != FRAME_HEADER) {
    drop(descriptor);
    return;
  }
  uint16_t status = STATUS_OK;
  if (head.kind == KIND_SUBSCRIBE && unsent[descriptor] == SIZE_MAX) {
    unsent[descriptor] = 0;
    subscribers[subscriber_count++] = (uint32_t)descriptor;
  } else if (head.kind == KIND_PING && pending == 0) {
    compose(size, ++number);
    broadcast();
  } else {
    status = STATUS_UNKNOWN;
  }
  size_t answer = frame_seal(bytes, FRAME_REPLY, head.kind, head.id, status, 0);
  if (send(descriptor, bytes, answer, MSG_NOSIGNAL) != (ssize_t)answer) drop(descriptor);
}

int main(int count, char **arguments) {
  size_t size = count == 3 ? strtoul(arguments[2], NULL, 10) : 0;
  if (size == 0) {
    fprintf(stderr, "usage: broadcaster PORT SIZE\n");
    return 2;
  }
  crc_setup();
  message = malloc(size + (size / PART + 1) * (FRAME_HEADER + 16));
  if (message == NULL) fatal("malloc");
  for (int descriptor = 0; descriptor < CONNECTIONS; descriptor++) unsent[descriptor] = SIZE_MAX;
  int listener = begin_listening(arguments[1]);
  for (;;) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poller, events, EVENTS, -1);
    for (int index = 0; index < ready; index++) {
      if (events[index].data.u32 == LISTENER) {
        while (accept_one(listener) >= 0) continue;
      } else {
        serve((int)events[index].data.u32, events[index].events, size);
      }
    }
  }
}
