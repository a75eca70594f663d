/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 9 of 10 (peer): gaps are asked for as soon as they are due, on the path that
 * answers best, and given up when nothing comes. Gets gaps from recover and verdicts from
 * peer_session. Runs on the lane's thread.
 */
#include "path/peer_request.h"

#include "path/peer_internal.h"
#include "path/peer_session.h"

/* Datagrams requested, repeats and copies included: a bound for whatever the line
 * does. */
#define REQUEST_RATE    20000 /* a second */
#define REQUEST_BURST   2000
#define BUDGET_PAUSE_NS (5 * NS_PER_MS)
#define SILENCE_NS      (20 * NS_PER_MS)
#define RANGE_BYTES     14
#define RANGES_PER_GAP  64
#define REQUEST_MOST    1024 /* datagrams of one gap at once */
#define FULL_PAUSE_NS   (5 * NS_PER_MS)
#define SHORT_MEMORY    8      /* a pool with less than one in eight free is short */
#define BREAKER         32     /* requests without any answer */
#define BAD_PPM         40000  /* loss from which requests are doubled */
#define WORSE_PPM       150000 /* … and trebled */

/* What comes later than this is rather a path that was dark. */
#define REORDER_MAX_NS  (20 * NS_PER_MS)
#define REORDER_FADE_NS (16 * NS_PER_MS) /* 2^(-1/44): half in 0.7 s */

/* The longest that THROTTLED may put off a request, whatever it says. */
#define THROTTLE_MAX_NS NS_PER_S

void
peer_request_init(struct peer_session *s, mono_t now)
{
	recover_set_times(s->recover, s->peer->settings->recovery.reorder_ns, 0, 0);
	bucket_init(&s->requests.budget, now, REQUEST_RATE, REQUEST_BURST);
	s->requests.fade_due = now;
}

void
peer_request_suspend(struct peer_session *s)
{
	for (uint32_t i = 0; i < s->channel_count; i++)
		recover_suspend(s->recover, i);
}

/* ---- which path ---- */

/* A path that brought nothing since BREAKER requests is asked no more until it
 * brings something: into a collapsed line requests only make it worse. */
static bool
is_broken(const struct peer_path *p)
{
	return p->unheard >= BREAKER;
}

/* The shortest round trip, a lossy path counting as a longer one. */
static unsigned int
best_path(const struct peer_session *s)
{
	unsigned int best = PATHS_MAX;
	int64_t best_score = 0;
	mono_t heard = {0};

	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		if (s->paths[i].open && mono_before(heard, s->paths[i].life.heard))
			heard = s->paths[i].life.heard;
	}

	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		const struct peer_path *p = &s->paths[i];
		int64_t score = p->timing.srtt_ns +
				p->timing.srtt_ns / 1000 * (p->timing.loss_ppm / 250) +
				mono_sub(heard, p->life.heard);

		if (!p->open || is_broken(p))
			continue;
		if (best == PATHS_MAX || score < best_score) {
			best = i;
			best_score = score;
		}
	}
	return best;
}

/* Requests are timed by the path that they go out on. */
void
peer_request_timed(struct peer_session *s)
{
	int64_t reorder_ns = s->peer->settings->recovery.reorder_ns;
	unsigned int best = best_path(s);

	if (reorder_ns == 0)
		reorder_ns = s->requests.reorder_ns;
	if (best < PATHS_MAX)
		recover_set_times(s->recover, reorder_ns, s->paths[best].timing.srtt_ns,
				  s->paths[best].timing.rttvar_ns);
}

/* An original that came after its gap was found: the next gap waits so long, and a
 * quarter more, before it is asked for, so that few repairs are for nothing. */
void
peer_request_reordered(struct peer_session *s, int64_t late_ns)
{
	int64_t allow_ns = late_ns + late_ns / 4;

	if (allow_ns > REORDER_MAX_NS)
		allow_ns = REORDER_MAX_NS;
	if (allow_ns > s->requests.reorder_ns)
		s->requests.reorder_ns = allow_ns;
}

/* Says so once, when no path may be asked, and once when one may again. */
static void
note_breaker(struct peer_session *s, bool open)
{
	const struct peer *p = s->peer;

	if (s->requests.stopped == open)
		return;
	s->requests.stopped = open;
	if (open)
		counter_inc(&s->figures.breaker);
	p->ops->breaker(p->arg, s->remote, open);
}

