/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session, the peer's end: paths come and go, HELLO announces epoch and channels,
 * and every frame finds its way to the channel that it is for. Gets frames from
 * wire, hands datagrams to peer_channel. Runs on the lane's thread.
 */
#include "path/peer_session.h"

#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "path/parts.h"
#include "path/peer_internal.h"

/* Datagrams requested, repeats and copies included: a bound for whatever the line
 * does. */
#define REQUEST_RATE    20000 /* a second */
#define REQUEST_BURST   2000
#define BUDGET_PAUSE_NS (5 * NS_PER_MS)
#define SILENCE_NS      (20 * NS_PER_MS)

#define REORDER_FADE_NS (16 * NS_PER_MS) /* 2^(-1/44): half in 0.7 s */
#define GAPS_EXTRA      8192             /* per session, beyond one for each channel */

/* The longest that THROTTLED may put off a request, whatever it says. */
#define THROTTLE_MAX_NS NS_PER_S

bool
peer_session_init(struct peer_session *s, struct peer *peer, unsigned int remote,
		  const struct remote_settings *settings, mono_t now)
{
	const struct recovery_settings *recovery = &peer->settings->recovery;

	s->peer = peer;
	s->remote = remote;
	s->settings = settings;
	s->capacity = recovery->channels + 1;
	s->channels = calloc(s->capacity, sizeof *s->channels);
	s->by_id = calloc(UINT16_MAX + 1, sizeof *s->by_id);
	s->names = names_new(s->capacity);
	s->parts = parts_new();
	s->recover = recover_new(s->capacity, GAPS_EXTRA, recovery->give_up_ns);
	s->gap_log = gap_log_new();
	if (s->channels == NULL || s->by_id == NULL || s->recover == NULL ||
	    s->gap_log == NULL || s->parts == NULL || s->names == NULL)
		return false;
	recover_set_times(s->recover, recovery->reorder_ns, 0, 0);
	bucket_init(&s->request_budget, now, REQUEST_RATE, REQUEST_BURST);
	s->fade_due = now;
	for (uint32_t i = 0; i < s->capacity; i++) {
		if (!peer_channel_init(&s->channels[i], s, i))
			return false;
	}
	return true;
}

void
peer_session_fini(struct peer_session *s)
{
	for (uint32_t i = 0; s->channels != NULL && i < s->capacity; i++)
		window_fini(&s->channels[i].window);
	free(s->channels);
	free(s->by_id);
	names_free(s->names);
	recover_free(s->recover);
	gap_log_free(s->gap_log);
	parts_free(s->parts);
}

size_t
peer_session_memory_bytes(const struct peer_session *s)
{
	const struct recovery_settings *r = &s->peer->settings->recovery;

	return s->capacity * (sizeof *s->channels +
			      2 * (size_t)r->window_datagrams * sizeof(uint32_t)) +
	       (UINT16_MAX + 1) * sizeof *s->by_id + recover_memory_bytes(s->recover) +
	       gap_log_memory_bytes() + parts_memory_bytes() +
	       names_memory_bytes(s->capacity);
}

const struct peer_session *
peer_session(const struct peer *p, unsigned int remote)
{
	return &p->sessions[remote];
}

uint64_t
peer_session_instance(const struct peer_session *s)
{
	return s->peer->instance;
}

/* The one setter. */
void
peer_session_event(struct peer_session *s, enum session_event event, const char *why)
{
	enum session_state from = (enum session_state)atomic_load_explicit(
		&s->state, memory_order_relaxed);
	enum session_state to = session_next(from, event);

	if (from == to)
		return;
	atomic_store_explicit(&s->state, (int)to, memory_order_relaxed);
	if (to == SESSION_OPEN)
		counter_inc(&s->figures.sessions_opened);
	s->peer->ops->session(s->peer->arg, s->remote, from, to, why);
}

/* ---- paths ---- */

void
peer_session_path_up(struct peer_session *s, struct now now, unsigned int slot,
		     enum path_kind kind, size_t mtu)
{
	struct peer_path *p = &s->paths[slot];

