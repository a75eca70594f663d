/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_TARGET_H
#define TOMBOLO_TARGET_H
/* Which daemon is meant when no socket is named. */
#include <stddef.h>

#define TARGET_RELAY "/run/tombolo/relay.sock"
#define TARGET_PEER  "/run/tombolo/peer.sock"

/* The socket of half ("relay", "peer"), or, when it is NULL, of the one daemon that
 * has one here. NULL with a line in error, and in *status how to exit. */
const char *target_find(const char *half, int *status, char *error, size_t bytes);

#endif
