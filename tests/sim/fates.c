/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into the bridge, and whether the same comes out, once, in order. */
#include <pcap/dlt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/core_rig.h"
#include "base/cursor.h"
#include "world.h"

#define PAYLOAD_MIN 16
#define LONG_MAX    9000
#define FRAME_BYTES 64

static bool
is_long(const struct script *s, struct dice *d, unsigned int channel)
{
	return channel % 2 == 0 && dice_chance(d, s->longs);
}

static size_t
payload_len(const struct script *s, unsigned int channel, uint64_t number)
{
	struct dice d = {.state = number * 31 + channel};
	size_t max = is_long(s, &d, channel) ? LONG_MAX : s->payload_max;

	return PAYLOAD_MIN + dice_below(&d, max - PAYLOAD_MIN + 1);
}

static void
payload_make(unsigned int channel, uint64_t number, uint8_t *bytes, size_t len)
{
	struct wr w = wr_init(bytes, len);

	wr_u64(&w, channel);
	wr_u64(&w, number);
	for (size_t i = PAYLOAD_MIN; i < len; i++)
		bytes[i] = (uint8_t)(number * 7 + i);
}

/* A frame as captured: decap is part of what is tested. */
static size_t
frame_make(const struct channel_settings *c, const uint8_t *payload, size_t len,
	   uint8_t *bytes, size_t room)
{
	struct wr w = wr_init(bytes, room);

	core_rig_put_headers(&w, DLT_EN10MB, c, len);
	wr_bytes(&w, payload, len);
	return (size_t)(w.p - bytes);
}

/* Room for one more number. */
static void
make_room(struct fate *fate)
{
	uint64_t room = fate->room ? 2 * fate->room : 1024;

	if (fate->next < fate->room)
		return;
	fate->fed = realloc(fate->fed, room * sizeof *fate->fed);
	fate->seen = realloc(fate->seen, room / 64 * sizeof *fate->seen);
	memset(fate->seen + fate->room / 64, 0,
	       (room - fate->room) / 64 * sizeof *fate->seen);
	fate->room = room;
}

void
fates_feed(struct world *w)
{
	const struct script *s = &w->script;
	unsigned int ch = s->even ? w->fed++ % s->channels
				  : (unsigned int)dice_below(&w->dice, s->channels);
	struct fate *fate = &w->fates[ch];
	uint8_t payload[LONG_MAX], bytes[LONG_MAX + FRAME_BYTES];
	struct frame f = {
		.link_type = DLT_EN10MB, .captured = w->now.utc, .bytes = bytes};
	uint64_t number;
	size_t len;

	make_room(fate);
	number = fate->next++;
	fate->fed[number] = w->now.mono;
	if (!w->alive[RELAY] || !w->listed[ch])
		return; /* nobody captured it */
	len = payload_len(s, ch, number);
	payload_make(ch, number, payload, len);
	f.len = f.caplen =
		frame_make(&w->channels[ch], payload, len, bytes, sizeof bytes);
	relay_frame(w->relay, w->now, &f);
}

/* ---- the receiver ---- */

static int64_t
shortest_delay_ns(const struct script *s)
{
	int64_t ns = s->links[0].line.delay_ns;

	for (unsigned int i = 1; i < s->link_count; i++) {
		if (s->links[i].line.delay_ns < ns)
			ns = s->links[i].line.delay_ns;
	}
	return ns;
}

static void
time_it(struct world *w, unsigned int ch, uint64_t number, uint64_t opener)
{
	mono_t fed = w->fates[ch].fed[number];
	int64_t ns = mono_sub(w->now.mono, fed) - shortest_delay_ns(&w->script);

	if (ns > w->worst_ns)
		w->worst_ns = ns;
	if (w->script.warm_ns == 0 ||
	    mono_before(fed, mono_add(w->started, w->script.warm_ns)))
		return;
	if (w->latency_count == w->latency_room) {
		w->latency_room = w->latency_room ? 2 * w->latency_room : 4096;
		w->latencies =
			realloc(w->latencies, w->latency_room * sizeof *w->latencies);
	}
	w->latencies[w->latency_count++] = (struct latency){ns, ch, number, opener};
}

static bool
see(struct fate *fate, uint64_t number)
{
	uint64_t bit = UINT64_C(1) << (number % 64);

	if (fate->seen[number / 64] & bit)
		return false;
	fate->seen[number / 64] |= bit;
	return true;
}

