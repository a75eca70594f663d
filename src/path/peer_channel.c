/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 8 of 10 (peer): one channel's way from what arrives to what is ready.
 * Gets datagrams from peer_session, keeps its window and its gaps, queues what is
 * released for emit, and writes the books. Runs on the lane's thread.
 */
#include <assert.h>
#include <string.h>

#include "base/names.h"
#include "path/emitted.h"
#include "path/peer_internal.h"
#include "path/peer_session.h"

/* What comes later than this is rather a path that was dark. */
#define REORDER_MAX_NS (20 * NS_PER_MS)

bool
peer_channel_init(struct peer_channel *c, struct peer_session *s, uint32_t index)
{
	c->session = s;
	c->index = index;
	c->first = c->announced = SEQ_FIRST;
	c->flow = QUOTA_NONE;
	return window_init(&c->window, s->peer->settings->recovery.window_datagrams,
			   true);
}

/* The operator's wishes for a channel, by name. */
static const struct output_settings *
find_output(const struct peer_session *s, const char *name)
{
	const struct names *names = s->peer->outputs;
	const struct output_settings *any = NULL;

	for (uint32_t i = names_find(names, name); i != NAMES_NONE;
	     i = names_next(names, i)) {
		const struct output_settings *o = &s->peer->settings->outputs[i];

		if (strcmp(o->relay, s->settings->name) == 0)
			return o;
		if (o->relay[0] == '\0')
			any = o;
	}
	return any;
}

/* For readers on other threads. */
static void
publish(struct peer_channel *c)
{
	uint64_t words[sizeof c->name / sizeof(uint64_t)];

	memcpy(words, c->name, sizeof words);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		counter_set(&c->name_seen[i], words[i]);
	gauge_set(&c->is_marks, c->id == MARKS_ID);
	gauge_set(&c->is_immediate, c->delivery == DELIVERY_IMMEDIATE);
	gauge_set(&c->group_seen, c->out_group);
	gauge_set(&c->port_seen, c->out_port);
	gauge_set(&c->source_seen, c->source);
}

static void
take_place(struct peer_channel *c, const struct wire_channel *e)
{
	c->group = e->group;
	c->port = e->port;
	c->source = e->source;
	gauge_set(&c->is_withdrawn, (e->flags & WIRE_WITHDRAWN) != 0);
}

/* The flow of before is left first, so that there is always one for each channel. */
static void
change_flow(struct peer_channel *c)
{
	struct peer *p = c->session->peer;
	uint32_t before = c->flow;

	if (before != QUOTA_NONE)
		quota_leave(p->quota, before);
	c->flow = quota_flow(p->quota, c->out_group, c->out_port);
	if (c->flow != before && c->ready > 0)
		ready_redirect(p->ready, c->session->remote, c->index, before, c->flow);
}

/* As the settings have it now. */
static void
direct(struct peer_channel *c)
{
	const struct output_settings *o = find_output(c->session, c->name);

	c->out_group = o != NULL && o->group != 0 ? o->group : c->group;
	c->out_port = o != NULL && o->port != 0 ? o->port : c->port;
	if (c->id != MARKS_ID)
		change_flow(c);
	c->unordered |= c->delivery == DELIVERY_IMMEDIATE && c->ready > 0;
	c->delivery = o != NULL && c->id != MARKS_ID ? o->delivery : DELIVERY_ORDERED;
	c->max_age_ns = o != NULL ? o->max_age_ns : 0;
	c->window.ordered = c->delivery == DELIVERY_ORDERED;
	publish(c);
}

void
peer_channel_name(const struct peer_channel *c, char name[NAME_BYTES_MAX])
{
	uint64_t words[NAME_BYTES_MAX / sizeof(uint64_t)];

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		words[i] = counter_get(&c->name_seen[i]);
	memcpy(name, words, NAME_BYTES_MAX);
	name[NAME_BYTES_MAX - 1] = '\0';
}

void
peer_channel_announce(struct peer_channel *c, const struct wire_channel *e)
{
	c->id = e->id;
	memcpy(c->name, e->name.text, sizeof c->name);
	names_put(c->session->names, c->index, c->name);
	take_place(c, e);
	direct(c);
	/* A change of channels is asked for until the relay no longer has it: then it
	 * greets anew. */
	if (c->id == MARKS_ID)
		recover_set_lasting(c->session->recover, c->index);
	window_restart(&c->window, e->fresh);
	c->first = c->ready_low = e->fresh;
	c->shed = (struct gap_shed){.known = false};
	c->shed_next = SEQ_NONE;
	c->untold = false;
	c->greeting = 0; /* relays count theirs from 1 in every epoch */
	c->announced = e->next;
	atomic_store_explicit(&c->active, true, memory_order_relaxed);
}

