/* SPDX-License-Identifier: Apache-2.0 */
/* What must be true in every world: DESIGN's invariants, the books, the bounds. */
#include <stdio.h>

#include "world.h"

/* As the core states it: datagrams requested a second, and at once. */
#define REQUEST_RATE  20000
#define REQUEST_BURST 2000

static uint64_t
captured_by(const struct relay *r)
{
	uint64_t n = 0;

	for (size_t i = 1; i < relay_channel_count(r); i++)
		n += counter_get(&relay_channel(r, i)->book.captured);
	return n;
}

void
audit_relay_gone(struct world *w)
{
	const struct relay_session *s = relay_session(w->relay, WORLD_REMOTE);

	w->totals.captured += captured_by(w->relay);
	for (size_t i = 0; i < relay_channel_count(w->relay); i++)
		w->totals.repairs_sent += counter_get(&s->outlets[i].book.repaired);
}

static uint64_t
emitted_by(const struct peer *p)
{
	uint64_t n = 0;

	for (size_t i = 0; i < peer_channel_count(p, WORLD_REMOTE); i++) {
		const struct peer_channel *c = peer_channel(p, WORLD_REMOTE, i);

		if (c->group != 0)
			n += counter_get(&c->book.emitted);
	}
	return n;
}

/* Of all gaps, those in the log and those that have left it. */
static struct gap_outcomes
sum_gaps(const struct gap_log *log, uint64_t *open, size_t *count)
{
	struct gap_outcomes sum = *gap_log_left(log);
	struct gap_entry e;

	*open = 0;
	for (*count = 0; gap_log_get(log, *count, &e); (*count)++) {
		*open += e.open;
		sum.repaired += e.outcomes.repaired;
		sum.late += e.outcomes.late;
		for (size_t i = 0; i < LOST_REASONS; i++)
			sum.lost[i] += e.outcomes.lost[i];
	}
	return sum;
}

/* The log of gaps and the figures are two records of the same. */
static void
check_gaps(struct world *w)
{
	const struct peer_session *s = peer_session(w->peer, WORLD_REMOTE);
	const struct histogram *came = &s->figures.time_to_repair;
	uint64_t lost[LOST_REASONS] = {0}, missing = 0, open;
	struct gap_outcomes sum;
	size_t count;

	for (uint32_t i = 0; i < s->channel_count; i++) {
		const struct peer_book *b = &s->channels[i].book;

		lost[LOST_GIVE_UP] += counter_get(&b->lost_give_up);
		lost[LOST_AGED] += counter_get(&b->lost_aged);
		lost[LOST_NEVER] += counter_get(&b->lost_never);
		lost[LOST_WINDOW] += counter_get(&b->lost_window);
		lost[LOST_RESTART] += counter_get(&b->lost_restart);
		lost[LOST_DRAIN] += counter_get(&b->lost_drain);
		missing += s->channels[i].window.missing;
	}
	sum = sum_gaps(s->gap_log, &open, &count);
	for (enum lost_reason i = 0; i < LOST_REASONS; i++) {
		if (sum.lost[i] != lost[i])
			FAIL(w, "the gaps lost %lu %s, the books %lu", sum.lost[i],
			     lost_reason_name(i), lost[i]);
	}
	if (sum.repaired != counter_get(&s->figures.repaired))
		FAIL(w, "the gaps had %lu repaired, the figures %lu", sum.repaired,
		     counter_get(&s->figures.repaired));
	if (sum.repaired + sum.late != counter_get(&came->count))
		FAIL(w, "the gaps had %lu that came, the figures %lu",
		     sum.repaired + sum.late, counter_get(&came->count));
	if (count < GAP_LOG_ENTRIES && open != missing)
		FAIL(w, "%lu are open in the log of gaps, %lu are missing", open,
		     missing);
}

void
audit_peer_gone(struct world *w)
{
	const struct peer_figures *f = peer_figures(w->peer, WORLD_REMOTE);
	struct totals *t = &w->totals;

	check_gaps(w);
	t->emitted += emitted_by(w->peer);
	t->requested += counter_get(&f->requested);
	t->repairs += counter_get(&f->repairs);
	t->wasted += counter_get(&f->repairs_wasted);
	t->repaired += counter_get(&f->repaired);
	t->breaker += counter_get(&f->breaker);
	for (size_t i = 0; i < peer_channel_count(w->peer, WORLD_REMOTE); i++) {
		const struct peer_channel *c = peer_channel(w->peer, WORLD_REMOTE, i);

		if (c->group == 0)
			continue;
		t->lost += peer_book_lost(&c->book);
		t->duplicates += counter_get(&c->book.duplicate);
	}
}

/* ---- at any time ---- */

void
audit_requests(struct world *w)
{
	double elapsed_s = (double)mono_sub(w->now.mono, w->request_at) / 1e9;
	uint64_t seen;

	if (!w->alive[PEER])
		return;
	seen = counter_get(&peer_figures(w->peer, WORLD_REMOTE)->requested);
	w->request_level -= elapsed_s * REQUEST_RATE;
	if (w->request_level < 0)
		w->request_level = 0;
	w->request_level += (double)(seen - w->requested_seen);
	if (w->request_level > w->request_peak)
		w->request_peak = w->request_level;
	w->requested_seen = seen;
	w->request_at = w->now.mono;
	/* One more, since a bucket holds whole datagrams. */
	if (w->request_level > REQUEST_BURST + 1)
		FAIL(w, "requests above their bound: %.0f at once", w->request_level);
}