void
peer_request_heard(struct peer_session *s)
{
	if (best_path(s) != PATHS_MAX)
		note_breaker(s, false);
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
/* On a bad line a request is said again at once, in a datagram of its own. */
static uint32_t
copies(const struct peer_path *p)
{
	if (p->kind == PATH_STREAM || p->timing.loss_ppm < BAD_PPM)
		return 1;
	return p->timing.loss_ppm < WORSE_PPM ? 2 : 3;
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
	uint64_t most = s->requests.budget.tokens;
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
	(void)bucket_take(&s->requests.budget, now,
			  counter_get(&s->figures.requested) - asked);
	gap_log_requested(s->gap_log, gap->channel, gap->first, gap->end);
	recover_requested(s->recover, gap, now, copies(p));
	return whole;
}

void
peer_request_fill(struct peer_session *s, struct now now, unsigned int slot,
		  struct batch *b)
{
	const struct gap *gap = recover_due(s->recover, now.mono);
	struct peer_path *p = &s->paths[slot];
	unsigned int best;
	struct wire_draft d;

	if (gap == NULL || s->peer->draining ||
	    !batch_fits(b, WIRE_HEADER_BYTES + 2 + RANGE_BYTES))
		return;
	best = best_path(s);
	note_breaker(s, best == PATHS_MAX);
	if (best != slot)
		return;
	d = wire_begin(&b->w, WIRE_REQUEST, 0);
	wire_entries(&b->w, &d);
	while (gap != NULL && !recover_is_hopeless(s->recover, gap, now.mono) &&
	       bucket_has(&s->requests.budget, now.mono) &&
	       ask(s, now.mono, p, gap, b, &d))
		gap = recover_due(s->recover, now.mono);
	if (d.entries == 0) {
		b->w.p = d.start;
		return;
	}
	(void)wire_end(&b->w, &d);
	p->unheard++;
}

/* ---- VERDICT ---- */

static void
take_answer(struct peer_session *s, struct now now, struct peer_channel *c,
	    const struct wire_answer *a)
{
	seq_t end = seq_add(a->first, a->count);
	int64_t retry_ns;

	switch (a->verdict) {
	case WIRE_AGED:
		counter_inc(&s->figures.verdicts_aged);
		peer_gap_gone(c, now.mono, a->first, end, LOST_AGED);
		break;
	case WIRE_NEVER:
		/* Never numbered: there is nothing to lose beyond what we know. */
		counter_inc(&s->figures.verdicts_never);
		peer_gap_lose(c, a->first, end, LOST_NEVER);
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

bool
peer_request_answered(struct peer_session *s, struct now now,
		      const struct wire_frame *f)
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
		c = peer_session_find(s, a.channel);
		if (c != NULL)
			take_answer(s, now, c, &a);
	}
	return true;
}

/* ---- giving up ---- */

/* Requests went out on every open path, and nothing came back for a while: dark,
 * though not long enough to be dead. */
static bool
is_silent(const struct peer_session *s, mono_t now)
{
	for (size_t i = 0; i < PATHS_MAX; i++) {
		const struct peer_path *p = &s->paths[i];

		if (p->open &&
		    (p->unheard == 0 || mono_sub(now, p->life.heard) < SILENCE_NS))
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
		if (!bucket_has(&s->requests.budget, now) || is_excused(s, now, gap))
			recover_throttle(s->recover, now, gap->channel, gap->first,
					 gap->end, BUDGET_PAUSE_NS);
		else
			peer_gap_lose(&s->channels[gap->channel], gap->first, gap->end,
				      LOST_GIVE_UP);
	}
}

void
peer_request_tick(struct peer_session *s, mono_t now)
{
	/* What was measured of reordering fades, by half in a second. */
	if (mono_due(s->requests.fade_due, now)) {
		s->requests.fade_due = mono_add(now, REORDER_FADE_NS);
		s->requests.reorder_ns -= s->requests.reorder_ns / 64;
		peer_request_timed(s);
	}
	/* A peer that leaves leaves its gaps to its successor. */
	if (peer_path_any_open(s) && !s->peer->draining)
		give_up_hopeless(s, now);
}
