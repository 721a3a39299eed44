// V4L2 nodes as a process opens and leaves them, for the C files that have one.
#ifndef WATCHPOST_NODE_H
#define WATCHPOST_NODE_H

#include <stdint.h>

/// Opens a node without waiting for its hardware. The descriptor or a negative errno. A process has
/// one at a time; until it is closed, SIGTERM ends the process as closing it does.
int32_t lx_node_open(const char *path);

/// Closes the node; buffers that are mapped have been unmapped. Where the device is gone, only after
/// the kernel has had the time to take it away.
void lx_node_close(void);

#endif
