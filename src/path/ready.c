/* SPDX-License-Identifier: Apache-2.0 */
#include "path/ready.h"

#include <assert.h>
#include <stdlib.h>

/* A queue of chunks. */
struct line {
	uint32_t head, tail;
	size_t place; /* among those waiting, while it waits */
};

/* A flow at its quota. */
struct waiting {
	uint32_t flow;
	mono_t again; /* when it may go on */
};

struct ready {
	struct pool *pool;
	struct quota *quota;
	bool paced; /* by the quota; else no flow waits */
	ready_flow *flow;
	void *arg;
	uint64_t count;
	struct line open;        /* of all flows that do not wait */
	struct line *lines;      /* by flow; not empty: it waits */
	struct waiting *waiting; /* in no order */
	size_t waiting_count;
	size_t turn;       /* of those, who is looked at first */
	mono_t due;        /* the earliest again, or sooner */
	mono_t all_due;    /* when all together may go on */
	struct line *next; /* whose head ready_next() told */
};

struct ready *
ready_new(struct pool *pool, struct quota *quota, uint32_t flows, bool paced,
	  ready_flow *flow, void *arg)
{
	struct ready *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->pool = pool;
	r->quota = quota;
	r->paced = paced;
	r->flow = flow;
	r->arg = arg;
	r->open = (struct line){.head = POOL_NONE, .tail = POOL_NONE};
	r->due = r->all_due = MONO_NEVER;
	r->lines = malloc(flows * sizeof(*r->lines));
	r->waiting = malloc(flows * sizeof(*r->waiting));
	if (r->lines == NULL || r->waiting == NULL) {
		ready_free(r);
		return NULL;
	}
	for (uint32_t i = 0; i < flows; i++)
		r->lines[i] = r->open;
	return r;
}

void
ready_free(struct ready *r)
{
	if (r == NULL)
		return;
	free(r->lines);
	free(r->waiting);
	free(r);
}

static void
append(struct ready *r, struct line *l, uint32_t chunk)
{
	pool_held(r->pool, chunk)->next = POOL_NONE;
	if (l->tail == POOL_NONE)
		l->head = chunk;
	else
		pool_held(r->pool, l->tail)->next = chunk;
	l->tail = chunk;
}

static uint32_t
remove_head(struct ready *r, struct line *l)
{
	uint32_t chunk = l->head;

	l->head = pool_held(r->pool, chunk)->next;
	if (l->head == POOL_NONE)
		l->tail = POOL_NONE;
	return chunk;
}

void
ready_put(struct ready *r, uint32_t chunk)
{
	append(r, &r->open, chunk);
	r->count++;
}

/* ---- with a quota ---- */

static void
wait_until(struct ready *r, uint32_t flow, mono_t again)
{
	r->lines[flow].place = r->waiting_count;
	r->waiting[r->waiting_count++] = (struct waiting){flow, again};
	r->due = mono_min(r->due, again);
}

/* A flow whose time has come: its line goes on. NULL: none. They take turns. */
static struct line *
find_waiting(struct ready *r, mono_t now)
{
	mono_t due = MONO_NEVER;

	if (mono_before(now, r->due))
		return NULL;
	for (size_t i = 0; i < r->waiting_count; i++) {
		size_t at = (r->turn + i) % r->waiting_count;
		struct waiting *w = &r->waiting[at];

		if (mono_due(w->again, now) &&
		    quota_may(r->quota, w->flow, now, &w->again)) {
			r->turn = at + 1;
			return &r->lines[w->flow];
		}
		due = mono_min(due, w->again);
	}
	r->due = due;
	return NULL;
}

/* Where the chunk goes as things are now: its channel may have moved since it came. */
static uint32_t
set_flow(struct ready *r, uint32_t chunk)
{
	struct held *h = pool_held(r->pool, chunk);

	h->flow = r->flow(r->arg, h);
	return h->flow;
}

/* The oldest that need not wait; those before it that do go to their lines. */
static struct line *
find_open(struct ready *r, mono_t now)
{
	while (r->open.head != POOL_NONE) {
		uint32_t flow = set_flow(r, r->open.head);
		struct line *l = &r->lines[flow];
		bool waits = l->head != POOL_NONE;
		mono_t again;

		if (!waits && quota_may(r->quota, flow, now, &again))
			return &r->open;
		if (!waits)
			wait_until(r, flow, again);
		append(r, l, remove_head(r, &r->open));
	}
	return NULL;
}

