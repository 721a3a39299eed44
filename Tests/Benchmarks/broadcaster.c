// broadcaster PORT: the baseline of broadcasts. It reads the same frames as the product, verifies
// both checksums, and sends the same bytes: every connection that subscribes gets each message that
// another one publishes.
//
// One shared buffer holds the message, each subscriber has an offset into it, and whoever is not
// ready gets the rest when its socket takes it. What a baseline does without: queues – a message
// before the last one is taken by all is refused –, time-outs, publishers that subscribe, and more
// than one connection with an unfinished request.

#define _GNU_SOURCE
#include <time.h>

#include "frame.h"
#include "loop.h"

#define LARGEST (2 * 1024 * 1024)
#define HEAD 32  // of a part as subscribers get it
#define PART (FRAME_PAYLOAD - HEAD)
#define TOPIC_MESSAGES 0x100u

struct publish_part {
  uint32_t total, offset, count, reserved;
};
struct message_part {
  uint64_t sequence, uptime;
  uint32_t total, offset, count, missed;
};
_Static_assert(sizeof(struct message_part) == HEAD, "the head of a part has no padding");

static uint8_t message[LARGEST + (LARGEST / PART + 1) * (FRAME_HEADER + HEAD)];
static size_t message_size;             // with all headers
static uint32_t uploaded;               // bytes of the message that is being published
static int uploader = -1;
static uint64_t sequence;
// By descriptor: bytes of the message still to be sent; SIZE_MAX: no subscriber.
static size_t unsent[CONNECTIONS];
static uint32_t subscribers[CONNECTIONS];
static size_t subscriber_count, pending;
static uint8_t input[64 * 1024], output[64 * 1024];
static uint8_t held[FRAME_LARGEST];     // an unfinished request, and whose it is
static size_t held_size;
static int holder = -1;

static void drop(int descriptor) {
  if (unsent[descriptor] != SIZE_MAX) {
    if (unsent[descriptor] > 0) pending--;
    size_t index = 0;
    while (subscribers[index] != (uint32_t)descriptor) index++;
    subscribers[index] = subscribers[--subscriber_count];
  }
  if (uploader == descriptor) uploader = -1;
  if (holder == descriptor) holder = -1;
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

// Puts bytes where they will stand in the message's frames.
static void place(const uint8_t *bytes, size_t offset, size_t count) {
  while (count > 0) {
    size_t inside = offset % PART, size = PART - inside < count ? PART - inside : count;
    memcpy(message + offset / PART * FRAME_LARGEST + FRAME_HEADER + HEAD + inside, bytes, size);
    bytes += size;
    offset += size;
    count -= size;
  }
}

static void seal(uint32_t total) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  struct message_part part = {
      .sequence = ++sequence, .total = total,
      .uptime = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000};
  message_size = 0;
  for (; part.offset < total; part.offset += part.count) {
    part.count = total - part.offset < PART ? total - part.offset : PART;
    memcpy(message + message_size + FRAME_HEADER, &part, HEAD);
    message_size += frame_seal(message + message_size, 0, KIND_MESSAGE, 0, STATUS_OK,
                               HEAD + part.count);
  }
}

// Takes a part. `*complete` tells that it was the last one.
static uint16_t publish(int descriptor, const uint8_t *payload, size_t size, int *complete) {
  struct publish_part part;
  if (size <= sizeof part) return STATUS_MALFORMED;
  memcpy(&part, payload, sizeof part);
  if (part.total > LARGEST || part.count != size - sizeof part ||
      (uint64_t)part.offset + part.count > part.total)
    return STATUS_MALFORMED;
  if (unsent[descriptor] != SIZE_MAX) return STATUS_STATE;
  if (part.offset == 0) {
    if (pending > 0 || uploader >= 0) return STATUS_BUSY;
    uploader = descriptor;
    uploaded = 0;
  }
  if (uploader != descriptor || part.offset != uploaded) return STATUS_STATE;
  place(payload + sizeof part, part.offset, part.count);
  uploaded += part.count;
  *complete = uploaded == part.total;
  if (*complete) {
    uploader = -1;
    seal(part.total);
  }
  return STATUS_OK;
}

// Writes the answer to one frame; returns its size. `*complete`: a message is to be sent.
static size_t answer(int descriptor, const struct header *head, const uint8_t *payload,
                     uint8_t *frame, int *complete) {
  uint8_t *body = frame + FRAME_HEADER;
  size_t size = 16;
  uint16_t status = STATUS_OK;
  memset(body, 0, size);
  if (head->kind == KIND_SUBSCRIBE && unsent[descriptor] == SIZE_MAX) {
    unsent[descriptor] = 0;
    subscribers[subscriber_count++] = (uint32_t)descriptor;
    uint32_t topics = TOPIC_MESSAGES;
    memcpy(body, &topics, sizeof topics);
  } else if (head->kind == KIND_PUBLISH) {
    status = publish(descriptor, payload, head->length, complete);
    uint32_t count = (uint32_t)subscriber_count;
    if (*complete) {
      memcpy(body, &sequence, sizeof sequence);
      memcpy(body + sizeof sequence, &count, sizeof count);
    }
  } else {
    status = STATUS_UNKNOWN;
  }
  return frame_seal(frame, FRAME_REPLY, head->kind, head->id, status, size);
}

// Answers the whole frames of the input with one write, or with one for each message.
static void answer_all(int descriptor, size_t filled) {
  size_t offset = 0, written = 0;
  for (int size = 1; size > 0;) {
    struct header head;
    int sound, complete = 0;
    size = frame_next(input + offset, filled - offset, &head, &sound);
    if (size < 0 || (size > 0 && !sound)) {
      drop(descriptor);
      return;
    }
    const uint8_t *payload = input + offset + FRAME_HEADER;
    if (size > 0) written += answer(descriptor, &head, payload, output + written, &complete);
    offset += (size_t)size;
    if (size > 0 && !complete && written < sizeof output - FRAME_LARGEST) continue;
    if (written > 0 && send(descriptor, output, written, MSG_NOSIGNAL) != (ssize_t)written) {
      drop(descriptor);
      return;
    }
    written = 0;
    if (complete) broadcast();
  }
  if (offset == filled) return;
  if (holder >= 0 || filled - offset > sizeof held) {
    drop(descriptor);
    return;
  }
  holder = descriptor;
  held_size = filled - offset;
  memcpy(held, input + offset, held_size);
}

static void serve(int descriptor, uint32_t events) {
  if (events & EPOLLOUT && unsent[descriptor] != SIZE_MAX) {
    int result = push(descriptor);
    if (result < 0) return;
    if (result == 1) watch(EPOLL_CTL_MOD, descriptor, EPOLLIN, (uint32_t)descriptor);
  }
  if (!(events & ~EPOLLOUT)) return;
  size_t filled = 0;
  if (holder == descriptor) {
    memcpy(input, held, filled = held_size);
    holder = -1;
  }
  ssize_t count = recv(descriptor, input + filled, sizeof input - filled, 0);
  if (count > 0) {
    answer_all(descriptor, filled + (size_t)count);
  } else if (count == 0 || errno != EAGAIN) {
    drop(descriptor);
  }
}

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: broadcaster PORT\n");
    return 2;
  }
  crc_setup();
  for (int descriptor = 0; descriptor < CONNECTIONS; descriptor++) unsent[descriptor] = SIZE_MAX;
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