	p->up = true;
	p->kind = kind;
	gauge_set(&p->is_datagram, kind == PATH_DATAGRAM);
	gauge_set(&p->is_up, true);
	for (size_t i = 0; i < PATHS_MAX; i++)
		gauge_set(&s->paths[i].is_silent, false);
	p->mtu = mtu;
	p->open = p->welcoming = p->join_due = p->greet_due = p->blocked = false;
	p->bye_due = p->bye_sent = p->bye_heard = false;
	p->report_now = p->report_books = false;
	p->report_due = MONO_NEVER;
	p->heard = now.mono;
	p->frames = 0;
	p->unheard = 0;
	timing_reset(&p->timing);
	peer_session_event(s, SESSION_PATH_UP, "a path is up");
}

static void
suspend_all(struct peer_session *s)
{
	for (uint32_t i = 0; i < s->channel_count; i++)
		recover_suspend(s->recover, i);
}

void
peer_session_path_down(struct peer_session *s, unsigned int slot)
{
	bool any_up = false, any_open = false;

	s->paths[slot].up = s->paths[slot].open = s->paths[slot].welcoming = false;
	gauge_set(&s->paths[slot].is_up, false);
	for (size_t i = 0; i < PATHS_MAX; i++) {
		any_up |= s->paths[i].up;
		any_open |= s->paths[i].open;
	}
	if (!any_open)
		suspend_all(s);
	if (!any_up)
		peer_session_event(s, SESSION_PATHS_GONE, "no path is left");
}

static void
say_bye(struct peer_path *p, enum wire_bye reason)
{
	p->bye = reason;
	p->bye_due = true;
}

/* ---- greeting ---- */

static bool
any_open(const struct peer_session *s)
{
	for (size_t i = 0; i < PATHS_MAX; i++) {
		if (s->paths[i].open)
			return true;
	}
	return false;
}

static struct peer_channel *
find_by_id(struct peer_session *s, uint16_t id)
{
	return s->by_id[id] == 0 ? NULL : &s->channels[s->by_id[id] - 1];
}

/* One that is announced no more. The search goes on where the last one ended, or a
 * greeting of nothing but new names would walk over all that it has placed already. */
static struct peer_channel *
find_idle(struct peer_session *s)
{
	for (uint32_t i = 0; i < s->channel_count; i++) {
		struct peer_channel *c;

		s->idle_at = (s->idle_at + 1) % s->channel_count;
		c = &s->channels[s->idle_at];
		if (!c->active && c->ready == 0)
			return c;
	}
	return NULL;
}

/* The channel of that name of an earlier epoch, whose books go on; else a new
 * one; else, when all are taken, one that is announced no more. NULL: full. */
static struct peer_channel *
find_place(struct peer_session *s, const struct wire_channel *e)
{
	struct peer_channel *idle;

	for (uint32_t i = names_find(s->names, e->name.text); i != NAMES_NONE;
	     i = names_next(s->names, i)) {
		struct peer_channel *c = &s->channels[i];

		if (!c->active && (e->id == MARKS_ID) == (c->group == 0))
			return c;
	}
	if (s->channel_count < s->capacity)
		return &s->channels[s->channel_count];
	idle = find_idle(s);
	if (idle != NULL)
		peer_channel_forget(idle); /* the books are another's */
	return idle;
}

/* Two channels of one name would be one to whoever reads the figures. */
static bool
is_announced(const struct peer_session *s, const struct wire_channel *e)
{
	for (uint32_t i = names_find(s->names, e->name.text); i != NAMES_NONE;
	     i = names_next(s->names, i)) {
		const struct peer_channel *c = &s->channels[i];

		if (c->active && (e->id == MARKS_ID) == (c->id == MARKS_ID))
			return true;
	}
	return false;
}

static bool
add_channel(struct peer_session *s, const struct wire_channel *e)
{
	struct peer_channel *c = find_place(s, e);

	if (c == NULL)
		return false;
	peer_channel_announce(c, e);
	s->by_id[e->id] = (uint16_t)(c->index + 1);
	if (c->index == s->channel_count)
		atomic_store_explicit(&s->channel_count, c->index + 1,
				      memory_order_release);
	return true;
}

/* What still comes on the other paths is of the former process, and says nothing of
 * its epoch. */
