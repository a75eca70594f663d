/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 7 of 10, on both halves: verdicts, numbers and payloads to frames and
 * back. Gets records from history and session, hands bytes to tunnel; on the
 * peer the other way round. Runs on the lane's thread.
 */
#include "path/wire.h"

#include <stdlib.h>

const char *
wire_type_name(unsigned int type)
{
	switch (type) {
#define X(id, n, name) \
	case WIRE_##id: return name;
		WIRE_TYPES(X)
#undef X
	default: return "?";
	}
}

const char *
wire_verdict_name(enum wire_verdict verdict)
{
	switch (verdict) {
#define X(id, n, name) \
	case WIRE_##id: return name;
		WIRE_VERDICTS(X)
#undef X
	}
	return "?";
}

const char *
wire_bye_name(unsigned int reason)
{
	switch (reason) {
#define X(id, n, name) \
	case WIRE_BYE_##id: return name;
		WIRE_BYES(X)
#undef X
	default: return "?";
	}
}

enum wire_next
wire_next(const uint8_t *bytes, size_t len, struct wire_frame *frame, size_t *size)
{
	struct rd r = rd_init(bytes, len);

	frame->type = rd_u8(&r);
	frame->flags = rd_u8(&r);
	frame->len = rd_u16(&r);
	frame->body = rd_bytes(&r, frame->len);
	if (r.failed)
		return WIRE_SHORT;
	*size = WIRE_HEADER_BYTES + frame->len;
	return WIRE_WHOLE;
}

/* A reader that stands exactly at its end and never ran over it. */
static bool
exhausted(const struct rd *r)
{
	return !r->failed && rd_left(r) == 0;
}

/* Numbers that no relay can have reached are refused, so that arithmetic on them
 * stays far from its limits. */
static uint64_t
rd_bounded(struct rd *r)
{
	uint64_t n = rd_u64(r);

	if (n > WIRE_SEQ_MAX)
		r->failed = true;
	return r->failed ? 0 : n;
}

static seq_t
rd_seq(struct rd *r)
{
	return (seq_t){rd_bounded(r)};
}

static void
wr_seq(struct wr *w, seq_t seq)
{
	wr_u64(w, seq.n);
}

/* Names are printed and compared: only visible ASCII gets in. */
static bool
rd_name(struct rd *r, struct wire_name *name)
{
	const uint8_t *p;

	name->len = rd_u8(r);
	name->text[0] = '\0';
	if (name->len > WIRE_NAME_MAX)
		return false;
	p = rd_bytes(r, name->len);
	if (p == NULL)
		return false;
	for (size_t i = 0; i < name->len; i++) {
		if (p[i] <= ' ' || p[i] > '~')
			return false;
	}
	memcpy(name->text, p, name->len);
	name->text[name->len] = '\0';
	return true;
}

static void
wr_name(struct wr *w, const struct wire_name *name)
{
	wr_u8(w, name->len);
	wr_bytes(w, name->text, name->len);
}

void
wire_set_name(struct wire_name *name, const char *text)
{
	size_t len = strnlen(text, WIRE_NAME_MAX);

	memcpy(name->text, text, len);
	name->text[len] = '\0';
	name->len = (uint8_t)len;
}

bool
wire_get_greeting(const struct wire_frame *f, struct wire_greeting *g,
		  struct rd *entries)
{
	struct rd r = rd_init(f->body, f->len);

	g->version = rd_u16(&r);
	g->capabilities = rd_u32(&r);
	g->epoch = rd_u64(&r);
	g->lane = rd_u16(&r);
	g->instance = rd_u64(&r);
	g->greeting = rd_u32(&r);
	g->total = rd_u16(&r);
	g->slot = rd_u8(&r);
	if (!rd_name(&r, &g->node))
		return false;
	g->count = rd_u16(&r);
	*entries = r;
	return !r.failed && g->epoch != 0 && (g->count > 0 || rd_left(&r) == 0);
}

bool
wire_get_channel(struct rd *entries, struct wire_channel *c)
{
	c->id = rd_u16(entries);
	c->flags = rd_u8(entries);
	c->group = rd_u32(entries);
	c->port = rd_u16(entries);
	c->source = rd_u32(entries);
	c->next = rd_seq(entries);
	c->oldest = rd_seq(entries);
	c->fresh = rd_seq(entries);
	if (!rd_name(entries, &c->name))
		return false;
	return !entries->failed && !seq_before(c->oldest, SEQ_FIRST) &&
	       !seq_before(c->next, c->oldest) && !seq_before(c->fresh, SEQ_FIRST) &&
	       !seq_before(c->next, c->fresh);
}

bool
wire_get_resume(struct rd *entries, struct wire_resume *r)
{
	r->id = rd_u16(entries);
	r->next = rd_seq(entries);
	return !entries->failed && !seq_before(r->next, SEQ_FIRST);
}

