/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 9 of 10 (peer): when to request a gap, again, and no more. Gets gaps from
 * peer_session, which found them in the window, and tells it what is due. Runs on
 * the lane's thread.
 *
 * What is due next stands on top of a binary heap, since time-outs differ by
 * attempt and by the relay's word.
 */
#include "path/recover.h"

#include <assert.h>
#include <stdlib.h>

#define NONE UINT32_MAX

/* Before the first round trip is measured. */
#define RTT_GUESS_NS (5 * NS_PER_MS)
/* Two clocks' worth of scheduling: a repeat sooner than this only doubles. */
#define RETRY_FLOOR_NS (200 * NS_PER_US)
/* Far enough apart not to share a datagram's fate. */
#define COPY_NS          (100 * NS_PER_US)
#define RETRY_CEILING_NS (200 * NS_PER_MS)

struct recover {
	struct gap *gaps;
	size_t count; /* in the pool: `channels` reserved ones, then the shared */
	uint32_t *heap;
	size_t heap_count;
	uint32_t *first, *last; /* per channel */
	uint32_t *hint;         /* per channel: where the last search ended */
	size_t channels;
	uint32_t lasting; /* never hopeless */
	uint32_t free_head;
	size_t used;
	uint64_t merged;
	int64_t give_up_ns;
	int64_t reorder_ns;
	int64_t retry_ns;
};

struct recover *
recover_new(size_t channels, size_t extra, int64_t give_up_ns)
{
	struct recover *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->count = channels + extra;
	r->channels = channels;
	r->give_up_ns = give_up_ns;
	r->lasting = NONE;
	r->gaps = calloc(r->count, sizeof *r->gaps);
	r->heap = calloc(r->count, sizeof *r->heap);
	r->first = calloc(channels, sizeof *r->first);
	r->last = calloc(channels, sizeof *r->last);
	r->hint = calloc(channels, sizeof *r->hint);
	if (r->gaps == NULL || r->heap == NULL || r->first == NULL || r->last == NULL ||
	    r->hint == NULL) {
		recover_free(r);
		return NULL;
	}
	for (size_t i = 0; i < channels; i++)
		r->first[i] = r->last[i] = r->hint[i] = NONE;
	r->free_head = extra > 0 ? (uint32_t)channels : NONE;
	for (size_t i = channels; i < r->count; i++)
		r->gaps[i].next = i + 1 < r->count ? (uint32_t)(i + 1) : NONE;
	recover_set_times(r, 0, 0, 0);
	return r;
}

void
recover_free(struct recover *r)
{
	if (r == NULL)
		return;
	free(r->gaps);
	free(r->heap);
	free(r->first);
	free(r->last);
	free(r->hint);
	free(r);
}

size_t
recover_memory_bytes(const struct recover *r)
{
	return sizeof *r + r->count * (sizeof *r->gaps + sizeof *r->heap) +
	       r->channels * 3 * sizeof *r->first;
}

void
recover_set_lasting(struct recover *r, uint32_t channel)
{
	r->lasting = channel;
}

void
recover_set_give_up(struct recover *r, int64_t give_up_ns)
{
	r->give_up_ns = give_up_ns;
}

void
recover_set_times(struct recover *r, int64_t reorder_ns, int64_t srtt_ns,
		  int64_t rttvar_ns)
{
	int64_t retry_ns = srtt_ns > 0 ? srtt_ns + 4 * rttvar_ns : RTT_GUESS_NS;

	r->reorder_ns = reorder_ns;
	r->retry_ns = retry_ns + RETRY_FLOOR_NS;
	if (r->retry_ns > RETRY_CEILING_NS)
		r->retry_ns = RETRY_CEILING_NS;
}

/* ---- the heap ---- */

static bool
sooner(const struct recover *r, uint32_t a, uint32_t b)
{
	return mono_before(r->gaps[a].due, r->gaps[b].due);
}

static void
heap_set(struct recover *r, size_t at, uint32_t gap)
{
	r->heap[at] = gap;
	r->gaps[gap].heap_at = (uint32_t)at;
}