static void
close_others(struct peer_session *s, const struct peer_path *p)
{
	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		struct peer_path *o = &s->paths[i];

		if (o == p || !o->up || (!o->open && !o->welcoming))
			continue;
		o->open = o->welcoming = false;
		s->peer->ops->close(s->peer->arg, s->remote, i, WIRE_BYE_REPLACED);
	}
}

static void
begin_epoch(struct peer_session *s, const struct peer_path *path, uint64_t epoch)
{
	const struct peer *p = s->peer;

	close_others(s, path);
	p->ops->epoch(p->arg, s->remote, s->epoch, epoch, s->last_captured);
	for (uint32_t i = 0; i < s->channel_count; i++) {
		if (s->channels[i].active)
			peer_channel_end_epoch(&s->channels[i]);
	}
	gap_log_new_epoch(s->gap_log);
	memset(s->by_id, 0, (UINT16_MAX + 1) * sizeof *s->by_id);
	atomic_store_explicit(&s->epoch, epoch, memory_order_relaxed);
	s->era++;
	s->greeting = 0;
	s->changes_known = SEQ_FIRST;
	counter_inc(&s->figures.epochs);
}

static void
begin_greeting(struct peer_session *s, const struct wire_greeting *g)
{
	s->greeting = g->greeting;
	s->greeting_total = g->total;
	s->greeting_seen = 0;
	suspend_all(s);
	counter_inc(&s->figures.greetings);
	peer_session_event(s, SESSION_REGREETED, "the relay greets anew");
}

/* As on the wire: nothing may make us emit to a host, or to 224.0.0.0/24. */
static bool
is_emittable(const struct wire_channel *e)
{
	return e->id == MARKS_ID ||
	       (e->group >> 28 == 0xe && e->group >> 8 != 0xe00000 && e->port != 0);
}

/* The place of a channel that the relay tells of, a new one if need be. 0, or why the
 * relay is to be sent away. */
static enum wire_bye
find_or_add(struct peer_session *s, const struct wire_channel *e,
	    struct peer_channel **found)
{
	const struct peer_channel *c = find_by_id(s, e->id);

	if (!is_emittable(e))
		return WIRE_BYE_PROTOCOL;
	if (c == NULL) {
		if (is_announced(s, e))
			return WIRE_BYE_PROTOCOL;
		if (!add_channel(s, e))
			return WIRE_BYE_CHANNELS;
	} else if (strcmp(c->name, e->name.text) != 0) {
		return WIRE_BYE_PROTOCOL;
	}
	*found = find_by_id(s, e->id);
	return 0;
}

static enum wire_bye
take_announcement(struct peer_session *s, const struct wire_channel *e)
{
	struct peer_channel *c;
	enum wire_bye bye = find_or_add(s, e, &c);

	if (bye != 0)
		return bye;
	/* Said again, it may be older than a change that came meanwhile. */
	if (c->greeting != s->greeting)
		peer_channel_update(c, e);
	if (c->greeting != s->greeting && e->id == MARKS_ID)
		s->changes_known = e->next;
	/* A relay that numbers less than it did has forgotten its epoch; but newer
	 * datagrams may have come by another path, or before a HELLO said again. */
	if (c->greeting != s->greeting && !any_open(s) &&
	    seq_before(e->next, peer_channel_resume(c)))
		return WIRE_BYE_PROTOCOL;
	peer_channel_know(c, e->next);
	if (c->greeting != s->greeting) {
		c->greeting = s->greeting;
		s->greeting_seen++;
	}
	c->welcome_due = true;
	if (c->index < s->welcome_at)
		s->welcome_at = c->index;
	return 0;
}

/* 0, or why the relay is sent away. */
static enum wire_bye
take_greeting(struct peer_session *s, struct peer_path *p,
	      const struct wire_greeting *g, struct rd *r)
{
	struct wire_channel e;
	enum wire_bye bye = 0;
	bool anew = g->epoch != s->epoch;
	bool knows_us = !anew && g->instance == s->peer->instance;

	if (anew)
		begin_epoch(s, p, g->epoch);
	if (anew || g->greeting != s->greeting)
		begin_greeting(s, g);
	p->welcoming = true;
	for (uint16_t i = 0; i < g->count && bye == 0; i++) {
		if (!wire_get_channel(r, &e))
			return WIRE_BYE_PROTOCOL;
		/* It came after we were greeted, so nobody emitted anything of it: what
		 * was sent came here, where it was unknown. */
		if (knows_us && find_by_id(s, e.id) == NULL)
			e.fresh = SEQ_FIRST;
		bye = take_announcement(s, &e);
	}
	return bye;
}