void
peer_channel_forget(struct peer_channel *c)
{
#define ZERO(name, help) counter_set(&c->book.name, 0);
	PEER_BOOK(ZERO)
#undef ZERO
#define ZERO(name, help) counter_set(&c->relay.name, 0);
	SENT_BOOK(ZERO)
#undef ZERO
	c->expected_before = 0;
	gap_log_forget(c->session->gap_log, c->index);
	c->tenant++;
}

void
peer_channel_know(struct peer_channel *c, seq_t next)
{
	c->announced = seq_max(c->announced, next);
}

seq_t
peer_channel_resume(const struct peer_channel *c)
{
	return c->window.next;
}

seq_t
peer_channel_settled(const struct peer_channel *c)
{
	return c->ready > 0 ? seq_min(c->ready_low, c->window.next) : c->window.next;
}

/* ---- the log of gaps ---- */

static bool
has_one_path(const struct peer_session *s)
{
	unsigned int open = 0;

	for (size_t i = 0; i < PATHS_MAX; i++)
		open += s->paths[i].open;
	return open == 1;
}

static void
note_gap(struct peer_channel *c, seq_t first, seq_t end, enum gap_cause cause)
{
	struct gap_shed shed = c->shed;

	if (!seq_before(first, end))
		return;
	/* With several paths a book may count what was shed behind what it tells of. */
	shed.known = shed.known &&
		     (has_one_path(c->session) || !seq_before(first, c->shed_next));
	c->untold |= cause == GAP_UNTOLD;
	gap_log_open(c->session->gap_log, c->session->peer->now, c->index, first, end,
		     cause, &shed);
}

static void
note_lost(struct peer_channel *c, seq_t first, uint64_t n, enum lost_reason reason)
{
	gap_log_lost(c->session->gap_log, c->session->peer->now.mono, c->index, first,
		     n, reason);
}

/* Why the relay says AGED of what was never heard of here. */
static enum gap_cause
aged(const struct peer_channel *c)
{
	return seq_cmp(c->window.top, c->resumed) == 0 ? GAP_OUTAGE : GAP_AGED;
}

void
peer_channel_shed(struct peer_channel *c, const struct wire_books *e)
{
	if (seq_before(e->next, c->shed_next))
		return; /* overtaken on the line */
	c->shed = (struct gap_shed){.known = true,
				    .by_age = counter_get(&c->relay.shed_age),
				    .by_bytes = counter_get(&c->relay.shed_bytes)};
	c->shed_next = e->next;
	if (c->untold)
		c->untold =
			!gap_log_told(c->session->gap_log, c->index, e->sent, &c->shed);
}

/* ---- losses ---- */

static counter_t *
lost_counter(struct peer_book *b, enum lost_reason reason)
{
	counter_t *const counters[LOST_REASONS] = {
		[LOST_GIVE_UP] = &b->lost_give_up, [LOST_AGED] = &b->lost_aged,
		[LOST_NEVER] = &b->lost_never,     [LOST_WINDOW] = &b->lost_window,
		[LOST_RESTART] = &b->lost_restart, [LOST_DRAIN] = &b->lost_drain,
	};

	return counters[reason];
}

static void
count_lost(struct peer_channel *c, enum lost_reason reason, uint64_t n)
{
	const struct peer *p = c->session->peer;

	if (n == 0)
		return;
	counter_add(lost_counter(&c->book, reason), n);
	p->ops->lost(p->arg, c->session->remote, c, reason, n);
}

/* ---- release ---- */

static void
read_mark(struct peer_session *s, struct rd *r)
{
	const struct peer *p = s->peer;
	uint8_t cause = rd_u8(r);
	uint64_t count = rd_u64(r);

	if (cause >= DROP_POINT_COUNT)
		return;
	counter_add(&s->figures.dropped[cause], count);
	p->ops->mark(p->arg, s->remote, (enum drop_point)cause, count);
}

/* r: behind the byte that says that it is one. */
static void
keep_mark(struct peer_session *s, utc_t captured, const struct rd *r)
{
	struct peer *p = s->peer;
	struct iovec payload = {(void *)(uintptr_t)r->p, rd_left(r)};

	if (p->emitted != NULL)
		emitted_put_mark(p->emitted, p->now.mono, s->remote, captured,
				 &payload);
}

