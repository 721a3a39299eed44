// USB ports, as their hubs switch them (USB 2.0, 11.24).
#ifndef WATCHPOST_USB_H
#define WATCHPOST_USB_H

#include <stdint.h>

#pragma clang assume_nonnull begin

/// errno values of a step at the USB, as positive numbers.
enum lx_usb_errno { LX_EPERM = 1, LX_EACCES = 13, LX_EROFS = 30, LX_ENOTTY = 25 };

/// Whether a hub, opened as /dev/bus/usb/BUS/DEVICE, switches the power of each port for itself
/// (wHubCharacteristics, table 11-13): 1, 0, or a negative errno.
int32_t lx_hub_switches_ports(int32_t hub);
/// Switches the power of a port of that hub, counted from 1. 0 or a negative errno.
int32_t lx_hub_power(int32_t hub, uint16_t port, int32_t on);
/// Lets this process end by itself, also after the agent's death: it must not stop halfway.
void lx_outlive_parent(void);

#pragma clang assume_nonnull end
#endif