static enum wire_bye
check_greeting(const struct peer_session *s, const struct wire_greeting *g)
{
	if (g->version != WIRE_VERSION)
		return WIRE_BYE_VERSION;
	if (strcmp(g->node.text, s->settings->name) != 0)
		return WIRE_BYE_NODE;
	return 0;
}

/* The relay dialled anew while we still took the old connection for alive. */
static void
close_replaced(struct peer_session *s, const struct peer_path *p)
{
	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		const struct peer_path *o = &s->paths[i];

		if (o != p && o->up && (o->open || o->welcoming) &&
		    o->relay_slot == p->relay_slot)
			s->peer->ops->close(s->peer->arg, s->remote, i,
					    WIRE_BYE_REPLACED);
	}
}

static bool
take_hello(struct peer_session *s, struct peer_path *p, const struct wire_frame *f)
{
	struct wire_greeting g;
	enum wire_bye bye;
	struct rd r;

	if (!wire_get_greeting(f, &g, &r))
		return false;
	bye = check_greeting(s, &g);
	p->relay_slot = g.slot;
	if (bye == 0)
		close_replaced(s, p);
	if (bye == 0 && g.epoch == s->epoch && g.greeting < s->greeting)
		return true; /* the line held it back */
	if (bye == 0 && g.total == 0) {
		p->greet_epoch = g.epoch;
		p->greet_due = g.epoch != s->epoch || !any_open(s);
		p->join_due = !p->greet_due;
	} else if (bye == 0) {
		bye = take_greeting(s, p, &g, &r);
	}
	if (bye != 0)
		say_bye(p, bye);
	return true;
}

/* ---- data ---- */

/* A stream's frame that finds no room is left unread. */
static enum peer_frame
take_datagram(struct peer_session *s, struct now now, struct peer_path *p,
	      const struct wire_data *d, bool repair)
{
	struct peer_channel *c = find_by_id(s, d->channel);
	bool first;

	if (c == NULL) {
		counter_inc(&s->figures.unknown_channel);
		return PEER_TAKEN;
	}
	first = window_check(&c->window, d->seq) == WINDOW_NEW;
	if (!peer_channel_take(c, now, d, repair, p->kind == PATH_STREAM)) {
		p->blocked = true;
		counter_inc(&s->figures.blocked);
		return PEER_NO_ROOM;
	}
	if (first)
		counter_inc(&p->firsts);
	if (s->last_captured.ns < d->captured.ns)
		s->last_captured = d->captured;
	return PEER_TAKEN;
}

/* A piece of a datagram: what comes before it is a gap already. */
static enum peer_frame
take_part(struct peer_session *s, struct now now, struct peer_path *p,
	  const struct wire_data *d, bool repair)
{
	struct peer_channel *c = find_by_id(s, d->channel);
	struct wire_data whole;

	if (c == NULL || window_check(&c->window, d->seq) != WINDOW_NEW)
		return PEER_TAKEN; /* a further piece of what is complete */
	switch (parts_put(s->parts, s->era, d, &whole)) {
	case PARTS_WHOLE: return take_datagram(s, now, p, &whole, repair);
	case PARTS_HELD: break;
	case PARTS_MALFORMED: return PEER_BROKEN;
	}
	peer_channel_passed(c, now.mono, d->seq);
	return PEER_TAKEN;
}

static void
count_frame(struct peer_path *p)
{
	p->frames++;
	counter_inc(&p->traffic.frames);
}

