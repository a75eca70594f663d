/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 8 of 10 (peer): duplicates out, order in. Gets datagrams from
 * peer_session, which stores them and queues what is released for emit. Runs on
 * the lane's thread.
 */
#include "path/window.h"

#include <assert.h>
#include <stdlib.h>

#include "path/pool.h"

/* A slot is an outcome, or CHUNK + the index of a held chunk. */
enum { MISSING, LOST, RELEASED, CHUNK };

/* Half of the ring looks ahead, half remembers. */
bool
window_init(struct window *w, uint32_t size, bool ordered)
{
	assert((size & (size - 1)) == 0);
	*w = (struct window){.mask = 2 * size - 1,
			     .ordered = ordered,
			     .next = SEQ_FIRST,
			     .top = SEQ_FIRST};
	w->slots = calloc(2 * (size_t)size, sizeof *w->slots);
	return w->slots != NULL;
}

void
window_fini(struct window *w)
{
	free(w->slots);
	w->slots = NULL;
}

static uint32_t *
slot(const struct window *w, seq_t seq)
{
	return &w->slots[seq.n & w->mask];
}

static uint64_t
reach(const struct window *w)
{
	return ((uint64_t)w->mask + 1) / 2;
}

void
window_restart(struct window *w, seq_t first)
{
	assert(w->held == 0);
	w->next = w->top = first;
	w->missing = 0;
	/* All that came before this number is unknown, and so late. */
	for (uint64_t i = 0; i <= w->mask; i++)
		w->slots[i] = LOST;
}

void
window_skip(struct window *w, seq_t first)
{
	assert(seq_cmp(w->next, w->top) == 0 && !seq_before(first, w->next));
	if (seq_span(w->next, first) > w->mask) {
		window_restart(w, first);
		return;
	}
	for (seq_t s = w->next; seq_before(s, first); s = seq_add(s, 1))
		*slot(w, s) = LOST;
	w->next = w->top = first;
}

seq_t
window_limit(const struct window *w)
{
	return seq_add(w->next, reach(w));
}

enum window_verdict
window_check(const struct window *w, seq_t seq)
{
	uint32_t s;

	if (!seq_before(seq, window_limit(w)))
		return WINDOW_BEYOND;
	if (!seq_before(seq, w->top))
		return WINDOW_NEW;
	if (seq_span(seq, w->next) > reach(w))
		return WINDOW_LATE;
	s = *slot(w, seq);
	if (s == MISSING)
		return WINDOW_NEW;
	return s == LOST ? WINDOW_LATE : WINDOW_DUPLICATE;
}

uint64_t
window_extend(struct window *w, seq_t top, seq_t *first)
{
	seq_t end = seq_min(top, window_limit(w));
	uint64_t n = seq_span(w->top, end);

	*first = w->top;
	for (seq_t s = w->top; seq_before(s, end); s = seq_add(s, 1))
		*slot(w, s) = MISSING;
	w->top = seq_max(w->top, end);
	w->missing += n;
	return n;
}

void
window_hold(struct window *w, seq_t seq, uint32_t chunk)
{
	assert(*slot(w, seq) == MISSING && seq_before(seq, w->top) &&
	       !seq_before(seq, w->next));
	*slot(w, seq) = CHUNK + chunk;
	w->missing--;
	w->held++;
}

/* Steps over what has its outcome already. */
static void
settle(struct window *w)
{
	while (seq_before(w->next, w->top)) {
		uint32_t s = *slot(w, w->next);

		if (s != LOST && s != RELEASED)
			return;
		w->next = seq_add(w->next, 1);
	}
}

uint32_t
window_release(struct window *w)
{
	uint32_t *s;
	uint32_t chunk;

	settle(w);
	if (!seq_before(w->next, w->top))
		return POOL_NONE;
	s = slot(w, w->next);
	if (*s < CHUNK)
		return POOL_NONE;
	chunk = *s - CHUNK;
	*s = RELEASED;
	w->held--;
	settle(w);
	return chunk;
}

uint32_t
window_release_held(struct window *w, seq_t *at)
{
	while (w->held > 0 && seq_before(*at, w->top)) {
		uint32_t *s = slot(w, *at), chunk = *s - CHUNK;

		*at = seq_add(*at, 1);
		if (*s < CHUNK)
			continue;
		*s = RELEASED;
		w->held--;
		settle(w);
		return chunk;
	}
	return POOL_NONE;
}

void
window_release_now(struct window *w, seq_t seq)
{
	assert(*slot(w, seq) == MISSING && seq_before(seq, w->top));
	*slot(w, seq) = RELEASED;
	w->missing--;
	settle(w);
}

seq_t
window_released_end(const struct window *w)
{
	seq_t end = w->top;

	while (seq_before(w->next, end) && *slot(w, (seq_t){end.n - 1}) != RELEASED)
		end = (seq_t){end.n - 1};
	return end;
}

seq_t
window_newest_held(const struct window *w)
{
	seq_t s = w->top;

	while (w->held > 0 && seq_before(w->next, s)) {
		s = (seq_t){s.n - 1};
		if (*slot(w, s) >= CHUNK)
			return s;
	}
	return SEQ_NONE;
}

uint32_t
window_unhold(struct window *w, seq_t seq)
{
	uint32_t *at = slot(w, seq);
	uint32_t chunk = *at - CHUNK;

	assert(*at >= CHUNK);
	*at = MISSING;
	w->held--;
	w->missing++;
	return chunk;
}

uint64_t
window_lose(struct window *w, seq_t first, seq_t end)
{
	uint64_t n = 0;

	first = seq_max(first, w->next);
	end = seq_min(end, w->top);
	for (; seq_before(first, end); first = seq_add(first, 1)) {
		if (*slot(w, first) != MISSING)
			continue;
		*slot(w, first) = LOST;
		n++;
	}
	w->missing -= n;
	settle(w);
	return n;
}

bool
window_is_missing(const struct window *w, seq_t seq)
{
	return !seq_before(seq, w->next) && seq_before(seq, w->top) &&
	       *slot(w, seq) == MISSING;
}

uint64_t
window_count_missing(const struct window *w, seq_t first, seq_t end)
{
	uint64_t n = 0;

	for (first = seq_max(first, w->next); seq_before(first, seq_min(end, w->top));
	     first = seq_add(first, 1))
		n += *slot(w, first) == MISSING;
	return n;
}
