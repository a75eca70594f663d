/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One channel of a session, as the peer has it. Gets announcements and changes from the
 * relay, and the operator's wishes from the settings; says where the datagrams of it go,
 * and keeps its books. Runs on the lane's thread.
 */
#include "path/peer_channel.h"

#include <string.h>

#include "base/names.h"
#include "path/peer_arrival.h"
#include "path/peer_internal.h"
#include "path/peer_session.h"

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
	peer_gap_restart(c);
	c->greeting = 0; /* relays count theirs from 1 in every epoch */
	c->announced = e->next;
	atomic_store_explicit(&c->active, true, memory_order_relaxed);
}

void
peer_channel_forget(struct peer_channel *c)
{
	figures_clear((counter_t *)&c->book, PEER_FIGURES);
	figures_clear((counter_t *)&c->relay, SENT_FIGURES);
	c->expected_before = 0;
	gap_log_forget(c->session->gap_log, c->index);
	c->tenant++;
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

void
peer_channel_redirect(struct peer_channel *c)
{
	bool waits = c->delivery == DELIVERY_ORDERED;

	direct(c);
	/* What waited for its turn has waited long enough. */
	if (waits && c->delivery != DELIVERY_ORDERED)
		peer_arrival_release_held(c);
}

void
peer_channel_update(struct peer_channel *c, const struct wire_channel *e)
{
	bool moved = c->group != e->group || c->port != e->port;

	take_place(c, e);
	if (moved)
		peer_channel_redirect(c);
}

/* ---- ends ---- */

void
peer_channel_end_epoch(struct peer_channel *c)
{
	struct window *w = &c->window;

	peer_gap_end_epoch(c);
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

	peer_gap_lose(c, c->window.next, end, LOST_DRAIN);
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
