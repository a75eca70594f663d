/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session, the relay's end: paths come and go, a greeting binds them to the
 * epoch and finds out where the peer wants to resume, and the books are kept.
 * Gets frames from wire, tells tunnel what to send. Runs on the lane's thread.
 */
#include "path/relay_session.h"

#include <stdlib.h>
#include <string.h>

#include "path/relay_internal.h"

#define NO_GREETER     PATHS_MAX
#define CHANNEL_BYTES  WIRE_ENTRY_MAX
#define GREETING_BYTES (WIRE_HEADER_BYTES + 34 + 1 + WIRE_NAME_MAX + 2)
#define BYE_AGAIN_NS   (20 * NS_PER_MS) /* a datagram path may lose it */
#define HELLO_AGAIN_NS (20 * NS_PER_MS)

bool
relay_session_init(struct relay_session *s, struct relay *relay, unsigned int remote,
		   const struct remote_settings *settings, mono_t now)
{
	s->relay = relay;
	s->remote = remote;
	s->settings = settings;
	s->greeter = NO_GREETER;
	s->books_due = now;
	s->rate_measured = now;
	bucket_init(&s->repair_budget, now, 1000, 64);
	s->changes_told = SEQ_FIRST;
	s->outlets = calloc(relay->channel_capacity, sizeof *s->outlets);
	s->residuals = calloc(relay->channel_capacity, sizeof *s->residuals);
	if (s->outlets == NULL || s->residuals == NULL || !relay_demand_init(s))
		return false;
	for (size_t i = 0; i < relay->channel_capacity; i++) {
		s->outlets[i].high = SEQ_FIRST;
		s->outlets[i].reported = SEQ_FIRST;
		s->outlets[i].fresh = SEQ_FIRST;
	}
	for (size_t i = 0; i < PATHS_MAX; i++) {
		s->paths[i].sent = calloc(relay->channel_capacity, sizeof(seq_t));
		if (s->paths[i].sent == NULL)
			return false;
		for (size_t j = 0; j < relay->channel_capacity; j++)
			s->paths[i].sent[j] = SEQ_FIRST;
	}
	return true;
}

void
relay_session_fini(struct relay_session *s)
{
	for (size_t i = 0; i < PATHS_MAX; i++)
		free(s->paths[i].sent);
	free(s->outlets);
	free(s->residuals);
	free(s->unwanted);
}

enum session_state
relay_session_state(const struct relay_session *s)
{
	return (enum session_state)atomic_load_explicit(&s->state,
							memory_order_relaxed);
}

/* The one setter. */
static void
take_event(struct relay_session *s, enum session_event event, const char *why)
{
	enum session_state from = relay_session_state(s);
	enum session_state to = session_next(from, event);
	const struct relay *r = s->relay;

	if (from == to)
		return;
	atomic_store_explicit(&s->state, (int)to, memory_order_relaxed);
	if (to == SESSION_OPEN)
		counter_inc(&s->relay->figures.sessions_opened);
	r->ops->session(r->arg, s->remote, from, to, why);
}

/* The one setter of open. */
static void
set_open(struct relay_session *s, struct relay_path *p, bool open)
{
	if (p->open != open)
		s->open_paths += open ? 1u : -1u;
	p->open = open;
}

/* The path to greet on: one that carries or carried frames before one that only came
 * up, and no standby one if possible. PATHS_MAX: none is up. */
static unsigned int
best_up(const struct relay_session *s)
{
	unsigned int best = PATHS_MAX;
	int best_rank = -1;

	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		const struct relay_path *p = &s->paths[i];
		int rank = 2 * p->open + !p->standby;

		if (p->up && rank > best_rank) {
			best = i;
			best_rank = rank;
		}
	}
	return best;
}

static bool
any_better_open(const struct relay_session *s)
{
	for (size_t i = 0; i < PATHS_MAX; i++) {
		if (s->paths[i].open && !s->paths[i].standby)
			return true;
	}
	return false;
}

/* Does this open path carry data now? Of standby paths only the first does, and
 * only when nothing better is open. */
bool
relay_session_is_active(const struct relay_session *s, const struct relay_path *p)
{
	if (!p->standby)
		return true;
	if (any_better_open(s))
		return false;
	for (const struct relay_path *o = s->paths; o < p; o++) {
		if (o->open)
			return false;
	}
	return true;
}