static void
heap_up(struct recover *r, size_t at)
{
	uint32_t gap = r->heap[at];

	while (at > 0 && sooner(r, gap, r->heap[(at - 1) / 2])) {
		heap_set(r, at, r->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	heap_set(r, at, gap);
}

static void
heap_down(struct recover *r, size_t at)
{
	uint32_t gap = r->heap[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < r->heap_count &&
		    sooner(r, r->heap[child + 1], r->heap[child]))
			child++;
		if (child >= r->heap_count || !sooner(r, r->heap[child], gap))
			break;
		heap_set(r, at, r->heap[child]);
		at = child;
	}
	heap_set(r, at, gap);
}

static void
heap_fix(struct recover *r, uint32_t gap)
{
	heap_up(r, r->gaps[gap].heap_at);
	heap_down(r, r->gaps[gap].heap_at);
}

static void
heap_add(struct recover *r, uint32_t gap)
{
	heap_set(r, r->heap_count++, gap);
	heap_up(r, r->heap_count - 1);
}

static void
heap_remove(struct recover *r, uint32_t gap)
{
	size_t at = r->gaps[gap].heap_at;
	uint32_t last = r->heap[--r->heap_count];

	if (last == gap)
		return;
	heap_set(r, at, last);
	heap_fix(r, last);
}

/* ---- gaps ---- */

static uint32_t
index_of(const struct recover *r, const struct gap *gap)
{
	return (uint32_t)(gap - r->gaps);
}

/* A shared one, or the channel's own when it has no gap; NONE: grow the last. */
static uint32_t
allocate(struct recover *r, uint32_t channel)
{
	uint32_t i = r->free_head;

	if (i != NONE)
		r->free_head = r->gaps[i].next;
	else if (r->first[channel] == NONE)
		i = channel;
	return i;
}

static void
remove_gap(struct recover *r, uint32_t i)
{
	struct gap *g = &r->gaps[i];

	heap_remove(r, i);
	if (r->hint[g->channel] == i)
		r->hint[g->channel] = g->next;
	if (g->prev != NONE)
		r->gaps[g->prev].next = g->next;
	else
		r->first[g->channel] = g->next;
	if (g->next != NONE)
		r->gaps[g->next].prev = g->prev;
	else
		r->last[g->channel] = g->prev;
	r->used--;
	if (i >= r->channels) {
		g->next = r->free_head;
		r->free_head = i;
	}
}

/* The last gap of the channel that begins before `end`: new ones are mostly the
 * newest, so the search begins there. */
static uint32_t
find_before(const struct recover *r, uint32_t channel, seq_t end)
{
	uint32_t i = r->last[channel];

	while (i != NONE && !seq_before(r->gaps[i].first, end))
		i = r->gaps[i].prev;
	return i;
}

/* No gap is free: a neighbour takes the range in, and what lies between. */
static void
grow(struct recover *r, uint32_t channel, uint32_t before, seq_t first, seq_t end)
{
	struct gap *g = &r->gaps[before != NONE ? before : r->first[channel]];

	r->merged++;
	g->missing += seq_span(first, end);
	g->first = seq_min(g->first, first);
	g->end = seq_max(g->end, end);
}

static void
link_behind(struct recover *r, uint32_t i, uint32_t before)
{
	struct gap *g = &r->gaps[i];

	g->prev = before;
	g->next = before != NONE ? r->gaps[before].next : r->first[g->channel];
	if (before != NONE)
		r->gaps[before].next = i;
	else
		r->first[g->channel] = i;
	if (g->next != NONE)
		r->gaps[g->next].prev = i;
	else
		r->last[g->channel] = i;
}

void
recover_open(struct recover *r, mono_t now, uint32_t channel, seq_t first, seq_t end,
	     bool suspended)
{
	uint32_t before = find_before(r, channel, end), i;

	assert(channel < r->channels && seq_before(first, end));
	/* Inside of a gap that grew: it takes the range back. */
	if (before != NONE && seq_before(first, r->gaps[before].end)) {
		grow(r, channel, before, first, end);
		return;
	}
	i = allocate(r, channel);
	if (i == NONE) {
		grow(r, channel, before, first, end);
		return;
	}
	r->gaps[i] = (struct gap){
		.channel = channel,
		.first = first,
		.end = end,
		.missing = seq_span(first, end),
		.opened = now,
		.since = now,
		.due = suspended ? MONO_NEVER : mono_add(now, r->reorder_ns),
	};
	link_behind(r, i, before);
	r->used++;
	heap_add(r, i);
}

/* The first gap of the channel that ends behind seq. Repairs and verdicts come in
 * order, so the search goes on where the last one ended. */
static uint32_t
find(const struct recover *r, uint32_t channel, seq_t seq)
{
	uint32_t i = r->hint[channel];

	if (i == NONE)
		i = r->first[channel];
	while (i != NONE && r->gaps[i].prev != NONE &&
	       seq_before(seq, r->gaps[r->gaps[i].prev].end))
		i = r->gaps[i].prev;
	while (i != NONE && !seq_before(seq, r->gaps[i].end))
		i = r->gaps[i].next;
	if (i != NONE)
		r->hint[channel] = i;
	return i;
}

static void
set_due(struct recover *r, uint32_t i, mono_t due)
{
	r->gaps[i].due = due;
	heap_fix(r, i);
}

void
recover_reopen(struct recover *r, mono_t now, uint32_t channel, seq_t seq)
{
	uint32_t i = find(r, channel, seq);
	struct gap *g = i != NONE ? &r->gaps[i] : NULL;

	if (g == NULL || seq_before(seq_add(seq, 1), g->first)) {
		recover_open(r, now, channel, seq, seq_add(seq, 1), false);
		return;
	}
	g->first = seq_min(g->first, seq);
	g->missing++;
	if (g->due.ns != MONO_NEVER.ns)
		set_due(r, i, mono_add(now, r->retry_ns));
}

struct recover_filled
recover_fill(struct recover *r, mono_t now, uint32_t channel, seq_t seq, bool answered)
{
	uint32_t i = find(r, channel, seq);
	struct recover_filled filled = {0};
	struct gap *g;

	if (i == NONE || seq_before(seq, r->gaps[i].first))
		return filled;
	g = &r->gaps[i];
	filled = (struct recover_filled){.known = true,
					 .waited_ns = mono_sub(now, g->opened),
					 .attempts = g->attempts};
	assert(g->missing > 0);
	if (--g->missing == 0)
		remove_gap(r, i);
	else if (answered)
		g->since = now;
	return filled;
}

void
recover_clear(struct recover *r, uint32_t channel)
{
	while (r->first[channel] != NONE)
		remove_gap(r, r->first[channel]);
}

void
recover_suspend(struct recover *r, uint32_t channel)
{
	for (uint32_t i = r->first[channel]; i != NONE; i = r->gaps[i].next)
		set_due(r, i, MONO_NEVER);
}

void
recover_resume(struct recover *r, mono_t now, uint32_t channel, seq_t sent)
{
	for (uint32_t i = r->first[channel];
	     i != NONE && !seq_before(sent, r->gaps[i].end); i = r->gaps[i].next) {
		if (r->gaps[i].due.ns != MONO_NEVER.ns)
			continue;
		r->gaps[i].since = now;
		set_due(r, i, now);
	}
}

void
recover_throttle(struct recover *r, mono_t now, uint32_t channel, seq_t first,
		 seq_t end, int64_t retry_ns)
{
	for (uint32_t i = find(r, channel, first);
	     i != NONE && seq_before(r->gaps[i].first, end); i = r->gaps[i].next) {
		if (r->gaps[i].due.ns == MONO_NEVER.ns)
			continue;
		r->gaps[i].since = now;
		set_due(r, i, mono_add(now, retry_ns));
	}
}

const struct gap *
recover_due(const struct recover *r, mono_t now)
{
	const struct gap *g;

	if (r->heap_count == 0)
		return NULL;
	g = &r->gaps[r->heap[0]];
	return mono_due(g->due, now) ? g : NULL;
}

static mono_t
hopeless_at(const struct recover *r, const struct gap *gap)
{
	return gap->channel == r->lasting ? MONO_NEVER
					  : mono_add(gap->since, r->give_up_ns);
}

bool
recover_is_hopeless(const struct recover *r, const struct gap *gap, mono_t now)
{
	return !mono_before(now, hopeless_at(r, gap));
}

/* Repeats wait a round trip and its variation; from the fourth on they wait half
 * as much again each time, so that a collapsed line is not stormed. */
static int64_t
retry_ns(const struct recover *r, uint32_t attempts)
{
	int64_t wait_ns = r->retry_ns;

	for (uint32_t i = 3; i < attempts && wait_ns < RETRY_CEILING_NS; i++)
		wait_ns += wait_ns / 2;
	return wait_ns < RETRY_CEILING_NS ? wait_ns : RETRY_CEILING_NS;
}

void
recover_postpone(struct recover *r, const struct gap *gap, mono_t now)
{
	set_due(r, index_of(r, gap),
		mono_min(mono_add(now, r->retry_ns), hopeless_at(r, gap)));
}

void
recover_requested(struct recover *r, const struct gap *gap, mono_t now, uint32_t copies)
{
	uint32_t i = index_of(r, gap);
	struct gap *g = &r->gaps[i];
	mono_t due;

	if (g->copies == 0) {
		g->copies = copies;
		g->attempts++;
	}
	due = mono_add(now, --g->copies > 0 ? COPY_NS : retry_ns(r, g->attempts));
	set_due(r, i, mono_min(due, hopeless_at(r, gap)));
}

mono_t
recover_deadline(const struct recover *r)
{
	return r->heap_count > 0 ? r->gaps[r->heap[0]].due : MONO_NEVER;
}

const struct gap *
recover_first(const struct recover *r, uint32_t channel)
{
	return r->first[channel] == NONE ? NULL : &r->gaps[r->first[channel]];
}

size_t
recover_count(const struct recover *r)
{
	return r->used;
}

uint64_t
recover_merged(const struct recover *r)
{
	return r->merged;
}