/* No 100 ms, wherever they begin, hold more than a tenth of the quota. */
static void
check_quota(struct world *w, mono_t **left, uint64_t pps, uint64_t emitted)
{
	uint64_t most = pps / 10;
	mono_t *before;

	if (pps == 0)
		return;
	if (*left == NULL)
		*left = calloc(most, sizeof **left);
	before = &(*left)[emitted % most];
	if (emitted >= most && mono_sub(w->now.mono, *before) < 100 * NS_PER_MS)
		FAIL(w, "above a quota of %lu/s: more than %lu in %.3f ms", pps, most,
		     (double)mono_sub(w->now.mono, *before) / 1e6);
	*before = w->now.mono;
}

static void
book(struct world *w, unsigned int ch, uint64_t number, uint64_t *openers)
{
	struct fate *fate = &w->fates[ch];

	if (!see(fate, number))
		FAIL(w, "emitted twice: channel %u number %lu", ch, number);
	if (!w->script.immediate && !fate->shuffled && number < fate->last)
		FAIL(w, "out of order: channel %u number %lu after %lu", ch, number,
		     fate->last - 1);
	if (number >= fate->last)
		fate->last = number + 1;
	/* A channel that moves is another flow each time. */
	check_quota(w, &fate->left,
		    w->script.changes + w->script.redirects > 0 ? 0
								: w->script.flow_pps,
		    fate->emitted);
	fate->emitted++;
	check_quota(w, &w->left, w->script.total_pps, w->emitted++);
	if (openers[ch] == UINT64_MAX)
		openers[ch] = number;
	time_it(w, ch, number, openers[ch]);
}

static enum emit_verdict
receive(struct world *w, const struct outgoing *out, uint64_t *openers)
{
	uint8_t got[LONG_MAX], want[LONG_MAX];
	struct rd r;
	uint64_t ch, number;
	size_t at = 0;

	if (out->len > sizeof got) {
		FAIL(w, "a datagram came out that is longer than any");
		return EMIT_ERROR;
	}
	for (size_t i = 0; i < out->iov_count; i++) {
		memcpy(got + at, out->iov[i].iov_base, out->iov[i].iov_len);
		at += out->iov[i].iov_len;
	}
	r = rd_init(got, at);
	ch = rd_u64(&r);
	number = rd_u64(&r);
	if (at != out->len || r.failed || ch >= w->script.channels ||
	    number >= w->fates[ch].next ||
	    at != payload_len(&w->script, (unsigned int)ch, number)) {
		FAIL(w, "a datagram came out that never went in");
		return EMIT_ERROR;
	}
	payload_make((unsigned int)ch, number, want, at);
	if (memcmp(got, want, at) != 0)
		FAIL(w, "payload changed: channel %lu number %lu", ch, number);
	if (!changes_is_address(w, (unsigned int)ch, out->group, out->port))
		FAIL(w, "channel %lu came out at %x:%u", ch, out->group, out->port);
	if (dice_chance(&w->dice, w->script.refusals)) {
		w->fates[ch].refused++;
		return EMIT_OVERSIZE;
	}
	book(w, (unsigned int)ch, number, openers);
	return EMIT_SENT;
}

void
fates_emit(struct world *w)
{
	struct outgoing out[EMIT_BATCH];
	enum emit_verdict verdicts[EMIT_BATCH];
	uint64_t openers[SCRIPT_CHANNELS];
	size_t n;

	if (!w->alive[PEER] || mono_before(w->now.mono, w->stall_end))
		return;
	memset(openers, 0xff, sizeof openers);
	while ((n = peer_ready(w->peer, world_peer_now(w), out, EMIT_BATCH)) > 0) {
		/* The kernel takes a part of the batch as often as all of it. */
		size_t taken =
			dice_chance(&w->dice, 0.5) ? n : 1 + dice_below(&w->dice, n);

		for (size_t i = 0; i < taken; i++)
			verdicts[i] = receive(w, &out[i], openers);
		peer_emitted(w->peer, world_peer_now(w), verdicts, taken);
	}
}

void
fates_free(struct world *w)
{
	for (size_t i = 0; i < SCRIPT_CHANNELS; i++) {
		free(w->fates[i].fed);
		free(w->fates[i].seen);
		free(w->fates[i].left);
	}
	free(w->latencies);
	free(w->left);
}
