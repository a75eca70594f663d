/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_WINDOW_H
#define TOMBOLO_WINDOW_H
/*
 * Peer: a channel's window over its sequence. It says what is new, what was here
 * before and what comes too late; it finds gaps and hands out what may be
 * emitted. One slot per sequence number, in a ring; the slots behind `next` keep
 * their outcome until the ring comes round, so that a repeat can be told from
 * something late. Pure but for window_init().
 *
 *        behind: outcomes      next          top
 *   ...  E E E L E E E E E E E | H . . H H H |          E emitted, L lost,
 *                              '-- window ---'          H held, . missing
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/seq.h"

struct window {
	uint32_t *slots;
	uint32_t mask;
	bool ordered;
	seq_t next;       /* everything before it was released or is lost */
	seq_t top;        /* newest known of, + 1 */
	uint64_t missing; /* slots in [next, top) */
	uint64_t held;    /* slots in [next, top) that wait for an earlier one */
};

enum window_verdict {
	WINDOW_NEW,       /* wanted: store it, then window_hold() */
	WINDOW_DUPLICATE, /* it was here before */
	WINDOW_LATE,      /* it was given up, or is older than all we know */
	WINDOW_BEYOND,    /* farther ahead than the window reaches */
};

/* size: datagrams ahead of next, a power of two. False: no memory. */
bool window_init(struct window *w, uint32_t size, bool ordered);
void window_fini(struct window *w);
/* Begins anew at this number, in a new epoch. Nothing may be held. */
void window_restart(struct window *w, seq_t first);

/* Jumps over all before `first`, unseen; next must be top. */
void window_skip(struct window *w, seq_t first);

enum window_verdict window_check(const struct window *w, seq_t seq);

/* All before `top` exists: opens a gap for those not seen yet. Sets first and
 * returns how many are missing anew; they are [first, top). The window is not
 * moved beyond its reach: what is farther is opened by a later call. */
uint64_t window_extend(struct window *w, seq_t top, seq_t *first);

/* Stores a chunk for seq, which was WINDOW_NEW and lies below top. */
void window_hold(struct window *w, seq_t seq, uint32_t chunk);

/* Ordered: the chunk at `next` if it is there, released by this call; else
 * POOL_NONE. Call until it says so. Immediate windows release at once, by
 * window_release_now(). Both step over what is lost. */
uint32_t window_release(struct window *w);
/* What is held at *at or behind it, whatever it waits for; moves *at on. For a window
 * that was ordered and is no more. POOL_NONE: nothing. */
uint32_t window_release_held(struct window *w, seq_t *at);
/* Immediate: seq goes straight out; its slot remembers so. */
void window_release_now(struct window *w, seq_t seq);

/* Behind the newest that was released beyond a gap; next when none was. */
seq_t window_released_end(const struct window *w);

/* The newest that is held; SEQ_NONE when nothing is. */
seq_t window_newest_held(const struct window *w);
/* It is missing again: returns its chunk. */
uint32_t window_unhold(struct window *w, seq_t seq);

/* Marks what is still missing in [first, end) as lost; returns how many. */
uint64_t window_lose(struct window *w, seq_t first, seq_t end);

bool window_is_missing(const struct window *w, seq_t seq);
/* Missing in [first, end). */
uint64_t window_count_missing(const struct window *w, seq_t first, seq_t end);
/* The farthest number that fits, + 1. */
seq_t window_limit(const struct window *w);

#endif
