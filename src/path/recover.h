/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_RECOVER_H
#define TOMBOLO_RECOVER_H
/*
 * Peer: which gaps there are, when to request them, when to request again, and
 * when to give up. One pool of gaps per session, bounded; when it is spent, gaps
 * of a channel grow together, and the window knows what in them is really
 * missing. Times come from the measured round trip, in nanoseconds. Pure but for
 * recover_new().
 *
 * A gap is in one of three states:
 *   waiting    its request is due later (hold-off, round trip, or THROTTLED)
 *   due        to be requested now
 *   suspended  the relay will send it by itself (catch-up), or no path is up:
 *              neither requests nor give_up run
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/seq.h"

struct recover;

struct gap {
	uint32_t channel;
	seq_t first;
	seq_t end;        /* behind the last */
	uint64_t missing; /* of [first, end), by the window */
	mono_t opened;
	mono_t since; /* give_up counts from here */
	mono_t due;   /* next request; MONO_NEVER when suspended */
	uint32_t attempts;
	uint32_t copies; /* of this attempt, still to be sent */
	/* Links, by index; the gaps of a channel stand in order of sequence. */
	uint32_t next, prev;
	uint32_t heap_at;
};

/* Room for one gap for each channel and `extra` shared ones. NULL: no memory. */
struct recover *recover_new(size_t channels, size_t extra, int64_t give_up_ns);
void recover_free(struct recover *r);
size_t recover_memory_bytes(const struct recover *r);

/* Gaps of this channel are never hopeless: one channel of all. */
void recover_set_lasting(struct recover *r, uint32_t channel);

/* From now on, for the gaps that there are as well. */
void recover_set_give_up(struct recover *r, int64_t give_up_ns);

/* Hold-off before a first request, and the round trip that repeats are timed by. */
void recover_set_times(struct recover *r, int64_t reorder_ns, int64_t srtt_ns,
		       int64_t rttvar_ns);

/* [first, end), all missing, and in no gap so far. */
void recover_open(struct recover *r, mono_t now, uint32_t channel, seq_t first,
		  seq_t end, bool suspended);

/* seq was here and is missing again: it joins a gap beside it, or is one. */
void recover_reopen(struct recover *r, mono_t now, uint32_t channel, seq_t seq);

struct recover_filled {
	bool known;        /* seq was in a gap */
	int64_t waited_ns; /* since the gap was opened */
	uint32_t attempts; /* requests made for it */
};

/* seq arrived, or is lost: the gap shrinks, or goes. answered: it is a repair, so what
 * is left of the gap may come too, and give_up counts anew. */
struct recover_filled recover_fill(struct recover *r, mono_t now, uint32_t channel,
				   seq_t seq, bool answered);
/* All gaps of the channel go. */
void recover_clear(struct recover *r, uint32_t channel);

/* No requests and no give_up for this channel until resumed. */
void recover_suspend(struct recover *r, uint32_t channel);
/* The relay passed everything before `sent`: what is missing there is due now. */
void recover_resume(struct recover *r, mono_t now, uint32_t channel, seq_t sent);
/* THROTTLED: what touches [first, end) is asked for again after retry_ns; the relay
 * has answered, so give_up counts anew. */
void recover_throttle(struct recover *r, mono_t now, uint32_t channel, seq_t first,
		      seq_t end, int64_t retry_ns);

/* The gap that is due first at now, or NULL. Either recover_requested() or, when
 * recover_is_hopeless(), recover_fill() of all that is missing in it, must follow. */
const struct gap *recover_due(const struct recover *r, mono_t now);
bool recover_is_hopeless(const struct recover *r, const struct gap *gap, mono_t now);
/* It was requested. On a bad line each request goes out `copies` times, shortly
 * after one another. */
void recover_requested(struct recover *r, const struct gap *gap, mono_t now,
		       uint32_t copies);

/* Not now: its request is due a round trip later, and give_up runs on. */
void recover_postpone(struct recover *r, const struct gap *gap, mono_t now);

mono_t recover_deadline(const struct recover *r);
/* First gap of a channel, or NULL; for the books and tests. */
const struct gap *recover_first(const struct recover *r, uint32_t channel);
size_t recover_count(const struct recover *r);
/* Gaps that had to grow together. */
uint64_t recover_merged(const struct recover *r);

#endif
