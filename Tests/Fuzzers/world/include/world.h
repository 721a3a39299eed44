// The world that answers from an input: a driver, udev, and what the DHCP client's event changes.
#ifndef WATCHPOST_WORLD_H
#define WATCHPOST_WORLD_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// From now on the world says these bytes, one after another, and zeros behind them.
void world_says(const void *_Nullable bytes, size_t count);
/// It is the real one again.
void world_ends(void);
/// Calls that it has answered since.
uint64_t world_calls(void);

/// What the world was asked to do.
struct world_deeds {
  uint32_t address;
  uint32_t gateway;
  uint8_t prefix;
  uint8_t is_set;
  uint8_t is_cleared;
  uint8_t has_gateway;
  uint32_t file_size;
  char file[256];
};
struct world_deeds world_deeds(void);

#pragma clang assume_nonnull end
#endif