/* What channel 0 carries is not emitted: it is read. Either fits one chunk. */
static void
read_record(struct peer_channel *c, uint32_t chunk)
{
	struct peer_session *s = c->session;
	struct peer *p = s->peer;
	struct iovec iov[POOL_IOV_MAX];
	struct rd r;
	size_t left;

	pool_iov(p->pool, chunk, iov);
	r = rd_init(iov[0].iov_base, iov[0].iov_len);
	if (rd_u8(&r) == RECORD_MARK) {
		keep_mark(s, pool_held(p->pool, chunk)->captured, &r);
		read_mark(s, &r);
	} else {
		left = rd_left(&r);
		peer_session_change(s, pool_held(p->pool, chunk)->seq,
				    rd_bytes(&r, left), left);
	}
	pool_drop(p->pool, chunk);
	counter_inc(&c->book.emitted);
}

static void
queue(struct peer_channel *c, uint32_t chunk)
{
	struct held *h = pool_held(c->session->peer->pool, chunk);
	seq_t seq = h->seq;

	peer_report_progress(c->session, c);
	if (c->id == MARKS_ID) {
		read_record(c, chunk);
		return;
	}
	if (c->ready++ == 0 || seq_before(seq, c->ready_low))
		c->ready_low = seq;
	h->flow = c->flow; /* it may have moved while this was held */
	ready_put(c->session->peer->ready, chunk);
}

static void
release(struct peer_channel *c)
{
	uint32_t chunk;

	while ((chunk = window_release(&c->window)) != POOL_NONE)
		queue(c, chunk);
}

void
peer_channel_redirect(struct peer_channel *c)
{
	bool waits = c->delivery == DELIVERY_ORDERED;
	seq_t at = c->window.next;
	uint32_t chunk;

	direct(c);
	if (!waits || c->delivery == DELIVERY_ORDERED)
		return;
	/* What waited for its turn has waited long enough. */
	while ((chunk = window_release_held(&c->window, &at)) != POOL_NONE)
		queue(c, chunk);
}

void
peer_channel_update(struct peer_channel *c, const struct wire_channel *e)
{
	bool moved = c->group != e->group || c->port != e->port;

	take_place(c, e);
	if (moved)
		peer_channel_redirect(c);
}

void
peer_channel_lose(struct peer_channel *c, seq_t first, seq_t end,
		  enum lost_reason reason)
{
	struct window *w = &c->window;
	seq_t known = seq_min(end, w->top);

	for (seq_t s = seq_max(first, w->next); seq_before(s, known);
	     s = seq_add(s, 1)) {
		if (!window_is_missing(w, s))
			continue;
		recover_fill(c->session->recover, (mono_t){0}, c->index, s, false);
		note_lost(c, s, 1, reason);
	}
	count_lost(c, reason, window_lose(w, first, end));
	release(c);
	peer_report_progress(c->session, c);
}

/* Jumps over what nobody has seen; nothing may be in the window. */
static void
skip(struct peer_channel *c, seq_t to, enum lost_reason reason)
{
	note_gap(c, c->window.top, to, reason == LOST_AGED ? aged(c) : GAP_UNTOLD);
	note_lost(c, c->window.top, seq_span(c->window.top, to), reason);
	count_lost(c, reason, seq_span(c->window.top, to));
	window_skip(&c->window, to);
	peer_report_progress(c->session, c);
}

/* Makes room for `end` at the far side of the window, by giving up at the near
 * side what stands in the way. Not in channel 0: a change that is missed is never
 * told again while the relay has it. What is too far ahead there comes again. */
static void
advance(struct peer_channel *c, seq_t end)
{
	struct window *w = &c->window;
	seq_t near = seq_add(w->next, seq_span(window_limit(w), end));

	peer_channel_lose(c, w->next, near, LOST_WINDOW);
	if (seq_before(w->top, near))
		skip(c, near, LOST_WINDOW);
}

/* Opens a gap for all before `top` that was not seen yet. */
static void
extend(struct peer_channel *c, mono_t now, seq_t top, bool suspended)
{
	enum gap_cause cause;
	seq_t first;

	if (seq_before(window_limit(&c->window), top) && c->id != MARKS_ID)
		advance(c, top);
	cause = suspended ? aged(c) : GAP_UNTOLD;
	if (window_extend(&c->window, top, &first) == 0)
		return;
	counter_inc(&c->session->figures.gaps);
	recover_open(c->session->recover, now, c->index, first, c->window.top,
		     suspended);
	note_gap(c, first, c->window.top, cause);
}

