/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 8 of 10 (peer): one channel's way from what arrives to what is ready. Gets
 * datagrams from peer_session, keeps what is early in the window, and queues what is
 * released for emit. Runs on the lane's thread.
 */
#include "path/peer_arrival.h"

#include "path/peer_internal.h"
#include "path/peer_record.h"
#include "path/peer_report.h"
#include "path/peer_session.h"

/* ---- release ---- */

static void
queue(struct peer_channel *c, uint32_t chunk)
{
	struct held *h = pool_held(c->session->peer->pool, chunk);
	seq_t seq = h->seq;

	peer_report_progress(c->session, c);
	if (c->id == MARKS_ID) {
		peer_record_read(c, chunk);
		return;
	}
	if (c->ready++ == 0 || seq_before(seq, c->ready_low))
		c->ready_low = seq;
	ready_put(c->session->peer->ready, chunk);
}

void
peer_arrival_release(struct peer_channel *c)
{
	uint32_t chunk;

	while ((chunk = window_release(&c->window)) != POOL_NONE)
		queue(c, chunk);
}

void
peer_arrival_release_held(struct peer_channel *c)
{
	seq_t at = c->window.next;
	uint32_t chunk;

	while ((chunk = window_release_held(&c->window, &at)) != POOL_NONE)
		queue(c, chunk);
}

/* ---- arrival ---- */

static void
count_repair(struct peer_channel *c, mono_t now, seq_t seq, bool repair)
{
	struct peer_figures *f = &c->session->figures;
	struct recover_filled filled =
		recover_fill(c->session->recover, now, c->index, seq, repair);

	if (!filled.known)
		return;
	gap_log_came(c->session->gap_log, now, c->index, seq, repair);
	histogram_record(&f->time_to_repair, filled.waited_ns);
	if (repair)
		counter_inc(&f->repaired);
	else
		peer_request_reordered(c->session, filled.waited_ns);
}

static bool
store(struct peer_channel *c, struct now now, const struct wire_data *d, bool repair)
{
	struct peer *p = c->session->peer;
	struct held held = {.session = c->session->remote,
			    .channel = c->index,
			    .seq = d->seq,
			    .captured = d->captured,
			    .arrived = now.mono,
			    .len = (uint32_t)d->len,
			    .era = c->session->era,
			    .next = POOL_NONE,
			    .repaired = repair};
	uint32_t chunk = pool_put(p->pool, &held, d->payload);

	if (chunk == POOL_NONE)
		return false;
	if (!seq_before(d->seq, c->window.top)) {
		seq_t first;

		if (seq_before(c->window.top, d->seq))
			peer_gap_open(c, now.mono, d->seq);
		window_extend(&c->window, seq_add(d->seq, 1), &first);
	} else {
		count_repair(c, now.mono, d->seq, repair);
	}
	if (c->delivery == DELIVERY_ORDERED) {
		window_hold(&c->window, d->seq, chunk);
		peer_arrival_release(c);
	} else {
		window_release_now(&c->window, d->seq);
		queue(c, chunk);
	}
	return true;
}

/* Not stored; the sender need not know. */
static void
count_unwanted(struct peer_channel *c, enum window_verdict verdict, bool repair)
{
	if (repair && verdict != WINDOW_NEW)
		counter_inc(&c->session->figures.repairs_wasted);
	switch (verdict) {
	case WINDOW_DUPLICATE: counter_inc(&c->book.duplicate); break;
	case WINDOW_LATE: counter_inc(&c->book.late); break;
	case WINDOW_BEYOND: counter_inc(&c->book.refused_window); break;
	case WINDOW_NEW: break;
	}
}

/* The channel of the session that holds most. */
static struct peer_channel *
fattest(struct peer_session *s)
{
	struct peer_channel *most = &s->channels[0];

	for (uint32_t i = 1; i < s->channel_count; i++) {
		if (s->channels[i].window.held > most->window.held)
			most = &s->channels[i];
	}
	return most;
}

/* Memory is spent on what waits behind gaps. What is farthest from its turn goes,
 * to be asked for again, so that older datagrams, the gaps' own among them, find
 * room: without it a full window would never move. False: d itself is that. */
static bool
make_room(struct peer_channel *c, struct now now, const struct wire_data *d)
{
	struct peer_channel *victim = fattest(c->session);
	seq_t seq = window_newest_held(&victim->window);

	if (seq_cmp(seq, SEQ_NONE) == 0 || (victim == c && seq_before(seq, d->seq)))
		return false;
	pool_drop(c->session->peer->pool, window_unhold(&victim->window, seq));
	counter_inc(&victim->book.refused_memory);
	recover_reopen(c->session->recover, now.mono, victim->index, seq);
	gap_log_again(c->session->gap_log, now, victim->index, seq);
	return true;
}

static bool
store_or_make_room(struct peer_channel *c, struct now now, const struct wire_data *d,
		   bool repair)
{
	while (!store(c, now, d, repair)) {
		if (peer_waiting(c->session->peer) > 0 || !make_room(c, now, d))
			return false;
	}
	return true;
}

bool
peer_arrival_take(struct peer_channel *c, struct now now, const struct wire_data *d,
		  bool repair, bool stream)
{
	enum window_verdict verdict;

	peer_channel_know(c, seq_add(d->seq, 1));
	if (!seq_before(d->seq, window_limit(&c->window)) && c->id != MARKS_ID)
		peer_gap_advance(c, seq_add(d->seq, 1));
	verdict = window_check(&c->window, d->seq);
	if (verdict == WINDOW_NEW && !store_or_make_room(c, now, d, repair)) {
		/* A stream waits for the interface to take what is ready. */
		if (stream && peer_waiting(c->session->peer) > 0)
			return false;
		counter_inc(&c->book.refused_memory);
	}
	if (repair)
		counter_inc(&c->session->figures.repairs);
	counter_inc(&c->book.received);
	count_unwanted(c, verdict, repair);
	return true;
}
