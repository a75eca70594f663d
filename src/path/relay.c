/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stages 2 to 6 of 10 (relay), wired: gets frames from capture, has them
 * decapsulated, classified, checked, numbered and remembered, and lets the
 * sessions serve paths from the history. Runs on the lane's thread.
 */
#include "path/relay.h"

#include <assert.h>
#include <stdlib.h>

#include "base/names.h"
#include "path/classify.h"
#include "path/relay_internal.h"
#include "path/relay_session.h"
#include "path/relay_told.h"

#define TICK_NS    (20 * NS_PER_MS) /* housekeeping: ages, rates, time-outs */
#define MARK_BYTES 9

#define PLACES_MIN 512

/* Channels for which the tables have room, channel 0 included. */
static size_t
count_places(const struct relay_settings *s)
{
	size_t places = 2 * s->channel_count;

	if (s->history.channels != 0)
		return s->history.channels + 1;
	return (places > PLACES_MIN ? places : PLACES_MIN) + 1;
}

/* The first channel of the file is channel 1. */
static struct classifier *
first_classifier(const struct relay_settings *s)
{
	uint16_t *ids = calloc(s->channel_count + 1, sizeof *ids);
	struct classifier *c = NULL;

	for (size_t i = 0; ids != NULL && i < s->channel_count; i++)
		ids[i] = (uint16_t)(i + 1);
	if (ids != NULL)
		c = classify_new(s->channels, s->channel_count, ids);
	free(ids);
	return c;
}

struct relay *
relay_new(const struct relay_settings *settings, uint16_t lane, uint64_t epoch,
	  struct now now, const struct relay_ops *ops, void *arg)
{
	const struct capture_settings *capture = &settings->capture;
	struct relay *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->settings = settings;
	r->lane = lane;
	r->epoch = epoch;
	r->ops = ops;
	r->arg = arg;
	r->tick_due = now.mono;
	r->channel_count = settings->channel_count + 1;
	r->channel_capacity = count_places(settings);
	r->changes_end = SEQ_FIRST;
	r->channels = calloc(r->channel_capacity, sizeof *r->channels);
	r->names = names_new((uint32_t)r->channel_capacity);
	r->history =
		history_new(settings->history.memory_bytes, settings->history.age_ns,
			    r->channel_capacity, capture->file != NULL);
	r->classifier = first_classifier(settings);
	r->reassembly = reassemble_new(capture->fragment_datagrams,
				       capture->fragment_timeout_ns);
	r->upstream = upstream_new();
	r->sessions = calloc(settings->remote_count, sizeof *r->sessions);
	if (r->channels == NULL || r->names == NULL || r->history == NULL ||
	    r->classifier == NULL || r->reassembly == NULL || r->upstream == NULL ||
	    r->sessions == NULL)
		goto fail;
	for (size_t i = 1; i < r->channel_count; i++) {
		r->channels[i].own = settings->channels[i - 1];
		r->channels[i].settings = &r->channels[i].own;
		names_put(r->names, (uint32_t)i, r->channels[i].own.name);
	}
	for (size_t i = 0; i < settings->remote_count; i++) {
		r->session_count++;
		if (!relay_session_init(&r->sessions[i], r, (unsigned int)i,
					&settings->remotes[i], now.mono))
			goto fail;
	}
	return r;
fail:
	relay_free(r);
	return NULL;
}

void
relay_free(struct relay *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->session_count; i++)
		relay_session_fini(&r->sessions[i]);
	free(r->sessions);
	reassemble_free(r->reassembly);
	classify_free(r->classifier);
	upstream_free(r->upstream);
	history_free(r->history);
	names_free(r->names);
	free(r->channels);
	free(r);
}

size_t
relay_memory_bytes(const struct relay *r)
{
	size_t bytes = sizeof *r + r->channel_capacity * sizeof *r->channels +
		       names_memory_bytes((uint32_t)r->channel_capacity) +
		       history_memory_bytes(r->history) + upstream_memory_bytes() +
		       reassemble_memory_bytes(r->reassembly);

	for (size_t i = 0; i < r->session_count; i++)
		bytes += relay_session_memory_bytes(&r->sessions[i]);
	return bytes;
}