void
peer_channel_passed(struct peer_channel *c, mono_t now, seq_t sent)
{
	peer_channel_know(c, sent);
	if (seq_before(c->window.top, sent))
		extend(c, now, sent, false);
	recover_resume(c->session->recover, now, c->index, sent);
}

void
peer_channel_gone(struct peer_channel *c, mono_t now, seq_t first, seq_t end,
		  enum lost_reason reason)
{
	struct window *w = &c->window;

	peer_channel_know(c, end);
	if (seq_before(w->top, first))
		extend(c, now, first, false);
	peer_channel_lose(c, first, end, reason);
	if (!seq_before(w->top, end))
		return;
	/* What is farther than the window reaches moves it on. */
	if (seq_before(window_limit(w), end))
		peer_channel_lose(c, w->next, w->top, LOST_WINDOW);
	if (seq_cmp(w->next, w->top) == 0) {
		skip(c, end, reason);
	} else {
		extend(c, now, end, true);
		peer_channel_lose(c, first, end, reason);
	}
}

/* ---- arrival ---- */

/* An original that came after its gap was found: the next gap waits so long, and a
 * quarter more, before it is asked for, so that few repairs are for nothing. */
static void
note_reordering(struct peer_session *s, int64_t late_ns)
{
	int64_t allow_ns = late_ns + late_ns / 4;

	if (allow_ns > REORDER_MAX_NS)
		allow_ns = REORDER_MAX_NS;
	if (allow_ns > s->reorder_ns)
		s->reorder_ns = allow_ns;
}

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
		note_reordering(c->session, filled.waited_ns);
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
			    .flow = c->flow,
			    .next = POOL_NONE,
			    .repaired = repair};
	uint32_t chunk = pool_put(p->pool, &held, d->payload);

	if (chunk == POOL_NONE)
		return false;
	if (!seq_before(d->seq, c->window.top)) {
		seq_t first;

		if (seq_before(c->window.top, d->seq))
			extend(c, now.mono, d->seq, false);
		window_extend(&c->window, seq_add(d->seq, 1), &first);
	} else {
		count_repair(c, now.mono, d->seq, repair);
	}
	if (c->delivery == DELIVERY_ORDERED) {
		window_hold(&c->window, d->seq, chunk);
		release(c);
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
peer_channel_take(struct peer_channel *c, struct now now, const struct wire_data *d,
		  bool repair, bool stream)
{
	enum window_verdict verdict;

	peer_channel_know(c, seq_add(d->seq, 1));
	if (!seq_before(d->seq, window_limit(&c->window)) && c->id != MARKS_ID)
		advance(c, seq_add(d->seq, 1));
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

/* ---- ends ---- */

void
peer_channel_end_epoch(struct peer_channel *c)
{
	struct window *w = &c->window;

	peer_channel_lose(c, w->next, w->top, LOST_RESTART);
	note_gap(c, w->top, c->announced, GAP_RESTART);
	note_lost(c, w->top, seq_span(w->top, c->announced), LOST_RESTART);
	count_lost(c, LOST_RESTART, seq_span(w->top, c->announced));
	c->expected_before += seq_span(c->first, seq_max(w->top, c->announced));
	c->first = c->announced = w->next;
	recover_clear(c->session->recover, c->index);
	atomic_store_explicit(&c->active, false, memory_order_relaxed);
}

/* What an immediate channel has emitted beyond a gap would be emitted again by
 * our successor, who resumes at the gap: so the gap is lost. An ordered channel
 * leaves gap and held datagrams to the successor, unless it was immediate before. */
void
peer_channel_drain(struct peer_channel *c)
{
	seq_t end = c->delivery == DELIVERY_IMMEDIATE ? c->window.top
						      : window_released_end(&c->window);

	peer_channel_lose(c, c->window.next, end, LOST_DRAIN);
}

void
peer_channel_balance(struct peer_channel *c)
{
	const struct window *w = &c->window;
	seq_t end = seq_max(w->top, c->announced);

	counter_set(&c->book.held, w->held + c->ready);
	counter_set(&c->book.missing, w->missing + seq_span(w->top, end));
	counter_set(&c->book.expected, c->expected_before + seq_span(c->first, end));
	gauge_set(&c->received_residual, received_residual(&c->book));
	gauge_set(&c->expected_residual, expected_residual(&c->book));
}
