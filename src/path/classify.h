/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CLASSIFY_H
#define TOMBOLO_CLASSIFY_H
/*
 * Stage 3 of the relay: (group, port, source) to channel. A channel with a
 * source takes only datagrams of that source and goes before a channel of the
 * same group and port without one. Pure but for classify_new().
 */
#include <stddef.h>
#include <stdint.h>

#include "ops/settings.h"

struct classifier;

#define CLASSIFY_NONE (-1)

/* Builds the table; what is given is borrowed only during the call. ids: what each
 * channel is to be called; NULL: its index. NULL: no memory. */
struct classifier *classify_new(const struct channel_settings *channels, size_t count,
				const uint16_t *ids);
void classify_free(struct classifier *c);

/* The channel, or CLASSIFY_NONE. */
int classify_find(const struct classifier *c, uint32_t group, uint16_t port,
		  uint32_t source);

#endif
