#include "include/lx_usb.h"

#include <errno.h>
#include <linux/usb/ch11.h>
#include <linux/usb/ch9.h>
#include <linux/usbdevice_fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "retry.h"

/// A hub answers in milliseconds; the kernel's own patience with hubs (USB_CTRL_GET_TIMEOUT).
enum { PATIENCE_MS = 5000 };

/// Requests to a port have "other" as their recipient: usbfs asks for no claimed interface.
enum {
  GET_FROM_HUB = USB_DIR_IN | USB_TYPE_CLASS | USB_RECIP_DEVICE,
  SET_AT_PORT = USB_DIR_OUT | USB_TYPE_CLASS | USB_RECIP_OTHER,
  HUB_DESCRIPTOR = 0x29,
  SUPER_SPEED_HUB_DESCRIPTOR = 0x2A,
};

static int32_t control(int32_t hub, uint8_t kind, uint8_t request, uint16_t value,
    uint16_t index, void *data, uint16_t length) {
  struct usbdevfs_ctrltransfer transfer = {.bRequestType = kind,
      .bRequest = request,
      .wValue = value,
      .wIndex = index,
      .wLength = length,
      .timeout = PATIENCE_MS,
      .data = data};
  return LX_RETRY(ioctl(hub, USBDEVFS_CONTROL, &transfer));
}

int32_t lx_hub_switches_ports(int32_t hub) {
  // Length, kind, ports, characteristics; what follows depends on the number of ports.
  uint8_t descriptor[16] = {0};
  int32_t count = control(hub, GET_FROM_HUB, USB_REQ_GET_DESCRIPTOR, HUB_DESCRIPTOR << 8, 0,
      descriptor, sizeof descriptor);
  if (count < 0) {
    count = control(hub, GET_FROM_HUB, USB_REQ_GET_DESCRIPTOR, SUPER_SPEED_HUB_DESCRIPTOR << 8, 0,
        descriptor, sizeof descriptor);
  }
  if (count < 0) return count;
  if (count < 5) return -EIO;
  return (descriptor[3] & HUB_CHAR_LPSM) == HUB_CHAR_INDV_PORT_LPSM;
}

int32_t lx_hub_power(int32_t hub, uint16_t port, int32_t on) {
  int32_t result = control(hub, SET_AT_PORT, on ? USB_REQ_SET_FEATURE : USB_REQ_CLEAR_FEATURE,
      USB_PORT_FEAT_POWER, port, NULL, 0);
  return result < 0 ? result : 0;
}

void lx_outlive_parent(void) { prctl(PR_SET_PDEATHSIG, 0); }
