/* SPDX-License-Identifier: Apache-2.0 */
#include "core_rig.h"

#include <pcap/dlt.h>
#include <stdio.h>
#include <string.h>

#include "path/capture.h"

/* ---- a clock ---- */

struct now
core_rig_start(void)
{
	return (struct now){.mono = {1000 * NS_PER_S}, .utc = {1790000000 * NS_PER_S}};
}

void
core_rig_pass(struct now *now, int64_t ns)
{
	now->mono = mono_add(now->mono, ns);
	now->utc.ns += ns;
}

/* ---- who they are ---- */

const struct session_settings core_rig_session = {.heartbeat_ns = RIG_HEARTBEAT_NS,
						  .path_timeout_ns = RIG_TIMEOUT_NS};

/* ---- ops ---- */

void
core_rig_deaf_session(void *arg, unsigned int remote, enum session_state from,
		      enum session_state to, const char *why)
{
	(void)arg, (void)remote, (void)from, (void)to, (void)why;
}

void
core_rig_deaf_close(void *arg, unsigned int remote, unsigned int slot,
		    enum wire_bye reason)
{
	(void)arg, (void)remote, (void)slot, (void)reason;
}

void
core_rig_deaf_bye(void *arg, unsigned int remote, unsigned int reason, const char *text)
{
	(void)arg, (void)remote, (void)reason, (void)text;
}

void
core_rig_deaf_epoch(void *arg, unsigned int remote, uint64_t before, uint64_t after,
		    utc_t last)
{
	(void)arg, (void)remote, (void)before, (void)after, (void)last;
}

void
core_rig_deaf_lost(void *arg, unsigned int remote, const struct peer_channel *channel,
		   enum lost_reason reason, uint64_t n)
{
	(void)arg, (void)remote, (void)channel, (void)reason, (void)n;
}

void
core_rig_deaf_mark(void *arg, unsigned int remote, enum drop_point cause, uint64_t n)
{
	(void)arg, (void)remote, (void)cause, (void)n;
}

void
core_rig_deaf_breaker(void *arg, unsigned int remote, bool open)
{
	(void)arg, (void)remote, (void)open;
}

void
core_rig_deaf_quota(void *arg, const struct quota_flow *flow, bool within,
		    uint64_t datagrams)
{
	(void)arg, (void)flow, (void)within, (void)datagrams;
}

const struct relay_ops core_rig_deaf_relay = {
	.session = core_rig_deaf_session,
	.close = core_rig_deaf_close,
	.bye = core_rig_deaf_bye,
};

const struct peer_ops core_rig_deaf_peer = {
	.session = core_rig_deaf_session,
	.close = core_rig_deaf_close,
	.bye = core_rig_deaf_bye,
	.epoch = core_rig_deaf_epoch,
	.lost = core_rig_deaf_lost,
	.mark = core_rig_deaf_mark,
	.breaker = core_rig_deaf_breaker,
	.quota = core_rig_deaf_quota,
};

/* ---- channels ---- */

void
core_rig_channel(struct channel_settings *c, unsigned int id)
{
	snprintf(c->name, sizeof c->name, "ch%u", id);
	c->group = CORE_RIG_GROUP + id;
	c->port = (uint16_t)(CORE_RIG_PORT + id);
}

struct wire_channel
core_rig_announced(uint16_t id, uint64_t next, uint64_t fresh)
{
	struct wire_channel c = {
		.id = id, .next = {next}, .oldest = SEQ_FIRST, .fresh = {fresh}};
	struct channel_settings s = {.name = "marks"};

	if (id != MARKS_ID)
		core_rig_channel(&s, id);
	wire_set_name(&c.name, s.name);
	c.group = s.group;
	c.port = s.port;
	return c;
}

struct wire_greeting
core_rig_greeting(const char *node, uint16_t channels)
{
	struct wire_greeting g = {
		.version = WIRE_VERSION, .greeting = 1, .total = channels};

	wire_set_name(&g.node, node);
	return g;
}

