/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 9 of 10 (peer): what the peer says. WELCOME answers a greeting; REQUEST
 * asks for gaps as soon as they are due; REPORT answers every heartbeat at once,
 * which is what round trips are measured with, and otherwise tells progress.
 */
#include "path/peer_internal.h"
#include "path/peer_session.h"

#define PROGRESS_NS    (50 * NS_PER_MS)
#define RESUME_BYTES   10
#define RANGE_BYTES    14
#define GREETING_BYTES (WIRE_HEADER_BYTES + 34 + 1 + WIRE_NAME_MAX + 2)
#define REPORT_BYTES   (WIRE_HEADER_BYTES + 42)
#define ENTRY_BYTES    (10 + 1 + 8 * WIRE_FIGURES_MAX)
#define RANGES_PER_GAP 64
#define REQUEST_MOST   1024 /* datagrams of one gap at once */
#define FULL_PAUSE_NS  (5 * NS_PER_MS)
#define SHORT_MEMORY   8      /* a pool with less than one in eight free is short */
#define BREAKER        32     /* requests without any answer */
#define BAD_PPM        40000  /* loss from which requests are doubled */
#define WORSE_PPM      150000 /* … and trebled */

void
peer_report_progress(struct peer_session *s, struct peer_channel *c)
{
	c->report_due = true;
	s->progress = true;
}

/* ---- WELCOME ---- */

static struct wire_draft
begin_welcome(const struct peer_session *s, const struct peer_path *p, struct batch *b)
{
	struct wire_greeting g = {.version = WIRE_VERSION,
				  .epoch = s->epoch,
				  .instance = s->peer->instance,
				  .greeting = s->greeting,
				  .total = (uint16_t)s->capacity};
	unsigned int slot = (unsigned int)(p - s->paths);
	bool standby = slot < s->settings->path_count &&
		       s->settings->paths[slot].use == PATH_STANDBY;
	struct wire_draft d =
		wire_begin(&b->w, WIRE_WELCOME, standby ? WIRE_STANDBY : 0);

	wire_set_name(&g.node, s->peer->settings->node);
	wire_put_greeting(&b->w, &g);
	wire_entries(&b->w, &d);
	return d;
}

/* We have no session that the path could join: greeting 0 asks for one. */
static void
fill_greet_me(const struct peer_session *s, struct peer_path *p, struct batch *b)
{
	struct wire_greeting g = {.version = WIRE_VERSION,
				  .epoch = p->greet_epoch,
				  .instance = s->peer->instance};
	struct wire_draft d;

	if (!batch_fits(b, GREETING_BYTES))
		return;
	d = wire_begin(&b->w, WIRE_WELCOME, 0);
	wire_set_name(&g.node, s->peer->settings->node);
	wire_put_greeting(&b->w, &g);
	wire_entries(&b->w, &d);
	if (wire_end(&b->w, &d))
		p->greet_due = false;
}

static void
open_path(struct peer_session *s, struct now now, struct peer_path *p)
{
	p->welcoming = p->join_due = false;
	p->open = true;
	p->report_due = now.mono;
	peer_session_event(s, SESSION_GREETED, "the relay was told where to resume");
}

static void
fill_welcome(struct peer_session *s, struct now now, struct peer_path *p,
	     struct batch *b)
{
	struct wire_draft d;
	uint32_t i;

	if (!batch_fits(b, GREETING_BYTES + RESUME_BYTES))
		return;
	d = begin_welcome(s, p, b);
	for (i = s->welcome_at;
	     i < s->channel_count && batch_used(b) + RESUME_BYTES <= b->limit; i++) {
		struct peer_channel *c = &s->channels[i];
		struct wire_resume e = {.id = c->id, .next = peer_channel_resume(c)};

		if (!c->active || !c->welcome_due || p->join_due)
			continue;
		wire_put_resume(&b->w, &e);
		c->welcome_due = false;
		c->resumed = c->window.top;
		d.entries++;
	}
	if (!p->join_due)
		s->welcome_at = i;
	if (d.entries == 0 && !p->join_due) {
		b->w.p = d.start; /* nothing was announced yet */
		return;
	}
	(void)wire_end(&b->w, &d); /* fits: every entry was checked */
	if (!p->join_due)
		peer_demand_greeted(s);
	if (p->join_due ||
	    (i == s->channel_count && s->greeting_seen == s->greeting_total))
		open_path(s, now, p);
}

/* ---- REQUEST ---- */

/* Puts one gap's missing ranges, no more than `most` datagrams of it: what is left
 * is asked for with the repeat. False: no room. */
static bool
put_gap(struct peer_session *s, const struct gap *gap, uint64_t most, struct batch *b,
	struct wire_draft *d)
{
	const struct peer_channel *c = &s->channels[gap->channel];
	const struct window *w = &c->window;
	seq_t seq = seq_max(gap->first, w->next);
	unsigned int ranges = 0;