static enum peer_frame
take_data(struct peer_session *s, struct now now, struct peer_path *p,
	  const struct wire_frame *f)
{
	struct wire_data d;

	if (!wire_get_data(f, &d) || d.channel == MARKS_ID)
		return PEER_BROKEN;
	count_frame(p);
	if (d.part)
		return take_part(s, now, p, &d, f->flags & WIRE_REPAIR);
	return take_datagram(s, now, p, &d, f->flags & WIRE_REPAIR);
}

/* Marks and changes are datagrams of channel 0, up to where they are released. */
static enum peer_frame
take_record(struct peer_session *s, struct now now, struct peer_path *p,
	    const struct wire_frame *f)
{
	uint8_t bytes[1 + WIRE_ENTRY_MAX];
	struct wr w = wr_init(bytes, sizeof bytes);
	struct wire_data d = {.channel = MARKS_ID, .payload = bytes};
	struct wire_change c;
	struct wire_mark m;

	if (f->type == WIRE_MARK) {
		if (!wire_get_mark(f, &m))
			return PEER_BROKEN;
		d.seq = m.seq;
		d.captured = m.at;
		wr_u8(&w, RECORD_MARK);
		wr_u8(&w, m.cause);
		wr_u64(&w, m.count);
	} else {
		if (!wire_get_change(f, &c))
			return PEER_BROKEN;
		d.seq = c.seq;
		d.captured = c.at;
		wr_u8(&w, RECORD_CHANGE);
		wr_bytes(&w, c.entry, c.len);
	}
	count_frame(p);
	d.len = sizeof bytes - wr_left(&w);
	return take_datagram(s, now, p, &d, f->flags & WIRE_REPAIR);
}

void
peer_session_change(struct peer_session *s, seq_t seq, const uint8_t *entry, size_t len)
{
	struct peer_channel *c;
	struct wire_channel e;
	enum wire_bye bye = WIRE_BYE_PROTOCOL;

	/* Sent again after a greeting that said what came of it. */
	if (seq_before(seq, s->changes_known))
		return;
	if (wire_get_entry(entry, len, &e))
		bye = find_or_add(s, &e, &c);
	if (bye == 0) {
		peer_channel_update(c, &e);
		peer_channel_know(c, e.next);
		peer_demand_changed(s);
	}
	for (size_t i = 0; bye != 0 && i < PATHS_MAX; i++) {
		if (s->paths[i].open)
			say_bye(&s->paths[i], bye);
	}
}

void
peer_session_settings_changed(struct peer_session *s)
{
	recover_set_give_up(s->recover, s->peer->settings->recovery.give_up_ns);
	peer_demand_changed(s);
	for (uint32_t i = 0; i < s->channel_count; i++) {
		if (s->channels[i].active)
			peer_channel_redirect(&s->channels[i]);
	}
}

static void
store_relay_book(struct sent_book *book, const struct wire_books *e)
{
	size_t i = 0;
#define STORE(name, help) \
	if (i < e->count) \
		counter_set(&book->name, e->figures[i++]);
	SENT_BOOK(STORE)
#undef STORE
}

/* Requests are timed by the path that they go out on. */
static void
update_times(struct peer_session *s)
{
	int64_t reorder_ns = s->peer->settings->recovery.reorder_ns;
	unsigned int best = peer_report_path(s);

	if (reorder_ns == 0)
		reorder_ns = s->reorder_ns;
	if (best < PATHS_MAX)
		recover_set_times(s->recover, reorder_ns, s->paths[best].timing.srtt_ns,
				  s->paths[best].timing.rttvar_ns);
}

static void
note_clock(struct peer_session *s, struct peer_path *p)
{
	const struct peer *r = s->peer;
	struct timing *t = &p->timing;

	if (timing_clock_changed(t) && r->ops->clock != NULL)
		r->ops->clock(r->arg, s->remote, (unsigned int)(p - s->paths), t->apart,
			      gauge_get(&t->offset_ns), gauge_get(&t->offset_error_ns));
}

