/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 7 of 10 (relay): a path's sending position is a cursor into the history.
 * Live data and catch-up after an outage are the same walk; what stands before
 * the cursor was sent on this path, shed by order, or has left the history.
 */
#include "path/relay_stream.h"

#include "path/relay_beat.h"
#include "path/relay_internal.h"
#include "path/relay_session.h"

#define AGED_BYTES (WIRE_HEADER_BYTES + 2 + 23)
#define PIECE_MIN  64 /* a shorter piece waits for the next datagram */

static void
count_frame(struct relay_path *p)
{
	p->frames++;
	counter_inc(&p->traffic.frames);
}

/* Puts the cursor on the first record that the peer still wants, after p->sent
 * was set from its WELCOME. */
void
relay_stream_resume(struct relay_session *s, struct relay_path *p)
{
	const struct history *h = s->relay->history;
	struct history_record rec;
	uint64_t pos;

	p->cursor = history_head(h);
	for (size_t i = 0; i < s->relay->channel_count; i++) {
		seq_t want = seq_max(p->sent[i], history_oldest(h, (uint16_t)i));

		if (history_find(h, (uint16_t)i, want, &rec, &pos) == HISTORY_HIT &&
		    pos < p->cursor)
			p->cursor = pos;
	}
}

/* Told to prefer the present, and this one is of the past? */
static bool
is_shed(struct relay_session *s, mono_t now, const struct relay_path *p,
	const struct history_record *rec, bool *by_age)
{
	const struct remote_settings *settings = s->settings;

	*by_age = false;
	if (rec->channel == 0)
		return false; /* what comes behind a change cannot be read without it */
	*by_age = settings->shed_age_ns > 0 &&
		  mono_sub(now, rec->arrived) > settings->shed_age_ns;
	return *by_age ||
	       (settings->shed_bytes > 0 &&
		history_backlog(s->relay->history, p->cursor) > settings->shed_bytes);
}

/* What left the history between the last one passed and this one was never sent:
 * counted once a session, and told, so that nobody asks for it. */
static void
pass_hole(struct outlet *o, seq_t upto)
{
	counter_add(&o->book.shed_aged, seq_span(o->high, upto));
	o->high = seq_max(o->high, upto);
}

static bool
put_hole(struct relay_path *p, struct batch *b, const struct history_record *rec)
{
	struct wire_answer a = {.channel = rec->channel,
				.verdict = WIRE_AGED,
				.first = p->sent[rec->channel],
				.count = seq_span(p->sent[rec->channel], rec->seq)};
	struct wire_draft d = wire_begin(&b->w, WIRE_VERDICT, 0);

	wire_entries(&b->w, &d);
	wire_put_answer(&b->w, &a);
	d.entries = 1;
	return wire_end(&b->w, &d);
}

static bool
put_mark(struct relay_path *p, struct batch *b, uint8_t flags,
	 const struct history_record *rec)
{
	struct wire_mark m;

	relay_read_mark(rec, &m);
	if (!batch_fits(b, WIRE_MARK_BYTES) || !wire_put_mark(&b->w, flags, &m))
		return false;
	count_frame(p);
	return true;
}

static bool
put_change(struct relay_path *p, struct batch *b, uint8_t flags,
	   const struct history_record *rec)
{
	struct wire_change c = {.seq = rec->seq,
				.at = rec->captured,
				.entry = rec->payload,
				.len = rec->len};

	if (!batch_fits(b, WIRE_CHANGE_MAX) || !wire_put_change(&b->w, flags, &c))
		return false;
	count_frame(p);
	return true;
}