static void
start_greeting(struct relay_session *s, unsigned int slot)
{
	s->greeter = slot;
	s->greeting++;
	s->welcomed = 0;
	s->abandoned = 0;
	s->changes_told = s->relay->changes_end;
	s->paths[slot].hello_at = 0;
	s->paths[slot].beating = false; /* or a BYE would wait for the round's end */
	set_open(s, &s->paths[slot], false);
}

static bool
is_carrying(enum session_state state)
{
	return state == SESSION_OPEN || state == SESSION_DRAINING;
}

void
relay_session_path_up(struct relay_session *s, struct now now, unsigned int slot,
		      enum path_kind kind, size_t mtu)
{
	struct relay_path *p = &s->paths[slot];

	p->up = true;
	p->kind = kind;
	gauge_set(&p->is_datagram, kind == PATH_DATAGRAM);
	gauge_set(&p->is_up, true);
	for (size_t i = 0; i < PATHS_MAX; i++)
		gauge_set(&s->paths[i].is_silent, false);
	relay_probe_start(p, mtu);
	set_open(s, p, false);
	p->hello_at = 0;
	p->hello_due = now.mono;
	p->heard = now.mono;
	p->bye_sent = p->bye_heard = p->beating = false;
	p->demand_heard = 0;
	p->standby = slot < s->settings->path_count &&
		     s->settings->paths[slot].use == PATH_STANDBY;
	p->frames = 0;
	p->part_at = 0;
	timing_reset(&p->timing);
	take_event(s, SESSION_PATH_UP, "a path is up");
	if (!is_carrying(relay_session_state(s)) && s->greeter == NO_GREETER)
		start_greeting(s, slot);
}

void
relay_session_path_down(struct relay_session *s, unsigned int slot)
{
	struct relay_path *p = &s->paths[slot];
	bool carried = p->open && relay_session_is_active(s, p);
	/* A peer that leaves says so on all its paths: it is greeted no more. */
	bool leaves = p->bye_heard && p->bye == WIRE_BYE_SHUTDOWN;
	unsigned int other;

	p->up = false;
	gauge_set(&p->is_up, false);
	set_open(s, p, false);
	if (s->greeter == slot)
		s->greeter = NO_GREETER;
	other = best_up(s);
	if (other == PATHS_MAX) {
		relay_repair_forget(s);
		take_event(s, SESSION_PATHS_GONE, "no path is left");
	} else if (s->greeter == NO_GREETER && !leaves &&
		   (s->open_paths == 0 || (carried && !any_better_open(s)))) {
		/* One that wanted to join, or a standby path, takes over. It begins
		 * where the peer says, since what was on the way may be lost. */
		take_event(s, SESSION_REGREETED, "the path that carried it is gone");
		start_greeting(s, other);
	}
}

/* ---- greeting ---- */

static struct wire_greeting
greeting(const struct relay_session *s, unsigned int slot, bool joins)
{
	const struct relay *r = s->relay;
	struct wire_greeting g = {.version = WIRE_VERSION,
				  .epoch = r->epoch,
				  .lane = r->lane,
				  .instance = s->instance,
				  .greeting = s->greeting,
				  .total = joins ? 0 : (uint16_t)r->channel_count,
				  .slot = (uint8_t)slot};

	wire_set_name(&g.node, r->settings->node);
	return g;
}

static struct wire_channel
announcement(const struct relay_session *s, uint16_t i)
{
	const struct relay *r = s->relay;
	const struct channel_settings *c = r->channels[i].settings;
	struct wire_channel e = {.id = i,
				 .next = history_next(r->history, i),
				 .oldest = history_oldest(r->history, i),
				 .fresh = s->peer_left ? s->outlets[i].reported
						       : s->outlets[i].fresh};

	wire_set_name(&e.name, c != NULL ? c->name : "marks");
	if (gauge_get(&r->channels[i].is_withdrawn))
		e.flags = WIRE_WITHDRAWN;
	if (c != NULL) {
		e.group = c->group;
		e.port = c->port;
		e.source = c->source;
	}
	return e;
}