static bool
take_heartbeat(struct peer_session *s, struct now now, struct peer_path *p,
	       const struct wire_frame *f)
{
	struct wire_timing timing;
	struct wire_books e;
	uint16_t count;
	struct rd r;

	if (!wire_get_timing(f, &timing, &count, &r))
		return false;
	timing_frames(&p->timing, timing.frames, p->frames);
	if (timing_take(&p->timing, now, &timing)) {
		update_times(s);
		note_clock(s, p);
	}
	p->report_now = true;
	p->report_books |= (f->flags & WIRE_BOOKS) != 0;
	while (count-- > 0) {
		struct peer_channel *c;

		if (!wire_get_books(f, &r, &e) || seq_before(e.next, e.sent))
			return false;
		c = find_by_id(s, e.channel);
		if (c == NULL)
			continue;
		peer_channel_know(c, e.next);
		peer_channel_passed(c, now.mono, e.sent);
		c->report_due = true;
		if (f->flags & WIRE_BOOKS) {
			store_relay_book(&c->relay, &e);
			peer_channel_shed(c, &e);
			c->books_due = true;
		}
	}
	return true;
}

static void
take_answer(struct peer_session *s, struct now now, struct peer_channel *c,
	    const struct wire_answer *a)
{
	seq_t end = seq_add(a->first, a->count);
	int64_t retry_ns;

	switch (a->verdict) {
	case WIRE_AGED:
		counter_inc(&s->figures.verdicts_aged);
		peer_channel_gone(c, now.mono, a->first, end, LOST_AGED);
		break;
	case WIRE_NEVER:
		/* Never numbered: there is nothing to lose beyond what we know. */
		counter_inc(&s->figures.verdicts_never);
		peer_channel_lose(c, a->first, end, LOST_NEVER);
		break;
	case WIRE_THROTTLED:
		counter_inc(&s->figures.verdicts_throttled);
		retry_ns = (int64_t)a->retry_us * NS_PER_US;
		recover_throttle(s->recover, now.mono, c->index, a->first, end,
				 retry_ns < THROTTLE_MAX_NS ? retry_ns
							    : THROTTLE_MAX_NS);
		break;
	}
}

static bool
take_verdict(struct peer_session *s, struct now now, const struct wire_frame *f)
{
	struct wire_answer a;
	uint16_t count;
	struct rd r;

	if (!wire_get_count(f, &count, &r))
		return false;
	while (count-- > 0) {
		struct peer_channel *c;

		if (!wire_get_answer(&r, &a))
			return false;
		c = find_by_id(s, a.channel);
		if (c != NULL)
			take_answer(s, now, c, &a);
	}
	return true;
}

static bool
take_bye(struct peer_session *s, struct peer_path *path, const struct wire_frame *f)
{
	const struct peer *p = s->peer;
	struct wire_name text;
	uint8_t reason;

	if (!wire_get_bye(f, &reason, &text))
		return false;
	path->bye_heard = true;
	path->bye = (enum wire_bye)reason;
	p->ops->bye(p->arg, s->remote, reason, text.text);
	peer_session_event(s, SESSION_BYE, "the relay said bye");
	return true;
}

static enum peer_frame
taken(bool ok)
{
	return ok ? PEER_TAKEN : PEER_BROKEN;
}

enum peer_frame
peer_session_frame(struct peer_session *s, struct now now, unsigned int slot,
		   const struct wire_frame *f)
{
	struct peer_path *p = &s->paths[slot];

	if (p->bye_due || p->bye_sent)
		return PEER_TAKEN;
	switch (f->type) {
	case WIRE_HELLO: return taken(take_hello(s, p, f));
	case WIRE_DATA: return p->open ? take_data(s, now, p, f) : PEER_TAKEN;
	case WIRE_MARK:
	case WIRE_CHANGE: return p->open ? take_record(s, now, p, f) : PEER_TAKEN;
	case WIRE_HEARTBEAT: return taken(!p->open || take_heartbeat(s, now, p, f));
	case WIRE_VERDICT: return taken(!p->open || take_verdict(s, now, f));
	case WIRE_DEMAND: return taken(!p->open || peer_demand_answered(s, f));
	case WIRE_BYE: return taken(take_bye(s, p, f));
	case WIRE_WELCOME:
	case WIRE_REQUEST:
	case WIRE_REPORT: return PEER_BROKEN; /* only a peer says these */
	default: return taken((f->flags & WIRE_OPTIONAL) != 0);
	}
}

/* ---- time ---- */