/* As much of the record as the batch takes. */
static bool
put_piece(struct relay_path *p, struct batch *b, uint8_t flags,
	  const struct history_record *rec, size_t *at)
{
	size_t used = batch_used(b), left = rec->len - *at, room;
	struct wire_data d = {.channel = rec->channel,
			      .seq = rec->seq,
			      .captured = rec->captured,
			      .part = true,
			      .offset = (uint16_t)*at,
			      .total = (uint16_t)rec->len,
			      .payload = rec->payload + *at};

	if (b->limit < used + WIRE_PART_BYTES + PIECE_MIN)
		return false;
	room = b->limit - used - WIRE_PART_BYTES;
	d.len = left < room ? left : room;
	if (!wire_put_data(&b->w, flags, &d))
		return false;
	count_frame(p);
	*at += d.len;
	return true;
}

bool
relay_stream_put(struct relay_path *p, struct batch *b, uint8_t flags,
		 const struct history_record *rec, size_t *at)
{
	struct wire_data d = {.channel = rec->channel,
			      .seq = rec->seq,
			      .captured = rec->captured,
			      .payload = rec->payload,
			      .len = rec->len};

	if (rec->kind == HISTORY_MARK)
		return put_mark(p, b, flags, rec);
	if (rec->kind == HISTORY_CHANGE)
		return put_change(p, b, flags, rec);
	if (p->kind == PATH_DATAGRAM && WIRE_DATA_BYTES + rec->len > p->mtu) {
		while (*at < rec->len && put_piece(p, b, flags, rec, at))
			;
		return *at >= rec->len;
	}
	if (!batch_fits(b, WIRE_DATA_BYTES + rec->len) ||
	    !wire_put_data(&b->w, flags, &d))
		return false;
	count_frame(p);
	return true;
}

static void
count_sent(struct relay_session *s, struct outlet *o, const struct history_record *rec)
{
	if (seq_before(rec->seq, o->high)) {
		/* A second path's copy, or catch-up. */
		counter_inc(s->open_paths > 1 ? &o->book.copied : &o->book.resent);
		return;
	}
	pass_hole(o, rec->seq);
	counter_inc(&o->book.sent);
	o->high = o->fresh = seq_add(rec->seq, 1);
}

static void
count_shed(struct outlet *o, const struct history_record *rec, bool by_age)
{
	if (seq_before(rec->seq, o->high))
		return;
	pass_hole(o, rec->seq);
	counter_inc(by_age ? &o->book.shed_age : &o->book.shed_bytes);
	o->high = o->fresh = seq_add(rec->seq, 1);
}

/* One record. False: the batch is full. */
static bool
step(struct relay_session *s, mono_t now, struct relay_path *p, struct batch *b,
     const struct history_record *rec)
{
	struct outlet *o = &s->outlets[rec->channel];
	seq_t *sent = &p->sent[rec->channel];
	bool hole = seq_before(*sent, rec->seq), by_age;

	if (seq_before(rec->seq, *sent))
		return true; /* the peer had it before this connection */
	if (hole) {
		if (!batch_fits(b, AGED_BYTES) || !put_hole(p, b, rec))
			return false;
		*sent = rec->seq;
	}
	if (is_shed(s, now, p, rec, &by_age)) {
		count_shed(o, rec, by_age);
	} else {
		if (p->part_pos != p->cursor)
			p->part_at = 0;
		p->part_pos = p->cursor;
		if (!relay_stream_put(p, b, 0, rec, &p->part_at))
			return false;
		p->part_at = 0;
		count_sent(s, o, rec);
	}
	*sent = seq_add(rec->seq, 1);
	return true;
}

void
relay_stream_fill(struct relay_session *s, struct now now, struct relay_path *p,
		  struct batch *b)
{
	const struct history *h = s->relay->history;
	size_t used = batch_used(b);
	struct history_record rec;

	p->catchup.held = false;
	while (history_at(h, &p->cursor, &rec) &&
	       relay_catchup_may(s, p, now.mono, &rec) &&
	       step(s, now.mono, p, b, &rec)) {
		p->cursor = history_after(h, p->cursor);
		relay_catchup_sent(p, now.mono);
	}
	if (batch_used(b) > used)
		relay_beat_after_data(s, p, now.mono);
}