/* HELLO frames until all channels are announced. */
static void
fill_hello(struct relay_session *s, struct now now, unsigned int slot, struct batch *b)
{
	struct relay_path *p = &s->paths[slot];
	bool joins = s->greeter != slot;
	uint16_t end = joins ? 0 : (uint16_t)s->relay->channel_count;
	struct wire_greeting g = greeting(s, slot, joins);
	struct wire_draft d;

	if (joins && !is_carrying(relay_session_state(s)))
		return; /* another path greets; this one joins when that is done */
	if (p->hello_at >= end && !mono_due(p->hello_due, now.mono))
		return;
	if (!batch_fits(b, GREETING_BYTES + CHANNEL_BYTES))
		return;
	if (p->hello_at >= end)
		p->hello_at = 0;
	d = wire_begin(&b->w, WIRE_HELLO, 0);
	wire_put_greeting(&b->w, &g);
	wire_entries(&b->w, &d);
	for (; p->hello_at < end && batch_used(b) + CHANNEL_BYTES <= b->limit;
	     p->hello_at++) {
		struct wire_channel e = announcement(s, p->hello_at);

		if (s->outlets[p->hello_at].welcomed == s->greeting)
			continue;
		wire_put_channel(&b->w, &e);
		d.entries++;
	}
	(void)wire_end(&b->w, &d); /* fits: every entry was checked */
	/* Over a stream nothing is lost, so nothing is said twice. */
	p->hello_due = p->kind == PATH_STREAM ? MONO_NEVER
					      : mono_add(now.mono, HELLO_AGAIN_NS);
}

/* A peer process that is not the one of before: what its predecessor had not
 * reported may or may not have been emitted. It is not sent again, since nothing
 * is emitted twice. */
static void
note_instance(struct relay_session *s, uint64_t instance, struct outlet *o, seq_t next)
{
	uint64_t abandoned;

	if (s->instance == 0 || s->instance == instance)
		return;
	abandoned = seq_span(o->reported, next);
	s->abandoned += abandoned;
	counter_add(&o->book.abandoned, abandoned);
}

static bool
take_resume(struct relay_session *s, struct relay_path *p,
	    const struct wire_greeting *g, const struct wire_resume *e)
{
	struct outlet *o;

	if (e->id >= s->relay->channel_count ||
	    seq_before(history_next(s->relay->history, e->id), e->next))
		return false;
	o = &s->outlets[e->id];
	p->sent[e->id] = e->next;
	if (o->welcomed != s->greeting) {
		o->welcomed = s->greeting;
		s->welcomed++;
		note_instance(s, g->instance, o, e->next);
	}
	o->reported = seq_max(o->reported, e->next);
	return true;
}

static void
open_path(struct relay_session *s, struct now now, struct relay_path *p)
{
	set_open(s, p, true);
	relay_beat_start(p, now);
}

/* A further path of an open session starts where the best one is. */
static void
join_path(struct relay_session *s, struct now now, struct relay_path *p)
{
	const struct relay_path *best = NULL;

	for (size_t i = 0; i < PATHS_MAX; i++) {
		const struct relay_path *o = &s->paths[i];

		if (o->open && (best == NULL || o->cursor > best->cursor))
			best = o;
	}
	if (best == NULL || p->open)
		return;
	p->cursor = best->cursor;
	memcpy(p->sent, best->sent, s->relay->channel_count * sizeof *p->sent);
	open_path(s, now, p);
}

/* The other paths lead to a peer process that is no more. */
static void
close_others(struct relay_session *s, const struct relay_path *p)
{
	const struct relay *r = s->relay;

	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		struct relay_path *o = &s->paths[i];

		if (o == p || !o->open)
			continue;
		set_open(s, o, false);
		r->ops->close(r->arg, s->remote, i, WIRE_BYE_REPLACED);
	}
}

static void
restart_final_books(struct relay_session *s)
{
	s->books_final = s->bye_due = s->bye_said = false;
	for (size_t i = 0; i < s->relay->channel_count; i++)
		s->outlets[i].books_answered = false;
}

static void
complete_greeting(struct relay_session *s, struct now now, struct relay_path *p,
		  uint64_t instance)
{
	const struct relay *r = s->relay;

	if (s->instance != 0 && s->instance != instance) {
		close_others(s, p);
		if (r->ops->restarted != NULL)
			r->ops->restarted(r->arg, s->remote, s->abandoned);
		relay_demand_succeed(s, now.mono);
	}
	s->instance = instance;
	gauge_set(&s->peer_capacity, s->capacity_said);
	counter_set(&s->instance_seen, instance);
	s->peer_left = false;
	s->greeter = NO_GREETER;
	relay_stream_resume(s, p);
	open_path(s, now, p);
	take_event(s, SESSION_GREETED, "the peer said where to resume");
	s->books_due = now.mono;
	if (!s->draining)
		return;
	/* The final books may have been under way when the last path died. */
	restart_final_books(s);
	take_event(s, SESSION_DRAIN, "draining");
}