bool
wire_get_data(const struct wire_frame *f, struct wire_data *d)
{
	struct rd r = rd_init(f->body, f->len);

	d->channel = rd_u16(&r);
	d->seq = rd_seq(&r);
	d->captured.ns = (int64_t)rd_bounded(&r);
	d->part = (f->flags & WIRE_PART) != 0;
	d->offset = d->part ? rd_u16(&r) : 0;
	d->total = d->part ? rd_u16(&r) : 0;
	d->len = rd_left(&r);
	d->payload = rd_bytes(&r, d->len);
	if (r.failed || seq_before(d->seq, SEQ_FIRST))
		return false;
	if (d->len > WIRE_PAYLOAD_MAX)
		return false;
	if (!d->part)
		d->total = (uint16_t)d->len;
	return d->total <= WIRE_PAYLOAD_MAX && d->len <= d->total &&
	       d->offset <= d->total - d->len;
}

bool
wire_get_mark(const struct wire_frame *f, struct wire_mark *m)
{
	struct rd r = rd_init(f->body, f->len);

	m->seq = rd_seq(&r);
	m->at.ns = (int64_t)rd_bounded(&r);
	m->cause = rd_u8(&r);
	m->count = rd_u64(&r);
	return exhausted(&r) && !seq_before(m->seq, SEQ_FIRST);
}

bool
wire_get_entry(const uint8_t *entry, size_t len, struct wire_channel *c)
{
	struct rd r = rd_init(entry, len);

	return wire_get_channel(&r, c) && exhausted(&r);
}

bool
wire_get_change(const struct wire_frame *f, struct wire_change *c)
{
	struct rd r = rd_init(f->body, f->len);
	struct wire_channel e;

	c->seq = rd_seq(&r);
	c->at.ns = (int64_t)rd_bounded(&r);
	c->len = rd_left(&r);
	c->entry = rd_bytes(&r, c->len);
	/* Channel 0 is what carries changes: it does not change itself. */
	return !r.failed && !seq_before(c->seq, SEQ_FIRST) &&
	       wire_get_entry(c->entry, c->len, &e) && e.id != 0;
}

bool
wire_get_timing(const struct wire_frame *f, struct wire_timing *t, uint16_t *count,
		struct rd *entries)
{
	struct rd r = rd_init(f->body, f->len);

	t->sent_mono_ns = (int64_t)rd_u64(&r);
	t->sent_utc_ns = (int64_t)rd_u64(&r);
	t->echo_mono_ns = (int64_t)rd_u64(&r);
	t->hold_ns = (int64_t)rd_u64(&r);
	t->frames = rd_bounded(&r);
	*count = rd_u16(&r);
	*entries = r;
	return !r.failed && (*count > 0 || rd_left(&r) == 0);
}

bool
wire_get_books(const struct wire_frame *f, struct rd *entries, struct wire_books *b)
{
	b->channel = rd_u16(entries);
	b->next = rd_seq(entries);
	b->sent = f->type == WIRE_HEARTBEAT ? rd_seq(entries) : b->next;
	b->count = f->flags & WIRE_BOOKS ? rd_u8(entries) : 0;
	if (b->count > WIRE_FIGURES_MAX)
		return false;
	for (size_t i = 0; i < b->count; i++)
		b->figures[i] = rd_u64(entries);
	return !entries->failed && !seq_before(b->next, SEQ_FIRST);
}

bool
wire_get_count(const struct wire_frame *f, uint16_t *count, struct rd *entries)
{
	struct rd r = rd_init(f->body, f->len);

	*count = rd_u16(&r);
	*entries = r;
	return !r.failed && (*count > 0 || rd_left(&r) == 0);
}

bool
wire_get_range(struct rd *entries, struct wire_range *r)
{
	r->channel = rd_u16(entries);
	r->first = rd_seq(entries);
	r->count = rd_u32(entries);
	return !entries->failed && r->count > 0 && !seq_before(r->first, SEQ_FIRST);
}

bool
wire_get_answer(struct rd *entries, struct wire_answer *a)
{
	uint8_t verdict;

	a->channel = rd_u16(entries);
	verdict = rd_u8(entries);
	a->first = rd_seq(entries);
	a->count = rd_bounded(entries);
	a->retry_us = rd_u32(entries);
	if (entries->failed || verdict < WIRE_AGED || verdict > WIRE_THROTTLED)
		return false;
	a->verdict = (enum wire_verdict)verdict;
	return a->count > 0 && !seq_before(a->first, SEQ_FIRST);
}

bool
wire_get_demand(const struct wire_frame *f, struct wire_demand *d)
{
	struct rd r = rd_init(f->body, f->len);

	d->generation = rd_u32(&r);
	d->len = rd_left(&r);
	d->unwanted = rd_bytes(&r, d->len);
	return !r.failed && d->generation > 0 && d->len <= WIRE_DEMAND_MAX;
}

bool
wire_get_bye(const struct wire_frame *f, uint8_t *reason, struct wire_name *text)
{
	struct rd r = rd_init(f->body, f->len);

	*reason = rd_u8(&r);
	return rd_name(&r, text) && exhausted(&r);
}

struct wire_draft
wire_begin(struct wr *w, enum wire_type type, uint8_t flags)
{
	struct wire_draft d = {.start = w->p};

	wr_u8(w, type);
	wr_u8(w, flags);
	wr_u16(w, 0);
	return d;
}

