/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 8 of 10 (peer): gets pieces from peer_session, gives it whole datagrams.
 * Runs on the lane's thread.
 */
#include "path/parts.h"

#include <stdbool.h>
#include <stdlib.h>

struct slot {
	bool used;
	uint32_t era;
	uint16_t channel;
	seq_t seq;
	uint16_t total;
	uint32_t here;    /* bytes */
	uint64_t touched; /* order of use */
	uint8_t bytes[UINT16_MAX];
	uint8_t map[UINT16_MAX / 8 + 1]; /* a bit for each byte that is here */
};

struct parts {
	struct slot slots[PARTS_SLOTS];
	uint64_t clock;
};

struct parts *
parts_new(void)
{
	return calloc(1, sizeof(struct parts));
}

void
parts_free(struct parts *p)
{
	free(p);
}

size_t
parts_memory_bytes(void)
{
	return sizeof(struct parts);
}

/* The datagram's slot, or a new one: a free one, or the one idle longest. */
static struct slot *
find(struct parts *p, uint32_t era, const struct wire_data *d)
{
	struct slot *oldest = &p->slots[0];

	for (size_t i = 0; i < PARTS_SLOTS; i++) {
		struct slot *s = &p->slots[i];

		if (s->used && s->era == era && s->channel == d->channel &&
		    seq_cmp(s->seq, d->seq) == 0)
			return s;
		if (s->touched < oldest->touched)
			oldest = s; /* one that is free was touched at 0 */
	}
	oldest->used = true;
	oldest->era = era;
	oldest->channel = d->channel;
	oldest->seq = d->seq;
	oldest->total = d->total;
	oldest->here = 0;
	memset(oldest->map, 0, sizeof oldest->map);
	return oldest;
}

static void
add(struct slot *s, const struct wire_data *d)
{
	memcpy(s->bytes + d->offset, d->payload, d->len);
	for (size_t i = d->offset; i < d->offset + d->len; i++) {
		uint8_t bit = (uint8_t)(1u << (i % 8));

		s->here += (s->map[i / 8] & bit) == 0;
		s->map[i / 8] |= bit;
	}
}

enum parts_verdict
parts_put(struct parts *p, uint32_t era, const struct wire_data *d,
	  struct wire_data *whole)
{
	struct slot *s = find(p, era, d);

	s->touched = ++p->clock;
	if (s->total != d->total) {
		s->used = false;
		s->touched = 0;
		return PARTS_MALFORMED;
	}
	add(s, d);
	if (s->here < s->total)
		return PARTS_HELD;
	s->used = false;
	s->touched = 0;
	*whole = *d;
	whole->part = false;
	whole->offset = 0;
	whole->payload = s->bytes;
	whole->len = s->total;
	return PARTS_WHOLE;
}
