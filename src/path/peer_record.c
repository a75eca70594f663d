/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 8 of 10 (peer): marks and changes, which channel 0 carries. Gets their frames
 * from peer_session and, in their place, what peer_arrival releases; hands marks to the
 * lane, and changes to the channels that they are about. Runs on the lane's thread.
 */
#include "path/peer_record.h"

#include "path/emitted.h"
#include "path/peer_demand.h"
#include "path/peer_internal.h"
#include "path/peer_session.h"

/* What is held begins with a byte that says which. */
#define RECORD_MARK   0
#define RECORD_CHANGE 1

bool
peer_record_get(const struct wire_frame *f, uint8_t bytes[RECORD_BYTES_MAX],
		struct wire_data *d)
{
	struct wr w = wr_init(bytes, RECORD_BYTES_MAX);
	struct wire_change c;
	struct wire_mark m;

	*d = (struct wire_data){.channel = MARKS_ID, .payload = bytes};
	if (f->type == WIRE_MARK) {
		if (!wire_get_mark(f, &m))
			return false;
		d->seq = m.seq;
		d->captured = m.at;
		wr_u8(&w, RECORD_MARK);
		wr_u8(&w, m.cause);
		wr_u64(&w, m.count);
	} else {
		if (!wire_get_change(f, &c))
			return false;
		d->seq = c.seq;
		d->captured = c.at;
		wr_u8(&w, RECORD_CHANGE);
		wr_bytes(&w, c.entry, c.len);
	}
	d->len = RECORD_BYTES_MAX - wr_left(&w);
	return true;
}

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

static void
read_change(struct peer_session *s, seq_t seq, const uint8_t *entry, size_t len)
{
	struct peer_channel *c;
	struct wire_channel e;
	enum wire_bye bye = WIRE_BYE_PROTOCOL;

	/* Sent again after a greeting that said what came of it. */
	if (peer_greeting_knows(s, seq))
		return;
	if (wire_get_entry(entry, len, &e))
		bye = peer_session_place(s, &e, &c);
	if (bye == 0) {
		peer_channel_update(c, &e);
		peer_channel_know(c, e.next);
		peer_demand_changed(s);
	}
	for (size_t i = 0; bye != 0 && i < PATHS_MAX; i++) {
		if (s->paths[i].open)
			peer_path_say_bye(&s->paths[i], bye);
	}
}

/* What channel 0 carries is not emitted: it is read. Either fits one chunk. */
void
peer_record_read(struct peer_channel *c, uint32_t chunk)
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
		read_change(s, pool_held(p->pool, chunk)->seq, rd_bytes(&r, left),
			    left);
	}
	pool_drop(p->pool, chunk);
	counter_inc(&c->book.emitted);
}