/* What the feed's own sequence says; it only ever counts. */
static void
check_feed(struct relay *r, uint16_t channel, const struct datagram *d)
{
	struct relay_channel *c = &r->channels[channel];
	struct feed_result result =
		feed_check(&c->feed, c->settings->feed, d->payload, d->len);

	if (result.missing > 0) {
		counter_inc(&c->book.upstream_gaps);
		counter_add(&c->book.upstream_missing, result.missing);
		upstream_note_gap(r->upstream,
				  &(struct upstream_gap){.channel = channel,
							 .captured = d->captured,
							 .first = result.first,
							 .missing = result.missing});
	}
	switch (result.verdict) {
	case FEED_RESET: counter_inc(&c->book.feed_resets); break;
	case FEED_REPEAT: counter_inc(&c->book.feed_repeats); break;
	case FEED_MALFORMED: counter_inc(&c->book.feed_malformed); break;
	case FEED_UNCHECKED:
	case FEED_FIRST:
	case FEED_NEXT:
	case FEED_HEARTBEAT:
	case FEED_GAP:
	case FEED_VERDICT_COUNT: break;
	}
}

bool
relay_remember(struct relay *r, mono_t now, uint16_t channel, enum history_kind kind,
	       utc_t captured, const void *payload, size_t len)
{
	struct capture_book *book = &r->channels[channel].book;
	seq_t seq = history_put(r->history, now, channel, kind, captured, payload, len);

	if (seq_cmp(seq, SEQ_NONE) == 0) {
		counter_inc(&book->refused);
		return false;
	}
	r->captured++;
	gauge_set(&r->channels[channel].captured_last_ns, captured.ns);
	counter_inc(&book->captured);
	counter_add(&book->captured_bytes, len);
	return true;
}

static void
take_datagram(struct relay *r, mono_t now, const struct datagram *d)
{
	int index = classify_find(r->classifier, d->group, d->port, d->source);

	if (index == CLASSIFY_NONE) {
		counter_inc(&r->figures.no_channel);
		return;
	}
	check_feed(r, (uint16_t)index, d);
	(void)relay_remember(r, now, (uint16_t)index, HISTORY_DATA, d->captured,
			     d->payload, d->len);
}

static enum decap_verdict
take_fragment(struct relay *r, mono_t now, const struct fragment *f, struct datagram *d)
{
	enum decap_verdict udp = DECAP_FRAGMENT;

	counter_inc(
		&r->figures.reassembly[reassemble_put(r->reassembly, now, f, d, &udp)]);
	return udp;
}

void
relay_frame(struct relay *r, struct now now, const struct frame *frame)
{
	struct datagram d;
	struct fragment f;
	enum decap_verdict verdict = decap_frame(frame, &d, &f);

	counter_inc(&r->figures.decap[verdict]);
	if (verdict == DECAP_FRAGMENT) {
		verdict = take_fragment(r, now.mono, &f, &d);
		if (verdict != DECAP_FRAGMENT)
			counter_inc(&r->figures.decap[verdict]);
	}
	if (verdict == DECAP_DATAGRAM)
		take_datagram(r, now.mono, &d);
}

void
relay_dropped(struct relay *r, struct now now, enum drop_point point, uint64_t n)
{
	uint8_t bytes[MARK_BYTES];
	struct wr w = wr_init(bytes, sizeof bytes);

	counter_add(&r->figures.dropped[point], n);
	counter_inc(&r->figures.marks);
	upstream_note_mark(r->upstream, &(struct upstream_mark){.told = now.utc,
								.point = point,
								.datagrams = n});
	wr_u8(&w, (uint8_t)point);
	wr_u64(&w, n);
	(void)relay_remember(r, now.mono, 0, HISTORY_MARK, now.utc, bytes,
			     sizeof bytes);
}

void
relay_read_mark(const struct history_record *rec, struct wire_mark *m)
{
	struct rd r = rd_init(rec->payload, rec->len);

	m->seq = rec->seq;
	m->at = rec->captured;
	m->cause = rd_u8(&r);
	m->count = rd_u64(&r);
	assert(!r.failed);
}