static bool
take_welcome(struct relay_session *s, struct now now, unsigned int slot,
	     const struct wire_frame *f)
{
	struct relay_path *p = &s->paths[slot];
	struct wire_greeting g;
	struct wire_resume e;
	struct rd r;

	if (!wire_get_greeting(f, &g, &r) || g.version != WIRE_VERSION ||
	    g.epoch != s->relay->epoch || g.instance == 0)
		return false;
	if (!p->open && g.greeting == 0 && s->greeter == NO_GREETER) {
		/* It knows no session to join: the old path died unnoticed, or the
		 * peer is another process. */
		start_greeting(s, slot);
		take_event(s, SESSION_REGREETED, "the peer asks to be greeted");
		return true;
	}
	p->standby |= (f->flags & WIRE_STANDBY) != 0;
	if (p->open || g.greeting != s->greeting)
		return true; /* an echo of an earlier greeting */
	for (uint16_t i = 0; i < g.count; i++) {
		if (s->greeter != slot || !wire_get_resume(&r, &e) ||
		    !take_resume(s, p, &g, &e))
			return false;
	}
	if (s->greeter != slot && is_carrying(relay_session_state(s)))
		join_path(s, now, p);
	if (s->greeter != slot)
		return true;
	s->capacity_said = g.total;
	if (s->welcomed == s->relay->channel_count)
		complete_greeting(s, now, p, g.instance);
	return true;
}

static void
greet_again(struct relay_session *s, const char *why)
{
	unsigned int slot = best_up(s);

	if (!is_carrying(relay_session_state(s)) || slot == PATHS_MAX)
		return;
	take_event(s, SESSION_REGREETED, why);
	start_greeting(s, slot);
}

/* A change left the history before the peer had it: only a greeting can tell it now. */
static void
retell_changes(struct relay_session *s)
{
	const struct relay *r = s->relay;
	seq_t reported = s->outlets[0].reported;

	if (s->greeter == NO_GREETER && seq_before(s->changes_told, r->changes_end) &&
	    seq_before(reported, r->changes_end) &&
	    seq_before(reported, history_oldest(r->history, 0)))
		greet_again(s, "a change of channels left the history unheard");
}

/* ---- reports ---- */

static void
store_peer_book(struct peer_book *book, const struct wire_books *e)
{
	size_t i = 0;
#define STORE(name, help) \
	if (i < e->count) \
		counter_set(&book->name, e->figures[i++]);
	PEER_BOOK(STORE)
#undef STORE
}

static void
take_books(struct relay_session *s, const struct wire_timing *timing,
	   const struct wire_books *e)
{
	struct outlet *o = &s->outlets[e->channel];

	store_peer_book(&o->peer, e);
	if (s->books_final && !o->books_answered &&
	    timing->echo_mono_ns >= s->books_final_at.ns) {
		o->books_answered = true;
		s->books_wanted--;
	}
}

/* Moves the position before which the peer has settled everything. */
static void
advance_acked(struct relay_session *s)
{
	const struct history *h = s->relay->history;
	struct history_record rec;

	while (history_at(h, &s->acked, &rec) &&
	       seq_before(rec.seq, s->outlets[rec.channel].reported))
		s->acked = history_after(h, s->acked);
}

static void
note_clock(struct relay_session *s, unsigned int slot)
{
	const struct relay *r = s->relay;
	struct timing *t = &s->paths[slot].timing;

	if (timing_clock_changed(t) && r->ops->clock != NULL)
		r->ops->clock(r->arg, s->remote, slot, t->apart,
			      gauge_get(&t->offset_ns), gauge_get(&t->offset_error_ns));
}

static bool
take_report(struct relay_session *s, struct now now, unsigned int slot,
	    const struct wire_frame *f)
{
	struct wire_timing timing;
	struct wire_books e;
	uint16_t count;
	struct rd r;

	if (!wire_get_timing(f, &timing, &count, &r))
		return false;
	/* Before it settles what it was told has aged. */
	retell_changes(s);
	if (timing_take(&s->paths[slot].timing, now, &timing))
		note_clock(s, slot);
	relay_probe_heard(s, &s->paths[slot], &timing);
	/* What is on the way counts as lost for a moment; it evens out. A stream loses
	 * nothing. */
	if (s->paths[slot].kind == PATH_DATAGRAM)
		timing_frames(&s->paths[slot].timing, s->paths[slot].frames,
			      timing.frames);
	while (count-- > 0) {
		if (!wire_get_books(f, &r, &e) ||
		    e.channel >= s->relay->channel_count ||
		    seq_before(history_next(s->relay->history, e.channel), e.next))
			return false;
		s->outlets[e.channel].reported =
			seq_max(s->outlets[e.channel].reported, e.next);
		if (f->flags & WIRE_BOOKS)
			take_books(s, &timing, &e);
	}
	advance_acked(s);
	return true;
}

