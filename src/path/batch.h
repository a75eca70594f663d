/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_BATCH_H
#define TOMBOLO_BATCH_H
/*
 * The frames that travel together: one TLS record, or one DTLS datagram, being
 * filled. `limit` is where to stop adding; a single frame that is longer may go
 * up to the writer's end when it is the only one.
 */
#include "base/cursor.h"

struct batch {
	struct wr w;
	uint8_t *start;
	size_t limit;
};

static inline struct batch
batch_init(uint8_t *buf, size_t limit, size_t cap)
{
	return (struct batch){.w = wr_init(buf, cap), .start = buf, .limit = limit};
}

static inline size_t
batch_used(const struct batch *b)
{
	return (size_t)(b->w.p - b->start);
}

/* May a frame of len bytes be added? */
static inline bool
batch_fits(const struct batch *b, size_t len)
{
	size_t used = batch_used(b);

	return used + len <= b->limit || (used == 0 && len <= wr_left(&b->w));
}

#endif