void
audit_lost_packet(struct world *w, const uint8_t *bytes, size_t len)
{
	struct wire_frame f;
	struct wire_data d;
	size_t done = 0, size;

	while (wire_next(bytes + done, len - done, &f, &size) == WIRE_WHOLE) {
		if (f.type == WIRE_DATA && !(f.flags & WIRE_REPAIR) &&
		    wire_get_data(&f, &d) && d.offset == 0)
			w->totals.frames_lost++;
		done += size;
	}
}

/* ---- at rest ---- */

static void
check_relay_books(struct world *w)
{
	const struct relay_session *s = relay_session(w->relay, WORLD_REMOTE);

	relay_balance(w->relay);
	for (size_t i = 0; i < relay_channel_count(w->relay); i++) {
		const struct sent_book *b = &s->outlets[i].book;

		if (sent_residual(b) != 0 || counter_get(&b->unsent) != 0)
			FAIL(w, "relay channel %zu: residual %ld unsent %lu", i,
			     (long)sent_residual(b), counter_get(&b->unsent));
	}
}

static void
check_peer_books(struct world *w)
{
	peer_balance(w->peer);
	for (size_t i = 0; i < peer_channel_count(w->peer, WORLD_REMOTE); i++) {
		const struct peer_channel *c = peer_channel(w->peer, WORLD_REMOTE, i);
		const struct peer_book *b = &c->book;

		if (received_residual(b) != 0 || expected_residual(b) != 0)
			FAIL(w, "peer channel %s: residual received %ld expected %ld",
			     c->name, (long)received_residual(b),
			     (long)expected_residual(b));
		if (counter_get(&b->missing) != 0 || counter_get(&b->held) != 0)
			FAIL(w, "peer channel %s: missing %lu held %lu at rest",
			     c->name, counter_get(&b->missing), counter_get(&b->held));
	}
	if (peer_pool_free(w->peer) != peer_pool_chunks(w->peer))
		FAIL(w, "memory is held at rest: %zu of %zu chunks free",
		     peer_pool_free(w->peer), peer_pool_chunks(w->peer));
}

/* Nothing vanished between what was captured and what came out. */
static void
check_sums(struct world *w)
{
	uint64_t emitted = 0, refused = 0, stale = 0, before = 0;
	uint64_t marks = 0, marks_lost = 0, marks_before = 0;
	const struct relay_session *rs = relay_session(w->relay, WORLD_REMOTE);
	const struct totals *t = &w->totals;

	for (unsigned int i = 0; i < w->script.channels; i++) {
		emitted += w->fates[i].emitted;
		refused += w->fates[i].refused;
	}
	if (emitted != t->emitted)
		FAIL(w, "the peers count %lu emitted, the receiver %lu", t->emitted,
		     emitted);
	if (w->restarts > 0)
		return;
	for (size_t i = 0; i < peer_channel_count(w->peer, WORLD_REMOTE); i++) {
		const struct peer_channel *c = peer_channel(w->peer, WORLD_REMOTE, i);

		/* What aged away before the first greeting is the relay's loss alone. */
		if (seq_span(SEQ_FIRST, c->first) >
		    counter_get(&rs->outlets[c->id].book.shed_aged))
			FAIL(w, "the peer begins at %lu, the relay shed less",
			     c->first.n);
		if (c->group == 0) {
			marks_lost = peer_book_lost(&c->book);
			marks_before = seq_span(SEQ_FIRST, c->first);
			marks = counter_get(&c->book.emitted);
		} else {
			stale += counter_get(&c->book.stale);
			before += seq_span(SEQ_FIRST, c->first);
		}
	}
	if (t->captured != before + emitted + t->lost + refused + stale)
		FAIL(w,
		     "captured %lu, before the first greeting %lu, emitted %lu lost %lu "
		     "refused %lu stale %lu",
		     t->captured, before, emitted, t->lost, refused, stale);
	/* Changes are numbered among them. */
	if (marks + marks_lost + marks_before !=
	    counter_get(&relay_channel(w->relay, 0)->book.captured))
		FAIL(w, "%lu records of channel 0 arrived, of %lu", marks,
		     counter_get(&relay_channel(w->relay, 0)->book.captured));
	if (w->script.changes == 0 &&
	    w->marks_seen + marks_lost + marks_before != w->dropped)
		FAIL(w, "%lu drops were marked, %lu marks arrived", w->dropped,
		     w->marks_seen);
	/* The final books that the relay has are the peer's own. */
	if (counter_get(&rs->outlets[1].peer.emitted) !=
	    counter_get(&peer_channel(w->peer, WORLD_REMOTE, 1)->book.emitted))
		FAIL(w, "the relay's copy of the peer's books is not the last");
}

void
audit_rest(struct world *w)
{
	check_relay_books(w);
	check_peer_books(w);
	changes_audit(w);
	audit_relay_gone(w);
	audit_peer_gone(w);
	check_sums(w);
	if (script_is_lossless(&w->script) && w->totals.lost != 0)
		FAIL(w, "a lossless bridge lost %lu of %lu", w->totals.lost,
		     w->totals.captured);
}