	while (most > 0 && seq_before(seq, gap->end) && ranges++ < RANGES_PER_GAP) {
		struct wire_range range = {.channel = c->id};

		while (seq_before(seq, gap->end) && !window_is_missing(w, seq))
			seq = seq_add(seq, 1);
		range.first = seq;
		while (most > 0 && seq_before(seq, gap->end) &&
		       window_is_missing(w, seq)) {
			seq = seq_add(seq, 1);
			most--;
		}
		range.count = (uint32_t)seq_span(range.first, seq);
		if (range.count == 0)
			break;
		if (batch_used(b) + RANGE_BYTES > b->limit)
			return false;
		wire_put_range(&b->w, &range);
		d->entries++;
		counter_inc(&s->figures.requests);
		counter_add(&s->figures.requested, range.count);
	}
	return true;
}

/* A path that brought nothing since BREAKER requests is asked no more until it
 * brings something: into a collapsed line requests only make it worse. */
static bool
is_broken(const struct peer_path *p)
{
	return p->unheard >= BREAKER;
}

/* The shortest round trip, a lossy path counting as a longer one. */
unsigned int
peer_report_path(const struct peer_session *s)
{
	unsigned int best = PATHS_MAX;
	int64_t best_score = 0;
	mono_t heard = {0};

	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		if (s->paths[i].open && mono_before(heard, s->paths[i].heard))
			heard = s->paths[i].heard;
	}

	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		const struct peer_path *p = &s->paths[i];
		int64_t score = p->timing.srtt_ns +
				p->timing.srtt_ns / 1000 * (p->timing.loss_ppm / 250) +
				mono_sub(heard, p->heard);

		if (!p->open || is_broken(p))
			continue;
		if (best == PATHS_MAX || score < best_score) {
			best = i;
			best_score = score;
		}
	}
	return best;
}

/* On a bad line a request is said again at once, in a datagram of its own. */
static uint32_t
copies(const struct peer_path *p)
{
	if (p->kind == PATH_STREAM || p->timing.loss_ppm < BAD_PPM)
		return 1;
	return p->timing.loss_ppm < WORSE_PPM ? 2 : 3;
}

/* Says so once, when no path may be asked, and once when one may again. */
static void
note_breaker(struct peer_session *s, bool open)
{
	const struct peer *p = s->peer;

	if (s->breaker_open == open)
		return;
	s->breaker_open = open;
	if (open)
		counter_inc(&s->figures.breaker);
	p->ops->breaker(p->arg, s->remote, open);
}

void
peer_report_heard(struct peer_session *s)
{
	if (peer_report_path(s) != PATHS_MAX)
		note_breaker(s, false);
}

/* Memory is spent on what waits for the interface or the quota, and comes free by
 * itself: nothing is wrong with the relay. */
static bool
is_full(const struct peer_session *s)
{
	const struct pool *pool = s->peer->pool;

	return pool_free_chunks(pool) < pool_chunks(pool) / SHORT_MEMORY &&
	       peer_waiting(s->peer) > pool_chunks(pool) / 2;
}

/* With little room left, only what the channel waits for: the rest could not be
 * held. */
static bool
can_wait(const struct peer_session *s, const struct gap *gap)
{
	const struct pool *pool = s->peer->pool;

	return pool_free_chunks(pool) < pool_chunks(pool) / SHORT_MEMORY &&
	       gap != recover_first(s->recover, gap->channel);
}

/* Asks for one gap. False: the frame is full. */
static bool
ask(struct peer_session *s, mono_t now, const struct peer_path *p,
    const struct gap *gap, struct batch *b, struct wire_draft *d)
{
	uint64_t most = s->request_budget.tokens;
	uint64_t asked = counter_get(&s->figures.requested);
	uint16_t entries = d->entries;
	bool whole;

	if (is_full(s)) {
		recover_throttle(s->recover, now, gap->channel, gap->first, gap->end,
				 FULL_PAUSE_NS);
		return true;
	}
	if (can_wait(s, gap)) {
		recover_postpone(s->recover, gap, now);
		return true;
	}
	whole = put_gap(s, gap, most < REQUEST_MOST ? most : REQUEST_MOST, b, d);
	/* What did not fit is asked for with the repeat, and what did not fit at all
	 * with the next frame. */
	if (!whole && d->entries == entries)
		return false;
	(void)bucket_take(&s->request_budget, now,
			  counter_get(&s->figures.requested) - asked);
	gap_log_requested(s->gap_log, gap->channel, gap->first, gap->end);
	recover_requested(s->recover, gap, now, copies(p));
	return whole;
}

