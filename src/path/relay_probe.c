/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 7 of 10 (relay): does what is long arrive? When the MTU of a datagram path
 * shrinks and nobody says so (a tunnel more on the way, ICMP filtered) what is longer
 * vanishes. Heartbeats, reports and handshakes pass: the path stays up, and carries
 * nothing that matters. So while data frames are lost two heartbeats are sent now and
 * then: one by itself, and one repeated until its datagram is as long as the path is
 * said to take. The peer's report echoes the time stamp of what it heard last. When
 * the short one arrived and the long one did not, many times in a row, the path is
 * narrow: its datagrams become as short as those of a handshake, which did arrive,
 * until a long one is answered again. (RFC 8899 calls it black hole detection.)
 *
 * A line that loses at random is hardly taken for a narrow one: where half is lost in
 * both directions, once in 26,000 runs; and the next long one that arrives undoes it.
 */
#include "path/relay_probe.h"

#include "path/relay_internal.h"
#include "path/relay_session.h"

#define EVERY_NS      (150 * NS_PER_MS) /* and a round trip */
#define ALONE_NS      (2 * NS_PER_MS)
#define RELAX_NS      NS_PER_S /* when a long one was answered */
#define MISSED_NARROW 12
/* A handshake's datagrams (dtls.c) less what DTLS adds. */
#define NARROW_BYTES 1200

void
relay_probe_start(struct relay_path *p, size_t mtu)
{
	p->probe = (struct probe){.mtu = mtu};
	p->mtu = mtu;
	gauge_set(&p->narrow_bytes, 0);
}

static bool
is_narrow(const struct relay_path *p)
{
	return gauge_get(&p->narrow_bytes) != 0;
}

static bool
is_wanted(const struct relay_path *p)
{
	return p->open && p->kind == PATH_DATAGRAM && p->probe.mtu > NARROW_BYTES &&
	       (p->timing.loss_ppm > 0 || is_narrow(p));
}

static void
set_narrow(struct relay_session *s, struct relay_path *p, bool narrow)
{
	const struct relay *r = s->relay;

	p->mtu = narrow ? NARROW_BYTES : p->probe.mtu;
	gauge_set(&p->narrow_bytes, narrow ? NARROW_BYTES : 0);
	if (r->ops->narrow != NULL)
		r->ops->narrow(r->arg, s->remote, (unsigned int)(p - s->paths), narrow,
			       p->mtu, p->probe.mtu);
}

/* Nothing is known of the long one as long as the short one is not answered. */
static void
judge(struct relay_session *s, struct relay_path *p)
{
	struct probe *probe = &p->probe;

	if (probe->short_heard && !probe->long_heard)
		probe->missed++;
	if (probe->missed >= MISSED_NARROW && !is_narrow(p))
		set_narrow(s, p, true);
}

void
relay_probe_heard(struct relay_session *s, struct relay_path *p,
		  const struct wire_timing *t)
{
	struct probe *probe = &p->probe;

	probe->short_heard |=
		probe->short_ns != 0 && t->echo_mono_ns == probe->short_ns;
	if (probe->long_ns == 0 || t->echo_mono_ns != probe->long_ns)
		return;
	probe->long_heard = true;
	probe->missed = 0;
	if (is_narrow(p))
		set_narrow(s, p, false);
}

static void
begin(struct relay_session *s, struct relay_path *p, mono_t now)
{
	struct probe *probe = &p->probe;
	int64_t wait_ns = EVERY_NS + p->timing.srtt_ns;

	if (!is_narrow(p) && probe->long_heard)
		wait_ns += RELAX_NS;
	judge(s, p);
	probe->due = mono_add(now, wait_ns);
	probe->short_heard = probe->long_heard = false;
	/* Stamps that no other heartbeat of this turn has. */
	probe->short_ns = now.ns - 2;
	probe->long_ns = 0;
}

static void
put_beat(const struct relay_path *p, struct now now, struct batch *b, int64_t stamp_ns)
{
	struct wire_timing timing = timing_stamp(&p->timing, now, p->frames);
	struct wire_draft d = wire_begin(&b->w, WIRE_HEARTBEAT, 0);

	timing.sent_mono_ns = stamp_ns;
	wire_put_timing(&b->w, &timing);
	wire_entries(&b->w, &d);
	(void)wire_end(&b->w, &d); /* fits: the caller has looked */
}

/* The short one first: of two that arrive together the peer echoes the latter. */
bool
relay_probe_fill(struct relay_session *s, struct now now, struct relay_path *p,
		 struct batch *b)
{
	struct probe *probe = &p->probe;
	size_t length = b->limit < probe->mtu ? b->limit : probe->mtu;

	if (!is_wanted(p) || length <= NARROW_BYTES)
		return false;
	if (probe->short_ns != 0 && probe->long_ns == 0) {
		probe->long_ns = now.mono.ns - 1;
		probe->over = mono_add(now.mono, ALONE_NS);
		while (batch_used(b) + WIRE_TIMING_BYTES <= length)
			put_beat(p, now, b, probe->long_ns);
		return true;
	}
	if (!mono_due(probe->due, now.mono) || p->beating)
		return false;
	begin(s, p, now.mono);
	put_beat(p, now, b, probe->short_ns);
	return true;
}

mono_t
relay_probe_deadline(const struct relay_path *p)
{
	return is_wanted(p) ? p->probe.due : MONO_NEVER;
}