void
wire_entries(struct wr *w, struct wire_draft *d)
{
	d->count = wr_room(w, 2);
}

bool
wire_end(struct wr *w, struct wire_draft *d)
{
	size_t len = (size_t)(w->p - d->start);
	struct wr patch;

	if (w->failed || len > WIRE_HEADER_BYTES + UINT16_MAX) {
		w->p = d->start;
		w->failed = false;
		return false;
	}
	patch = wr_init(d->start + 2, 2);
	wr_u16(&patch, (uint16_t)(len - WIRE_HEADER_BYTES));
	if (d->count != NULL) {
		patch = wr_init(d->count, 2);
		wr_u16(&patch, d->entries);
	}
	return true;
}

void
wire_put_greeting(struct wr *w, const struct wire_greeting *g)
{
	wr_u16(w, g->version);
	wr_u32(w, g->capabilities);
	wr_u64(w, g->epoch);
	wr_u16(w, g->lane);
	wr_u64(w, g->instance);
	wr_u32(w, g->greeting);
	wr_u16(w, g->total);
	wr_u8(w, g->slot);
	wr_name(w, &g->node);
}

void
wire_put_channel(struct wr *w, const struct wire_channel *c)
{
	wr_u16(w, c->id);
	wr_u8(w, c->flags);
	wr_u32(w, c->group);
	wr_u16(w, c->port);
	wr_u32(w, c->source);
	wr_seq(w, c->next);
	wr_seq(w, c->oldest);
	wr_seq(w, c->fresh);
	wr_name(w, &c->name);
}

void
wire_put_resume(struct wr *w, const struct wire_resume *r)
{
	wr_u16(w, r->id);
	wr_seq(w, r->next);
}

void
wire_put_timing(struct wr *w, const struct wire_timing *t)
{
	wr_u64(w, (uint64_t)t->sent_mono_ns);
	wr_u64(w, (uint64_t)t->sent_utc_ns);
	wr_u64(w, (uint64_t)t->echo_mono_ns);
	wr_u64(w, (uint64_t)t->hold_ns);
	wr_u64(w, t->frames);
}

void
wire_put_books(struct wr *w, uint8_t type, uint8_t flags, const struct wire_books *b)
{
	wr_u16(w, b->channel);
	wr_seq(w, b->next);
	if (type == WIRE_HEARTBEAT)
		wr_seq(w, b->sent);
	if ((flags & WIRE_BOOKS) == 0)
		return;
	wr_u8(w, b->count);
	for (size_t i = 0; i < b->count; i++)
		wr_u64(w, b->figures[i]);
}

void
wire_put_range(struct wr *w, const struct wire_range *r)
{
	wr_u16(w, r->channel);
	wr_seq(w, r->first);
	wr_u32(w, r->count);
}

void
wire_put_answer(struct wr *w, const struct wire_answer *a)
{
	wr_u16(w, a->channel);
	wr_u8(w, (uint8_t)a->verdict);
	wr_seq(w, a->first);
	wr_u64(w, a->count);
	wr_u32(w, a->retry_us);
}

bool
wire_put_data(struct wr *w, uint8_t flags, const struct wire_data *d)
{
	struct wire_draft draft;

	if (d->part)
		flags |= WIRE_PART;
	draft = wire_begin(w, WIRE_DATA, flags);
	wr_u16(w, d->channel);
	wr_seq(w, d->seq);
	wr_u64(w, (uint64_t)d->captured.ns);
	if (d->part) {
		wr_u16(w, d->offset);
		wr_u16(w, d->total);
	}
	wr_bytes(w, d->payload, d->len);
	return wire_end(w, &draft);
}

bool
wire_put_change(struct wr *w, uint8_t flags, const struct wire_change *c)
{
	struct wire_draft draft = wire_begin(w, WIRE_CHANGE, flags);

	wr_seq(w, c->seq);
	wr_u64(w, (uint64_t)c->at.ns);
	wr_bytes(w, c->entry, c->len);
	return wire_end(w, &draft);
}

bool
wire_put_mark(struct wr *w, uint8_t flags, const struct wire_mark *m)
{
	struct wire_draft draft = wire_begin(w, WIRE_MARK, flags);

	wr_seq(w, m->seq);
	wr_u64(w, (uint64_t)m->at.ns);
	wr_u8(w, m->cause);
	wr_u64(w, m->count);
	return wire_end(w, &draft);
}

bool
wire_put_demand(struct wr *w, const struct wire_demand *d)
{
	/* Whoever does not know of it goes on as if all were wanted. */
	struct wire_draft draft = wire_begin(w, WIRE_DEMAND, WIRE_OPTIONAL);

	wr_u32(w, d->generation);
	wr_bytes(w, d->unwanted, d->len);
	return wire_end(w, &draft);
}

bool
wire_put_bye(struct wr *w, enum wire_bye reason, const char *text)
{
	struct wire_draft draft = wire_begin(w, WIRE_BYE, 0);
	struct wire_name name;

	wire_set_name(&name, text);
	wr_u8(w, (uint8_t)reason);
	wr_name(w, &name);
	return wire_end(w, &draft);
}
