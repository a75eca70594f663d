/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session, the relay's end: frames of the peer find those who answer them, each fill of a
 * path is put together in its order, and the books are kept. Gets frames from wire, tells
 * tunnel what to send. Runs on the lane's thread.
 */
#include "path/relay_session.h"

#include <stdlib.h>

#include "path/relay_beat.h"
#include "path/relay_demand.h"
#include "path/relay_internal.h"
#include "path/relay_repair.h"
#include "path/relay_report.h"
#include "path/relay_stream.h"
#include "path/relay_verdict.h"

bool
relay_session_init(struct relay_session *s, struct relay *relay, unsigned int remote,
		   const struct remote_settings *settings, mono_t now)
{
	s->relay = relay;
	s->remote = remote;
	s->settings = settings;
	s->books_due = now;
	relay_greeting_init(&s->greeting);
	s->repairs = relay_repair_new(now);
	s->verdicts = relay_verdict_new();
	s->demand = relay_demand_new(relay->channel_capacity);
	s->outlets = calloc(relay->channel_capacity, sizeof *s->outlets);
	s->residuals = calloc(relay->channel_capacity, sizeof *s->residuals);
	if (s->repairs == NULL || s->verdicts == NULL || s->demand == NULL ||
	    s->outlets == NULL || s->residuals == NULL)
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
	relay_repair_free(s->repairs);
	relay_verdict_free(s->verdicts);
	relay_demand_free(s->demand);
}

size_t
relay_session_memory_bytes(const struct relay_session *s)
{
	size_t channels = s->relay->channel_capacity;

	return sizeof *s + relay_repair_memory_bytes() + relay_verdict_memory_bytes() +
	       relay_demand_memory_bytes(channels) +
	       channels * (sizeof *s->outlets + sizeof *s->residuals +
			   PATHS_MAX * sizeof *s->paths[0].sent);
}

void
relay_session_event(struct relay_session *s, enum session_event event, const char *why)
{
	const struct relay *r = s->relay;
	struct session_step step;

	if (!session_take(&s->state, event, &step))
		return;
	if (step.to == SESSION_OPEN)
		counter_inc(&s->relay->figures.sessions_opened);
	r->ops->session(r->arg, s->remote, step.from, step.to, why);
}

bool
relay_session_is_carrying(const struct relay_session *s)
{
	enum session_state state = relay_session_state(s);

	return state == SESSION_OPEN || state == SESSION_DRAINING;
}

bool
relay_session_frame(struct relay_session *s, struct now now, unsigned int slot,
		    const struct wire_frame *f)
{
	struct relay_path *p = &s->paths[slot];

	/* After our BYE only theirs means anything. */
	if (p->life.bye_sent && f->type != WIRE_BYE)
		return true;
	switch (f->type) {
	case WIRE_WELCOME: return relay_greeting_take(s, now, slot, f);
	case WIRE_REPORT: return !p->open || relay_report_take(s, now, p, f);
	case WIRE_REQUEST: return !p->open || relay_repair_request(s, slot, f);
	case WIRE_DEMAND: return !p->open || relay_demand_take(s, p, f);
	case WIRE_BYE: return relay_path_take_bye(s, p, f);
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

void
relay_session_fill(struct relay_session *s, struct now now, unsigned int slot,
		   struct batch *b)
{
	struct relay_path *p = &s->paths[slot];
	size_t used = batch_used(b);

	if (!p->life.up || p->life.bye_heard)
		return;
	if (p->life.bye_sent) {
		if (mono_due(p->bye_again, now.mono))
			relay_drain_fill_bye(s, now.mono, p, b);
		return;
	}
	if (!p->open) {
		relay_drain_fill_bye(s, now.mono, p, b);
		if (!p->life.bye_sent)
			relay_greeting_fill(s, now, slot, b);
	} else if (!relay_probe_fill(s, now, p, b)) {
		if (gauge_get(&p->narrow_bytes) != 0 && p->mtu < b->limit)
			b->limit = p->mtu;
		relay_verdict_fill(s, b);
		relay_demand_fill(p, b);
		relay_beat_fill(s, now, p, b);
		if (relay_path_is_active(s, p))
			relay_stream_fill(s, now, p, b);
		if (!relay_path_is_active(s, p) || p->catchup.held ||
		    p->cursor >= history_head(s->relay->history))
			relay_repair_fill(s, now, p, b);
		relay_drain_fill_bye(s, now.mono, p, b);
	}
	counter_add(&p->traffic.bytes, batch_used(b) - used);
}

/* ---- time ---- */

void
relay_session_channels_changed(struct relay_session *s, bool told)
{
	relay_drain_channels_changed(s);
	relay_greeting_channels_changed(s, told);
}

void
relay_session_tick(struct relay_session *s, struct now now)
{
	relay_repair_rate(s, now.mono);
	relay_path_check(s, now.mono);
	relay_demand_tick(s, now.mono);
	relay_greeting_retell(s);
	relay_drain_tick(s, now.mono);
}

mono_t
relay_session_deadline(const struct relay_session *s)
{
	mono_t due = MONO_NEVER;

	for (unsigned int i = 0; i < PATHS_MAX; i++) {
		const struct relay_path *p = &s->paths[i];

		if (!p->life.up || p->life.bye_heard)
			continue;
		if (p->life.bye_sent) {
			due = mono_min(due, p->bye_again);
			continue;
		}
		if (!p->open) {
			due = mono_min(due, relay_greeting_deadline(s, i));
			continue;
		}
		due = mono_min(due, relay_beat_deadline(p));
		due = mono_min(
			mono_min(due, relay_probe_deadline(p)),
			mono_min(relay_repair_deadline(s), relay_catchup_deadline(p)));
	}
	return due;
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
