/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 3 of the relay; gets datagrams from decap and reassemble, hands them on
 * with their channel to feed; runs on the lane's thread.
 *
 * Open addressing with linear probing in a table at most half full, built once:
 * there is no deletion, so a free entry ends every search.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "path/classify.h"

struct entry {
	uint32_t group;
	uint32_t source;
	int channel;
	uint16_t port;
};

struct classifier {
	size_t mask;
	bool sources; /* some channel names one: two searches are due */
	struct entry entries[];
};

static size_t
hash(uint32_t group, uint16_t port, uint32_t source)
{
	uint64_t h = ((uint64_t)group << 32 | source) ^ (uint64_t)port << 20;

	/* Feeds number their groups and ports densely, so all the difference is in
	 * a few low bits: two multiplications spread it. Odd constants of
	 * splitmix64. */
	h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9ULL;
	h = (h ^ h >> 27) * 0x94d049bb133111ebULL;
	return (size_t)(h ^ h >> 31);
}

/* The entry of this key, or the free one where it would be. */
static const struct entry *
probe(const struct classifier *c, uint32_t group, uint16_t port, uint32_t source)
{
	size_t i = hash(group, port, source) & c->mask;

	for (;; i = (i + 1) & c->mask) {
		const struct entry *e = &c->entries[i];

		if (e->channel == CLASSIFY_NONE ||
		    (e->group == group && e->port == port && e->source == source))
			return e;
	}
}

static void
insert(struct classifier *c, const struct channel_settings *s, int channel)
{
	const struct entry *e = probe(c, s->group, s->port, s->source);

	if (e->channel != CLASSIFY_NONE)
		return; /* the configuration refuses it; the first one stands */
	c->entries[e - c->entries] = (struct entry){
		.group = s->group,
		.port = s->port,
		.source = s->source,
		.channel = channel,
	};
	c->sources |= s->source != 0;
}

struct classifier *
classify_new(const struct channel_settings *channels, size_t count, const uint16_t *ids)
{
	struct classifier *c;
	size_t size = 2;

	while (size < 2 * count)
		size *= 2;
	c = malloc(sizeof(*c) + size * sizeof(c->entries[0]));
	if (c == NULL)
		return NULL;
	c->mask = size - 1;
	c->sources = false;
	for (size_t i = 0; i < size; i++)
		c->entries[i] = (struct entry){.channel = CLASSIFY_NONE};
	for (size_t i = 0; i < count; i++)
		insert(c, &channels[i], ids != NULL ? ids[i] : (int)i);
	return c;
}

void
classify_free(struct classifier *c)
{
	free(c);
}

int
classify_find(const struct classifier *c, uint32_t group, uint16_t port,
	      uint32_t source)
{
	if (c->sources) {
		int channel = probe(c, group, port, source)->channel;

		if (channel != CLASSIFY_NONE)
			return channel;
	}
	return probe(c, group, port, 0)->channel;
}