static void
fill_requests(struct peer_session *s, struct now now, unsigned int slot,
	      struct batch *b)
{
	const struct gap *gap = recover_due(s->recover, now.mono);
	struct peer_path *p = &s->paths[slot];
	unsigned int best;
	struct wire_draft d;

	if (gap == NULL || s->peer->draining ||
	    !batch_fits(b, WIRE_HEADER_BYTES + 2 + RANGE_BYTES))
		return;
	best = peer_report_path(s);
	note_breaker(s, best == PATHS_MAX);
	if (best != slot)
		return;
	d = wire_begin(&b->w, WIRE_REQUEST, 0);
	wire_entries(&b->w, &d);
	while (gap != NULL && !recover_is_hopeless(s->recover, gap, now.mono) &&
	       bucket_has(&s->request_budget, now.mono) &&
	       ask(s, now.mono, p, gap, b, &d))
		gap = recover_due(s->recover, now.mono);
	if (d.entries == 0) {
		b->w.p = d.start;
		return;
	}
	(void)wire_end(&b->w, &d);
	p->unheard++;
}

/* ---- REPORT ---- */

static void
copy_book(const struct peer_book *book, struct wire_books *e)
{
#define COPY(name, help) e->figures[e->count++] = counter_get(&book->name);
	e->count = 0;
	PEER_BOOK(COPY)
#undef COPY
}

/* One entry, when the channel has news. False: no room. */
static bool
put_entry(struct peer_channel *c, const struct peer_path *p, struct batch *b,
	  struct wire_draft *d, bool books)
{
	struct wire_books e = {.channel = c->id, .next = peer_channel_settled(c)};
	uint8_t flags = books ? WIRE_BOOKS : 0;

	/* The last report of a path is whole, whatever another path has said. */
	if (!c->active || !(p->bye_due || (books ? c->books_due : c->report_due)))
		return true;
	if (batch_used(b) + ENTRY_BYTES > b->limit)
		return false;
	if (books) {
		peer_channel_balance(c);
		copy_book(&c->book, &e);
		c->books_due = false;
	}
	c->report_due = false;
	wire_put_books(&b->w, WIRE_REPORT, flags, &e);
	d->entries++;
	return true;
}

static void
fill_report(struct peer_session *s, struct now now, struct peer_path *p,
	    struct batch *b)
{
	bool books = p->report_books;
	struct wire_timing timing = timing_stamp(&p->timing, now, p->frames);
	struct wire_draft d;

	if (!p->report_now && !mono_due(p->report_due, now.mono))
		return;
	if (!batch_fits(b, REPORT_BYTES + ENTRY_BYTES))
		return;
	d = wire_begin(&b->w, WIRE_REPORT, books ? WIRE_BOOKS : 0);
	wire_put_timing(&b->w, &timing);
	wire_entries(&b->w, &d);
	while (p->report_at < s->channel_count &&
	       put_entry(&s->channels[p->report_at], p, b, &d, books))
		p->report_at++;
	(void)wire_end(&b->w, &d); /* fits: every entry was checked */
	if (p->report_at < s->channel_count)
		return; /* the rest with the next fill */
	p->report_at = 0;
	p->report_books = p->report_now = s->progress = false;
	p->report_due = mono_add(now.mono, s->peer->settings->session.heartbeat_ns);
}

/* Progress is told within PROGRESS_NS, without a heartbeat to answer. */
static void
hasten_report(const struct peer_session *s, struct peer_path *p, mono_t now)
{
	if (s->progress)
		p->report_due = mono_min(p->report_due, mono_add(now, PROGRESS_NS));
}

static void
fill_bye(struct peer_session *s, struct peer_path *p, struct batch *b)
{
	if (!p->bye_due || p->report_now ||
	    !wire_put_bye(&b->w, p->bye, wire_bye_name(p->bye)))
		return;
	p->bye_due = false;
	p->bye_sent = true;
	if (p->bye == WIRE_BYE_SHUTDOWN)
		peer_session_event(s, SESSION_BYE, "we said bye");
}

void
peer_report_fill(struct peer_session *s, struct now now, unsigned int slot,
		 struct batch *b)
{
	struct peer_path *p = &s->paths[slot];
	size_t used = batch_used(b);

	if (!p->up || p->bye_sent || p->bye_heard)
		return;
	if ((p->welcoming || p->join_due) && !p->bye_due)
		fill_welcome(s, now, p, b);
	if (p->greet_due && !p->bye_due)
		fill_greet_me(s, p, b);
	if (p->open) {
		hasten_report(s, p, now.mono);
		fill_requests(s, now, slot, b);
		fill_report(s, now, p, b);
		peer_demand_fill(s, slot, b);
	}
	fill_bye(s, p, b);
	counter_add(&p->bytes, batch_used(b) - used);
}