static bool
take_bye(struct relay_session *s, struct relay_path *p, const struct wire_frame *f)
{
	const struct relay *r = s->relay;
	struct wire_name text;
	uint8_t reason;

	if (!wire_get_bye(f, &reason, &text))
		return false;
	/* Only a stream is sure to have brought the final report before. */
	p->bye_heard = true;
	p->bye = (enum wire_bye)reason;
	s->peer_left |=
		reason == WIRE_BYE_SHUTDOWN && p->kind == PATH_STREAM && p->open;
	r->ops->bye(r->arg, s->remote, reason, text.text);
	return true;
}

bool
relay_session_frame(struct relay_session *s, struct now now, unsigned int slot,
		    const struct wire_frame *f)
{
	/* After our BYE only theirs means anything. */
	if (s->paths[slot].bye_sent && f->type != WIRE_BYE)
		return true;
	switch (f->type) {
	case WIRE_WELCOME: return take_welcome(s, now, slot, f);
	case WIRE_REPORT: return !s->paths[slot].open || take_report(s, now, slot, f);
	case WIRE_REQUEST:
		return !s->paths[slot].open || relay_repair_request(s, now, slot, f);
	case WIRE_DEMAND:
		return !s->paths[slot].open || relay_demand_take(s, &s->paths[slot], f);
	case WIRE_BYE: return take_bye(s, &s->paths[slot], f);
	case WIRE_HELLO:
	case WIRE_DATA:
	case WIRE_MARK:
	case WIRE_CHANGE:
	case WIRE_HEARTBEAT:
	case WIRE_VERDICT: return false; /* only a relay says these */
	default: return (f->flags & WIRE_OPTIONAL) != 0;
	}
}

/* ---- sending ---- */

static void
fill_bye(struct relay_session *s, mono_t now, struct relay_path *p, struct batch *b)
{
	enum wire_bye reason = s->books_final && s->books_wanted == 0
				       ? WIRE_BYE_DRAINED
				       : WIRE_BYE_SHUTDOWN;

	if (!s->bye_due || p->beating)
		return;
	if (!wire_put_bye(&b->w, reason, wire_bye_name(reason)))
		return;
	p->bye_sent = s->bye_said = true;
	p->bye_again =
		p->kind == PATH_STREAM ? MONO_NEVER : mono_add(now, BYE_AGAIN_NS);
	take_event(s, SESSION_BYE, "we said bye");
}

void
relay_session_fill(struct relay_session *s, struct now now, unsigned int slot,
		   struct batch *b)
{
	struct relay_path *p = &s->paths[slot];
	size_t used = batch_used(b);

	if (!p->up || p->bye_heard)
		return;
	if (p->bye_sent) {
		if (mono_due(p->bye_again, now.mono))
			fill_bye(s, now.mono, p, b);
		return;
	}
	if (!p->open) {
		fill_bye(s, now.mono, p, b);
		if (!p->bye_sent)
			fill_hello(s, now, slot, b);
	} else if (!relay_probe_fill(s, now, p, b)) {
		if (gauge_get(&p->narrow_bytes) != 0 && p->mtu < b->limit)
			b->limit = p->mtu;
		relay_repair_fill_answers(s, b);
		relay_demand_fill(p, b);
		relay_beat_fill(s, now, p, b);
		if (relay_session_is_active(s, p))
			relay_stream_fill(s, now, p, b);
		if (!relay_session_is_active(s, p) || p->catchup.held ||
		    p->cursor >= history_head(s->relay->history))
			relay_repair_fill(s, now, p, b);
		fill_bye(s, now.mono, p, b);
	}
	counter_add(&p->traffic.bytes, batch_used(b) - used);
}

/* ---- time ---- */