/* In a pinned history: what every peer has settled may go. */
static void
free_settled(struct relay *r)
{
	uint64_t pos = history_head(r->history);

	for (size_t i = 0; i < r->session_count; i++) {
		if (r->sessions[i].acked < pos)
			pos = r->sessions[i].acked;
	}
	history_pin(r->history, pos);
}

bool
relay_may_capture(struct relay *r)
{
	for (size_t i = 0; i < r->session_count; i++) {
		if (r->sessions[i].instance == 0)
			return false;
	}
	free_settled(r);
	return history_has_room(r->history, DATAGRAM_BYTES_MAX);
}

long
relay_input(struct relay *r, struct now now, unsigned int remote, unsigned int slot,
	    const uint8_t *bytes, size_t len)
{
	struct relay_session *s = &r->sessions[remote];
	struct wire_frame f;
	size_t done = 0, size;

	if (!s->paths[slot].life.up)
		return (long)len;
	s->paths[slot].life.heard = now.mono;
	while (wire_next(bytes + done, len - done, &f, &size) == WIRE_WHOLE) {
		if (!relay_session_frame(s, now, slot, &f)) {
			counter_inc(&r->figures.protocol_errors);
			return -1;
		}
		done += size;
	}
	return (long)done;
}

size_t
relay_fill(struct relay *r, struct now now, unsigned int remote, unsigned int slot,
	   uint8_t *buf, size_t limit, size_t cap)
{
	struct batch b = batch_init(buf, limit, cap);

	relay_session_fill(&r->sessions[remote], now, slot, &b);
	return batch_used(&b);
}

static void
measure_paths(struct relay *r, mono_t now)
{
	for (size_t i = 0; i < r->session_count; i++)
		for (size_t j = 0; j < PATHS_MAX; j++)
			traffic_measure(&r->sessions[i].paths[j].traffic, now);
}

void
relay_tick(struct relay *r, struct now now)
{
	if (mono_due(r->tick_due, now.mono)) {
		r->tick_due = mono_add(now.mono, TICK_NS);
		counter_add(&r->figures.fragments_expired,
			    reassemble_expire(r->reassembly, now.mono));
		history_expire(r->history, now.mono);
		gauge_set(&r->history_used, (int64_t)history_backlog(r->history, 0));
		measure_paths(r, now.mono);
		relay_balance(r);
		for (size_t i = 0; i < r->session_count; i++)
			relay_told_look(&r->sessions[i], now.mono);
	}
	for (size_t i = 0; i < r->session_count; i++)
		relay_session_tick(&r->sessions[i], now);
}

mono_t
relay_deadline(const struct relay *r)
{
	mono_t due = r->tick_due;

	for (size_t i = 0; i < r->session_count; i++)
		due = mono_min(due, relay_session_deadline(&r->sessions[i]));
	return due;
}

const gauge_t *
relay_history_used(const struct relay *r)
{
	return &r->history_used;
}

const struct relay_settings *
relay_settings(const struct relay *r)
{
	return r->settings;
}

const struct relay_figures *
relay_figures(const struct relay *r)
{
	return &r->figures;
}

size_t
relay_channel_count(const struct relay *r)
{
	return r->channel_count;
}

const struct relay_channel *
relay_channel(const struct relay *r, size_t index)
{
	return &r->channels[index];
}

const struct relay_session *
relay_session(const struct relay *r, size_t remote)
{
	return &r->sessions[remote];
}

uint64_t
relay_epoch(const struct relay *r)
{
	return r->epoch;
}

const struct history *
relay_history(const struct relay *r)
{
	return r->history;
}

const struct upstream *
relay_upstream(const struct relay *r)
{
	return r->upstream;
}

void
relay_balance(struct relay *r)
{
	for (size_t i = 0; i < r->session_count; i++)
		relay_session_balance(&r->sessions[i]);
}

void
relay_finish(struct relay *r)
{
	relay_balance(r);
	for (size_t i = 0; i < r->session_count; i++)
		relay_told_finish(&r->sessions[i]);
}
