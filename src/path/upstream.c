/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beside stage 4 of 10 (relay): the last that was lost before capture. Gets told by
 * relay.c, is read by whoever prints it. Runs on the lane's thread, but for reading.
 */
#include "path/upstream.h"

#include <stdlib.h>

#include "base/posted.h"

#define GAP_WORDS  POSTED_WORDS(sizeof(struct upstream_gap))
#define MARK_WORDS POSTED_WORDS(sizeof(struct upstream_mark))

struct upstream {
	counter_t gap_count, mark_count;
	counter_t gaps[UPSTREAM_ENTRIES][GAP_WORDS];
	counter_t marks[UPSTREAM_ENTRIES][MARK_WORDS];
};

struct upstream *
upstream_new(void)
{
	return calloc(1, sizeof(struct upstream));
}

void
upstream_free(struct upstream *u)
{
	free(u);
}

size_t
upstream_memory_bytes(void)
{
	return sizeof(struct upstream);
}

void
upstream_note_gap(struct upstream *u, const struct upstream_gap *gap)
{
	posted_put(u->gaps[counter_get(&u->gap_count) % UPSTREAM_ENTRIES], gap,
		   sizeof *gap);
	counter_inc(&u->gap_count);
}

void
upstream_note_mark(struct upstream *u, const struct upstream_mark *mark)
{
	posted_put(u->marks[counter_get(&u->mark_count) % UPSTREAM_ENTRIES], mark,
		   sizeof *mark);
	counter_inc(&u->mark_count);
}

/* Where the n-th newest of so many is; false: there is no such one. */
static bool
find(const counter_t *count, size_t n, size_t *at)
{
	uint64_t newest = counter_get(count);

	if (n >= newest || n >= UPSTREAM_ENTRIES)
		return false;
	*at = (newest - 1 - n) % UPSTREAM_ENTRIES;
	return true;
}

bool
upstream_gap(const struct upstream *u, size_t n, struct upstream_gap *gap)
{
	size_t at;

	return find(&u->gap_count, n, &at) && posted_get(u->gaps[at], gap, sizeof *gap);
}

bool
upstream_mark(const struct upstream *u, size_t n, struct upstream_mark *mark)
{
	size_t at;

	return find(&u->mark_count, n, &at) &&
	       posted_get(u->marks[at], mark, sizeof *mark);
}