static struct line *
find_paced(struct ready *r, mono_t now)
{
	struct line *waiting, *open;
	mono_t again;

	r->all_due = MONO_NEVER;
	if (r->count == 0)
		return NULL;
	if (!quota_may_any(r->quota, now, &again)) {
		r->all_due = again;
		return NULL;
	}
	waiting = find_waiting(r, now);
	open = find_open(r, now);
	if (waiting == NULL || open == NULL)
		return waiting != NULL ? waiting : open;
	/* Only when all together are at their quota does it matter who goes first. */
	return mono_before(pool_held(r->pool, open->head)->arrived,
			   pool_held(r->pool, waiting->head)->arrived)
		       ? open
		       : waiting;
}

/* Nothing waits in it any more. */
static void
stop_waiting(struct ready *r, const struct line *l)
{
	const struct waiting *last = &r->waiting[--r->waiting_count];

	assert(&r->lines[r->waiting[l->place].flow] == l);
	r->waiting[l->place] = *last;
	r->lines[last->flow].place = l->place;
}

/* ---- for all ---- */

uint32_t
ready_next(struct ready *r, mono_t now)
{
	if (!r->paced)
		r->next = r->open.head != POOL_NONE ? &r->open : NULL;
	else
		r->next = find_paced(r, now);
	if (r->next == NULL)
		return POOL_NONE;
	(void)set_flow(r, r->next->head);
	return r->next->head;
}

void
ready_take(struct ready *r)
{
	assert(r->next != NULL);
	(void)remove_head(r, r->next);
	if (r->next != &r->open && r->next->head == POOL_NONE)
		stop_waiting(r, r->next);
	r->next = NULL;
	r->count--;
}

void
ready_return(struct ready *r, uint32_t chunk)
{
	struct held *h = pool_held(r->pool, chunk);
	struct line *l = &r->open;

	/* Before the others of its flow, wherever they are. */
	if (r->lines[h->flow].head != POOL_NONE)
		l = &r->lines[h->flow];
	h->next = l->head;
	l->head = chunk;
	if (l->tail == POOL_NONE)
		l->tail = chunk;
	r->count++;
}

/* Takes the channel's chunks out of a line. */
static struct line
extract(struct ready *r, struct line *l, unsigned int session, uint32_t channel)
{
	struct line rest = {.head = POOL_NONE, .tail = POOL_NONE, .place = l->place};
	struct line found = rest;

	while (l->head != POOL_NONE) {
		uint32_t chunk = remove_head(r, l);
		const struct held *h = pool_held(r->pool, chunk);
		bool wanted = h->session == session && h->channel == channel;

		append(r, wanted ? &found : &rest, chunk);
	}
	*l = rest;
	return found;
}

/* Puts first in front of l. */
static void
prepend(struct ready *r, struct line *l, struct line first)
{
	pool_held(r->pool, first.tail)->next = l->head;
	if (l->tail == POOL_NONE)
		l->tail = first.tail;
	l->head = first.head;
}

void
ready_redirect(struct ready *r, unsigned int session, uint32_t channel, uint32_t from,
	       uint32_t to)
{
	struct line moved;

	r->next = NULL;
	if (from == to || r->lines[from].head == POOL_NONE)
		return;
	moved = extract(r, &r->lines[from], session, channel);
	if (r->lines[from].head == POOL_NONE)
		stop_waiting(r, &r->lines[from]);
	/* Before what is open of the channel: that waits too, if its new flow does. */
	if (r->lines[to].head != POOL_NONE) {
		while (moved.head != POOL_NONE)
			append(r, &r->lines[to], remove_head(r, &moved));
	} else if (moved.head != POOL_NONE) {
		prepend(r, &r->open, moved);
	}
}

void
ready_set_paced(struct ready *r, bool paced)
{
	if (r->paced == paced)
		return;
	r->paced = paced;
	r->next = NULL;
	/* What waits of a flow is older than what is open of it. */
	while (r->waiting_count > 0) {
		struct line *l = &r->lines[r->waiting[--r->waiting_count].flow];

		prepend(r, &r->open, *l);
		l->head = l->tail = POOL_NONE;
	}
	r->due = r->all_due = MONO_NEVER;
}

bool
ready_is_paced(const struct ready *r)
{
	return r->paced;
}

uint64_t
ready_count(const struct ready *r)
{
	return r->count;
}

mono_t
ready_deadline(const struct ready *r)
{
	if (r->count == 0)
		return MONO_NEVER;
	if (r->all_due.ns != MONO_NEVER.ns)
		return r->all_due;
	return r->waiting_count > 0 ? r->due : MONO_NEVER;
}
