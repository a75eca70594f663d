/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/channel_table.h"

#include <stdlib.h>
#include <string.h>

bool
channel_table_grow(struct channel_table *t, size_t lanes, size_t channels)
{
	char *all;

	if (lanes <= t->lanes && channels <= t->channels)
		return true;
	lanes = lanes > t->lanes ? lanes : t->lanes;
	channels = channels > t->channels ? channels : t->channels;
	all = calloc(lanes * channels, t->bytes);
	if (all == NULL)
		return false;
	for (size_t lane = 0; lane < t->lanes; lane++)
		memcpy(all + lane * channels * t->bytes,
		       t->all + lane * t->channels * t->bytes, t->channels * t->bytes);
	free(t->all);
	t->all = all;
	t->lanes = lanes;
	t->channels = channels;
	return true;
}

void *
channel_table_at(const struct channel_table *t, size_t lane, size_t channel)
{
	if (lane >= t->lanes || channel >= t->channels)
		return NULL;
	return t->all + (lane * t->channels + channel) * t->bytes;
}

void
channel_table_fini(struct channel_table *t)
{
	free(t->all);
}
