/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 7 of 10 (relay): what the peer's books do not cover. Under load there is always
 * something on the way, which says nothing; it is a finding when it stays, although the
 * peer was asked for its books again and again. A peer that has answered a heartbeat
 * knows of everything that was numbered before it. Runs on the lane's thread.
 */
#include "path/relay_told.h"

#include "path/relay_beat.h"
#include "path/relay_internal.h"
#include "path/relay_session.h"

/* So many rounds of books in a row, question or answer, are lost by no line that still
 * carries: at 5 % loss each way, one series in a hundred million. */
#define ROUNDS_LOST 8

static int64_t
longest_rtt_ns(const struct relay_session *s)
{
	int64_t longest_ns = 0;

	for (size_t i = 0; i < PATHS_MAX; i++) {
		if (s->paths[i].timing.srtt_ns > longest_ns)
			longest_ns = s->paths[i].timing.srtt_ns;
	}
	return longest_ns;
}

/* What a round may take: it is due once in RELAY_BOOKS_NS, goes with the next
 * heartbeat, and is answered at once; where the line queues, its round trip has it. */
static int64_t
patience_ns(const struct relay_session *s)
{
	return ROUNDS_LOST *
	       (RELAY_BOOKS_NS + s->relay->settings->session.heartbeat_ns +
		longest_rtt_ns(s));
}

/* What is settled is in its books, whatever their copy here says. */
static seq_t
covered(const struct outlet *o)
{
	return seq_max(o->told, o->reported);
}

bool
relay_told_waits(const struct outlet *o)
{
	return seq_before(covered(o), o->marked);
}

static void
look_at(struct outlet *o, mono_t now, int64_t patience_ns)
{
	uint64_t overdue = 0;

	if (relay_told_waits(o)) {
		if (mono_sub(now, o->marked_at) >= patience_ns)
			overdue = seq_span(covered(o), o->high);
	} else if (seq_before(covered(o), o->high)) {
		o->marked = o->high;
		o->marked_at = now;
	}
	counter_set(&o->unreported, overdue);
}

void
relay_told_look(struct relay_session *s, mono_t now)
{
	int64_t patience = patience_ns(s);

	if (!mono_due(s->told_due, now))
		return;
	s->told_due = mono_add(now, RELAY_BOOKS_NS);
	for (size_t i = 0; i < s->relay->channel_count; i++)
		look_at(&s->outlets[i], now, patience);
}

void
relay_told_answer(struct outlet *o, const struct wire_timing *timing)
{
	if (relay_told_waits(o) && timing->echo_mono_ns >= o->marked_at.ns)
		o->told = o->marked;
}

void
relay_told_finish(struct relay_session *s)
{
	for (size_t i = 0; i < s->relay->channel_count; i++) {
		struct outlet *o = &s->outlets[i];

		counter_set(&o->unreported, seq_span(covered(o), o->high));
	}
}
