#include <errno.h>
#include <libudev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "include/devices.h"

// libudev's objects live as long as the process; a second monitor would only see the same messages.
static struct udev *context;
static struct udev_monitor *monitor;
static struct udev_enumerate *enumeration;
static struct udev_list_entry *entry;

// A hub with many nodes sends bursts; the default buffer of 200 KiB overflows at a few hundred.
enum { RECEIVE_BUFFER = 4 * 1024 * 1024 };

static void copy(char *to, size_t size, const char *from) {
  // Padded with zeros, and cut: not necessarily terminated.
  if (from != NULL) memcpy(to, from, strnlen(from, size));
}

static uint16_t hexadecimal(const char *text) {
  return text == NULL ? 0 : (uint16_t)strtoul(text, NULL, 16);
}

/// The attributes of a USB device: what the kernel read from its descriptor, not what udev's rules
/// made of it, so that a name is the same with and without udevd.
static void describe_usb(struct udev_device *usb, struct lx_device *device) {
  const char *bus = udev_device_get_sysattr_value(usb, "busnum");
  const char *path = udev_device_get_sysattr_value(usb, "devpath");
  if (bus != NULL && path != NULL) {
    char port[64];
    size_t length = strnlen(bus, 8);
    memcpy(port, bus, length);
    port[length++] = '-';
    size_t rest = strnlen(path, 32);
    memcpy(port + length, path, rest);
    port[length + rest] = 0;
    copy(device->port, sizeof device->port, port);
  }
  copy(device->serial, sizeof device->serial, udev_device_get_sysattr_value(usb, "serial"));
  copy(device->product, sizeof device->product, udev_device_get_sysattr_value(usb, "product"));
  device->vendor = hexadecimal(udev_device_get_sysattr_value(usb, "idVendor"));
  device->product_id = hexadecimal(udev_device_get_sysattr_value(usb, "idProduct"));
}

/// The subsystem also has v4l-subdev and vbi nodes.
static int is_camera_node(const char *node) {
  return node != NULL && strncmp(node, "video", 5) == 0;
}

static int describe(struct udev_device *source, struct lx_device *device) {
  memset(device, 0, sizeof *device);
  const char *node = udev_device_get_sysname(source);
  if (!is_camera_node(node)) return 0;
  copy(device->node, sizeof device->node, node);
  const char *index = udev_device_get_sysattr_value(source, "index");
  device->index = index == NULL ? 0 : (uint16_t)atoi(index);
  struct udev_device *usb =
      udev_device_get_parent_with_subsystem_devtype(source, "usb", "usb_device");
  if (usb != NULL) {
    describe_usb(usb, device);
    return 1;
  }
  // One parent may carry many cameras (vivid's n_devs, an image pipeline), all with index 0: the
  // driver's name of the node tells them apart, and comes first because what is too long is cut.
  struct udev_device *parent = udev_device_get_parent(source);
  const char *place = parent == NULL ? NULL : udev_device_get_sysname(parent);
  const char *name = udev_device_get_sysattr_value(source, "name");
  char bus[2 * sizeof device->bus];
  snprintf(bus, sizeof bus, "%.31s@%.31s", name == NULL ? "" : name, place == NULL ? "" : place);
  copy(device->bus, sizeof device->bus, bus);
  copy(device->product, sizeof device->product, name);
  return 1;
}

int32_t lx_udev_open(void) {
  context = udev_new();
  if (context == NULL) return -ENOMEM;
  // With udevd, wait for its messages: only then a node has its owner and its links.
  const char *group = access("/run/udev/control", F_OK) == 0 ? "udev" : "kernel";
  monitor = udev_monitor_new_from_netlink(context, group);
  if (monitor == NULL) return -ENOSYS;
  udev_monitor_set_receive_buffer_size(monitor, RECEIVE_BUFFER);
  int result = udev_monitor_filter_add_match_subsystem_devtype(monitor, "video4linux", NULL);
  if (result >= 0) result = udev_monitor_enable_receiving(monitor);
  return result < 0 ? result : udev_monitor_get_fd(monitor);
}

int32_t lx_udev_next(struct lx_device *device) {
  if (monitor == NULL) return 0;
  errno = 0;
  struct udev_device *source = udev_monitor_receive_device(monitor);
  if (source == NULL) return errno == ENOBUFS ? -ENOBUFS : 0;
  memset(device, 0, sizeof *device);
  const char *action = udev_device_get_action(source);
  const char *node = udev_device_get_sysname(source);
  if (action != NULL && strcmp(action, "add") == 0 && describe(source, device)) {
    device->action = LX_DEVICE_ADDED;
  } else if (action != NULL && strcmp(action, "remove") == 0 && is_camera_node(node)) {
    // Its attributes have gone with it; looking for them costs milliseconds on a small board.
    copy(device->node, sizeof device->node, node);
    device->action = LX_DEVICE_REMOVED;
  }
  udev_device_unref(source);
  return 1;
}

int32_t lx_udev_enumerate(void) {
  if (context == NULL) return -ENOSYS;
  if (enumeration != NULL) udev_enumerate_unref(enumeration);
  enumeration = udev_enumerate_new(context);
  if (enumeration == NULL) return -ENOMEM;
  udev_enumerate_add_match_subsystem(enumeration, "video4linux");
  int result = udev_enumerate_scan_devices(enumeration);
  entry = result < 0 ? NULL : udev_enumerate_get_list_entry(enumeration);
  return result < 0 ? result : 0;
}

int32_t lx_udev_enumerated(struct lx_device *device) {
  while (entry != NULL) {
    struct udev_device *source =
        udev_device_new_from_syspath(context, udev_list_entry_get_name(entry));
    entry = udev_list_entry_get_next(entry);
    // Gone since the scan: its removal is in the monitor.
    if (source == NULL) continue;
    int known = describe(source, device);
    device->action = LX_DEVICE_ADDED;
    udev_device_unref(source);
    if (known) return 1;
  }
  if (enumeration != NULL) udev_enumerate_unref(enumeration);
  enumeration = NULL;
  return 0;
}
