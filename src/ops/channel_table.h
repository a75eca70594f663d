/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_CHANNEL_TABLE_H
#define TOMBOLO_CHANNEL_TABLE_H
/*
 * What the main thread keeps beside each channel of each lane, by their numbers; it
 * grows when a reload brings more of them, and a place begins as zeros.
 */
#include <stdbool.h>
#include <stddef.h>

struct channel_table {
	size_t bytes; /* of a place, set by its owner; the rest is zero at first */
	char *all;    /* lane by lane, room for `channels` in each */
	size_t lanes, channels;
};

/* False when memory is short: what there is stays. */
bool channel_table_grow(struct channel_table *t, size_t lanes, size_t channels);
/* NULL where there is no such place. */
void *channel_table_at(const struct channel_table *t, size_t lane, size_t channel);
void channel_table_fini(struct channel_table *t);

#endif