/* ---- capture ---- */

void
core_rig_put_headers(struct wr *w, int link_type, const struct channel_settings *c,
		     size_t len)
{
	static const uint8_t ethernet[CORE_RIG_ETHERNET] = {1, 0, 0x5e, 1, 2, 3, 2,
							    0, 0, 0,    0, 1, 8, 0};

	if (link_type == DLT_EN10MB)
		wr_bytes(w, ethernet, sizeof ethernet);
	wr_u16(w, 0x4500);
	wr_u16(w, (uint16_t)(CORE_RIG_HEADERS + len));
	wr_u32(w, 0x00004000); /* not to be fragmented */
	wr_u32(w, 0x10110000); /* TTL 16, UDP */
	wr_u32(w, 0x0a000009);
	wr_u32(w, c->group);
	wr_u16(w, 4000);
	wr_u16(w, c->port);
	wr_u16(w, (uint16_t)(8 + len));
	wr_u16(w, 0);
}

void
core_rig_capture(struct relay *r, struct now now, const struct channel_settings *c,
		 const void *payload, size_t len)
{
	uint8_t bytes[CORE_RIG_HEADERS + CORE_RIG_DATAGRAM_MAX];
	struct wr w = wr_init(bytes, sizeof bytes);
	struct frame f = {.link_type = DLT_RAW, .captured = now.utc, .bytes = bytes};

	core_rig_put_headers(&w, DLT_RAW, c, len);
	wr_bytes(&w, payload, len);
	f.caplen = f.len = sizeof bytes - wr_left(&w);
	relay_frame(r, now, &f);
}

/* ---- emission ---- */

void
core_rig_emit(struct peer *p, struct now now, enum emit_verdict verdict)
{
	struct outgoing out[EMIT_BATCH];
	enum emit_verdict verdicts[EMIT_BATCH];
	size_t n;

	for (size_t i = 0; i < EMIT_BATCH; i++)
		verdicts[i] = verdict;
	while ((n = peer_ready(p, now, out, EMIT_BATCH)) > 0)
		peer_emitted(p, now, verdicts, n);
}

/* ---- the line between two cores ---- */

/* Cuts out of what is said what the line loses. */
static size_t
pass(const struct core_rig_line *line, bool from_relay, size_t len)
{
	struct wire_frame f;
	size_t at = 0, kept = 0, size;

	if (line->loses == NULL)
		return len;
	while (wire_next(line->buf + at, len - at, &f, &size) == WIRE_WHOLE) {
		if (!line->loses(line->arg, from_relay, &f)) {
			memmove(line->buf + kept, line->buf + at, size);
			kept += size;
		}
		at += size;
	}
	return at == len ? kept : SIZE_MAX;
}

static bool
to_peer(const struct core_rig_line *line, struct now now)
{
	for (int budget = line->fills; budget > 0; budget--) {
		size_t n = relay_fill(line->relay, now, line->remote, line->slot,
				      line->buf, line->limit, line->cap);

		if (n == 0)
			break;
		n = pass(line, true, n);
		if (n == SIZE_MAX)
			return false;
		if (n > 0 &&
		    peer_input(line->peer, now, 0, line->slot, line->buf, n) != (long)n)
			return false;
	}
	return true;
}

static bool
to_relay(const struct core_rig_line *line, struct now now)
{
	for (int budget = line->fills; budget > 0; budget--) {
		size_t n = peer_fill(line->peer, now, 0, line->slot, line->buf,
				     line->limit, line->cap);

		if (n == 0)
			break;
		n = pass(line, false, n);
		if (n == SIZE_MAX)
			return false;
		if (n > 0 && relay_input(line->relay, now, line->remote, line->slot,
					 line->buf, n) != (long)n)
			return false;
	}
	return true;
}

bool
core_rig_exchange(const struct core_rig_line *line, struct now now)
{
	return to_peer(line, now) && to_relay(line, now);
}