static void
close_path(struct peer_session *s, unsigned int slot, enum wire_bye reason)
{
	s->peer->ops->close(s->peer->arg, s->remote, slot, reason);
}

static void
check_paths(struct peer_session *s, mono_t now)
{
	int64_t timeout_ns = s->peer->settings->session.path_timeout_ns;
	/* After a pause of our own, what was said meanwhile is still to be read. */
	bool paused = mono_sub(now, s->checked) > timeout_ns / 2;

	s->checked = now;
	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		struct peer_path *p = &s->paths[i];

		if (!p->up)
			continue;
		if (p->blocked || paused)
			p->heard = now; /* it is we who do not listen */
		if (p->bye_heard || (p->bye_sent && p->bye != WIRE_BYE_SHUTDOWN)) {
			close_path(s, i, p->bye);
		} else if (mono_sub(now, p->heard) >= timeout_ns) {
			counter_inc(&s->figures.path_timeouts);
			gauge_set(&p->is_silent, true);
			close_path(s, i, WIRE_BYE_TIMEOUT);
		}
	}
}

/* Requests went out on every open path, and nothing came back for a while: dark,
 * though not long enough to be dead. */
static bool
is_silent(const struct peer_session *s, mono_t now)
{
	for (size_t i = 0; i < PATHS_MAX; i++) {
		const struct peer_path *p = &s->paths[i];

		if (p->open &&
		    (p->unheard == 0 || mono_sub(now, p->heard) < SILENCE_NS))
			return false;
	}
	return true;
}

/* A dark line excuses the relay, until a path would have been closed for it: a relay
 * that is heard but does not hear us looks the same. */
static bool
is_excused(const struct peer_session *s, mono_t now, const struct gap *gap)
{
	const struct peer_settings *settings = s->peer->settings;

	return is_silent(s, now) &&
	       mono_sub(now, gap->opened) < settings->recovery.give_up_ns +
						    settings->session.path_timeout_ns;
}

/* give_up counts while the relay could have answered: not while our own budget
 * kept us from asking, nor while the line is dark. */
static void
give_up_hopeless(struct peer_session *s, mono_t now)
{
	const struct gap *gap;

	while ((gap = recover_due(s->recover, now)) != NULL &&
	       recover_is_hopeless(s->recover, gap, now)) {
		if (!bucket_has(&s->request_budget, now) || is_excused(s, now, gap))
			recover_throttle(s->recover, now, gap->channel, gap->first,
					 gap->end, BUDGET_PAUSE_NS);
		else
			peer_channel_lose(&s->channels[gap->channel], gap->first,
					  gap->end, LOST_GIVE_UP);
	}
}

void
peer_session_tick(struct peer_session *s, struct now now)
{
	check_paths(s, now.mono);
	peer_demand_tick(s, now.mono);
	/* What was measured of reordering fades, by half in a second. */
	if (mono_due(s->fade_due, now.mono)) {
		s->fade_due = mono_add(now.mono, REORDER_FADE_NS);
		s->reorder_ns -= s->reorder_ns / 64;
		update_times(s);
	}
	/* A peer that leaves leaves its gaps to its successor. */
	if (any_open(s) && !s->peer->draining)
		give_up_hopeless(s, now.mono);
}

mono_t
peer_session_deadline(const struct peer_session *s)
{
	mono_t due = MONO_NEVER;

	for (size_t i = 0; i < PATHS_MAX; i++) {
		const struct peer_path *p = &s->paths[i];

		if (p->up && p->open && !p->bye_sent && !p->bye_heard)
			due = mono_min(due, p->report_due);
	}
	if (any_open(s) && !s->peer->draining)
		due = mono_min(due, mono_min(recover_deadline(s->recover),
					     peer_demand_deadline(s)));
	return due;
}

int64_t
peer_session_offset_ns(const struct peer_session *s)
{
	const struct timing *best = NULL;

	for (size_t i = 0; i < PATHS_MAX; i++) {
		const struct timing *t = &s->paths[i].timing;

		if (s->paths[i].up && t->count > 0 &&
		    (best == NULL || t->srtt_ns < best->srtt_ns))
			best = t;
	}
	return best != NULL ? timing_offset_ns(best) : 0;
}
