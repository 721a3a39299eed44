// The one door from Swift to libc and the kernel.
//
// The embedded triple has no libc module, and the Swift importer parses these headers for a
// bare-metal target: they name only fixed-width types, and constants that Swift needs come as
// functions or enums of our own. Every call returns a negative errno on failure, so that no Swift
// code reads `errno`; a call that EINTR interrupts is repeated here, in `LX_RETRY`, and nowhere
// else.
//
// The folder is the umbrella of the module `CLinux`: a header added here needs no other list.
#ifndef WATCHPOST_CLINUX_H
#define WATCHPOST_CLINUX_H

#include "descriptor.h"
#include "devices.h"
#include "poller.h"
#include "process.h"
#include "service.h"
#include "socket.h"
#include "usage.h"

#include "lx_access.h"
#include "lx_archive.h"
#include "lx_capture.h"
#include "lx_config.h"
#include "lx_confine.h"
#include "lx_init.h"
#include "lx_media.h"
#include "lx_network.h"
#include "lx_files.h"
#include "lx_h264.h"
#include "lx_shared.h"
#include "lx_transcode.h"
#include "lx_usb.h"

#endif