/* A path ends when the peer said BYE on it, or nothing at all for too long. */
static void
check_paths(struct relay_session *s, mono_t now)
{
	const struct relay *r = s->relay;
	int64_t timeout_ns = r->settings->session.path_timeout_ns;
	/* After a pause of our own, what was said meanwhile is still to be read. */
	bool paused = mono_sub(now, s->checked) > timeout_ns / 2;

	s->checked = now;

	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		struct relay_path *p = &s->paths[i];

		if (!p->up)
			continue;
		if (paused)
			p->heard = now;
		if (p->bye_heard) {
			r->ops->close(r->arg, s->remote, i, p->bye);
		} else if (mono_sub(now, p->heard) >= timeout_ns) {
			counter_inc(&s->relay->figures.path_timeouts);
			gauge_set(&p->is_silent, true);
			r->ops->close(r->arg, s->remote, i, WIRE_BYE_TIMEOUT);
		}
	}
}

static bool
is_settled(const struct relay_session *s)
{
	for (size_t i = 0; i < s->relay->channel_count; i++) {
		if (seq_before(s->outlets[i].reported,
			       history_next(s->relay->history, (uint16_t)i)))
			return false;
	}
	return true;
}

/* Draining: when all is settled the final books are exchanged, then BYE. */
static void
drain_step(struct relay_session *s, mono_t now)
{
	if (relay_session_state(s) != SESSION_DRAINING || s->bye_due || !is_settled(s))
		return;
	if (s->books_final) {
		s->bye_due = s->books_wanted == 0;
	} else {
		s->books_final = true;
		s->books_final_at = MONO_NEVER;
		s->books_wanted = (uint16_t)s->relay->channel_count;
		s->books_due = now;
		for (size_t i = 0; i < s->relay->channel_count; i++)
			s->outlets[i].books_sent = UINT64_MAX;
		for (size_t i = 0; i < PATHS_MAX; i++)
			s->paths[i].beat_due = now;
	}
}

void
relay_session_channels_changed(struct relay_session *s, bool told)
{
	if (s->books_final && !s->bye_due && !s->bye_said)
		restart_final_books(s); /* they are of more channels now */
	if (s->greeter != NO_GREETER)
		start_greeting(s, s->greeter); /* it announced too little */
	else if (!told)
		greet_again(s, "the history has no room for a change of channels");
}

void
relay_session_tick(struct relay_session *s, struct now now)
{
	relay_repair_rate(s, now.mono);
	check_paths(s, now.mono);
	relay_demand_tick(s, now.mono);
	retell_changes(s);
	drain_step(s, now.mono);
}

mono_t
relay_session_deadline(const struct relay_session *s)
{
	mono_t due = MONO_NEVER;

	for (size_t i = 0; i < PATHS_MAX; i++) {
		const struct relay_path *p = &s->paths[i];

		if (!p->up || p->bye_heard)
			continue;
		if (p->bye_sent) {
			due = mono_min(due, p->bye_again);
			continue;
		}
		if (p->open)
			due = mono_min(due, relay_beat_deadline(p));
		else if (s->greeter == i || is_carrying(relay_session_state(s)))
			due = mono_min(due, p->hello_due);
		if (p->open)
			due = mono_min(mono_min(due, relay_probe_deadline(p)),
				       mono_min(relay_repair_deadline(s),
						relay_catchup_deadline(p)));
	}
	return due;
}

void
relay_session_drain(struct relay_session *s)
{
	s->draining = true;
	take_event(s, SESSION_DRAIN, "draining");
}

bool
relay_session_has_left(const struct relay_session *s)
{
	bool any = false;

	for (size_t i = 0; i < PATHS_MAX; i++) {
		if (s->paths[i].up && !s->paths[i].bye_sent)
			return s->bye_said;
		any |= s->paths[i].up;
	}
	return any || s->bye_said;
}

void
relay_session_balance(struct relay_session *s)
{
	const struct relay *r = s->relay;

	for (size_t i = 0; i < r->channel_count; i++) {
		struct outlet *o = &s->outlets[i];
		seq_t oldest = history_oldest(r->history, (uint16_t)i);

		/* What left before it was passed was never sent. */
		counter_add(&o->book.shed_aged, seq_span(o->high, oldest));
		o->high = seq_max(o->high, oldest);
		counter_set(&o->book.unsent,
			    seq_span(o->high, history_next(r->history, (uint16_t)i)));
		counter_set(&o->book.owed, counter_get(&r->channels[i].book.captured));
		gauge_set(&s->residuals[i], sent_residual(&o->book));
	}
}
