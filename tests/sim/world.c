/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <pcap/dlt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAIL(w, ...)                                                             \
	do {                                                                     \
		if ((w)->failure[0] == '\0')                                     \
			snprintf((w)->failure, sizeof(w)->failure, __VA_ARGS__); \
	} while (0)

#define STREAM_LIMIT 16384
#define STREAM_CAP   (72 * 1024)
#define DATAGRAM_MTU 1400
#define SEND_BUFFER  (128 * 1024)
#define REMOTE       0
#define SLOT         0
#define PAYLOAD_MIN  16
#define PAYLOAD_MAX  400

static const int64_t start_ns = 1000 * NS_PER_S;
static const int64_t start_utc_ns = 1790000000 * NS_PER_S;
static const int64_t peer_clock_ns = 7 * NS_PER_MS; /* ahead of the relay's */

/* ---- time ---- */

static mono_t
soon(struct world *w, double per_second)
{
	double mean_ns;

	if (per_second <= 0)
		return MONO_NEVER;
	mean_ns = (double)NS_PER_S / per_second;
	return mono_add(w->now.mono,
			1 + (int64_t)dice_below(&w->dice, (uint64_t)(2 * mean_ns)));
}

static struct now
peer_now(const struct world *w)
{
	return (struct now){.mono = w->now.mono,
			    .utc = {w->now.utc.ns + peer_clock_ns}};
}

/* ---- what the cores call back ---- */

static void disconnect(struct world *w);

static void
on_session(void *arg, unsigned int remote, enum session_state from,
	   enum session_state to, const char *why)
{
	(void)arg, (void)remote, (void)from, (void)to, (void)why;
}

static void
on_close(void *arg, unsigned int remote, unsigned int slot, enum wire_bye reason)
{
	struct world *w = arg;

	(void)remote, (void)slot, (void)reason;
	w->close_relay_path = true;
}

static void
on_bye(void *arg, unsigned int remote, unsigned int reason, const char *text)
{
	struct world *w = arg;

	(void)remote, (void)text;
	if (reason == WIRE_BYE_DRAINED)
		w->relay_said_bye = true;
	if (reason == WIRE_BYE_PROTOCOL || reason == WIRE_BYE_NODE ||
	    reason == WIRE_BYE_CHANNELS || reason == WIRE_BYE_VERSION)
		FAIL(w, "an honest half was sent away: %s", wire_bye_name(reason));
}

static void
on_epoch(void *arg, unsigned int remote, uint64_t before, uint64_t after, utc_t last)
{
	(void)arg, (void)remote, (void)before, (void)after, (void)last;
}

static void
on_lost(void *arg, unsigned int remote, const struct peer_channel *c,
	enum lost_reason reason, uint64_t n)
{
	(void)arg, (void)remote, (void)c, (void)reason, (void)n;
}

static void
on_mark(void *arg, unsigned int remote, enum drop_point cause, uint64_t n)
{
	struct world *w = arg;

	(void)remote, (void)cause;
	w->marks_seen += n;
}

static const struct relay_ops relay_ops = {
	.session = on_session,
	.close = on_close,
	.bye = on_bye,
};

static void
on_breaker(void *arg, unsigned int remote, bool open)
{
	(void)arg, (void)remote, (void)open;
}

static const struct peer_ops peer_ops = {
	.breaker = on_breaker,
	.session = on_session,
	.close = on_close,
	.bye = on_bye,
	.epoch = on_epoch,
	.lost = on_lost,
	.mark = on_mark,
};

/* ---- the feed ---- */

static size_t
payload_len(unsigned int channel, uint64_t number)
{
	struct dice d = {.state = number * 31 + channel};

	return PAYLOAD_MIN + dice_below(&d, PAYLOAD_MAX - PAYLOAD_MIN);
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
	static const uint8_t ethernet[12] = {1, 0, 0x5e, 1, 2, 3, 2, 0, 0, 0, 0, 1};
	struct wr w = wr_init(bytes, room);

	wr_bytes(&w, ethernet, sizeof ethernet);
	wr_u16(&w, 0x0800);
	wr_u8(&w, 0x45);
	wr_u8(&w, 0);
	wr_u16(&w, (uint16_t)(28 + len));
	wr_u32(&w, 0x00004000);
	wr_u8(&w, 16);
	wr_u8(&w, 17);
	wr_u16(&w, 0);
	wr_u32(&w, 0x0a000009);
	wr_u32(&w, c->group);
	wr_u16(&w, 4000);
	wr_u16(&w, c->port);
	wr_u16(&w, (uint16_t)(8 + len));
	wr_u16(&w, 0);
	wr_bytes(&w, payload, len);
	return (size_t)(w.p - bytes);
}

static void
feed_one(struct world *w)
{
	unsigned int ch = (unsigned int)dice_below(&w->dice, w->script.channels);
	struct fate *fate = &w->fates[ch];
	uint64_t number = fate->next++;
	uint8_t payload[PAYLOAD_MAX], bytes[PAYLOAD_MAX + 64];
	size_t len = payload_len(ch, number);
	struct frame f = {
		.link_type = DLT_EN10MB, .captured = w->now.utc, .bytes = bytes};

	if (!w->relay_alive)
		return; /* nobody captured it */
	payload_make(ch, number, payload, len);
	f.len = f.caplen =
		frame_make(&w->channels[ch], payload, len, bytes, sizeof bytes);
	relay_frame(w->relay, w->now, &f);
}

/* ---- the receiver ---- */

static bool
see(struct fate *fate, uint64_t number)
{
	uint64_t bit = UINT64_C(1) << (number % 64);

	while (number / 64 >= fate->room) {
		uint64_t room = fate->room ? 2 * fate->room : 64;

		fate->seen = realloc(fate->seen, room * sizeof *fate->seen);
		memset(fate->seen + fate->room, 0,
		       (room - fate->room) * sizeof *fate->seen);
		fate->room = room;
	}
	if (fate->seen[number / 64] & bit)
		return false;
	fate->seen[number / 64] |= bit;
	return true;
}

static enum emit_verdict
receive(struct world *w, const struct outgoing *out)
{
	uint8_t got[PAYLOAD_MAX], want[PAYLOAD_MAX];
	struct rd r;
	uint64_t ch, number;
	size_t at = 0;

	for (size_t i = 0; i < out->iov_count; i++) {
		memcpy(got + at, out->iov[i].iov_base, out->iov[i].iov_len);
		at += out->iov[i].iov_len;
	}
	r = rd_init(got, at);
	ch = rd_u64(&r);
	number = rd_u64(&r);
	if (at != out->len || r.failed || ch >= w->script.channels ||
	    number >= w->fates[ch].next ||
	    at != payload_len((unsigned int)ch, number)) {
		FAIL(w, "a datagram came out that never went in");
		return EMIT_ERROR;
	}
	payload_make((unsigned int)ch, number, want, at);
	if (memcmp(got, want, at) != 0)
		FAIL(w, "payload changed: channel %lu number %lu", ch, number);
	if (out->group != w->channels[ch].group || out->port != w->channels[ch].port)
		FAIL(w, "wrong group or port");
	if (dice_chance(&w->dice, w->script.refusals)) {
		w->fates[ch].refused++;
		return EMIT_OVERSIZE;
	}
	if (!see(&w->fates[ch], number))
		FAIL(w, "emitted twice: channel %lu number %lu", ch, number);
	if (!w->script.immediate && number < w->fates[ch].last)
		FAIL(w, "out of order: channel %lu number %lu after %lu", ch, number,
		     w->fates[ch].last - 1);
	if (number >= w->fates[ch].last)
		w->fates[ch].last = number + 1;
	w->fates[ch].emitted++;
	return EMIT_SENT;
}

static void
emit(struct world *w)
{
	struct outgoing out[EMIT_BATCH];
	enum emit_verdict verdicts[EMIT_BATCH];
	size_t n;

	if (!w->peer_alive || mono_before(w->now.mono, w->stall_end))
		return;
	while ((n = peer_ready(w->peer, peer_now(w), out, EMIT_BATCH)) > 0) {
		/* The kernel takes a part of the batch as often as all of it. */
		size_t taken =
			dice_chance(&w->dice, 0.5) ? n : 1 + dice_below(&w->dice, n);

		for (size_t i = 0; i < taken; i++)
			verdicts[i] = receive(w, &out[i]);
		peer_emitted(w->peer, peer_now(w), verdicts, taken);
	}
}

/* ---- the line ---- */

static bool
can_send(const struct world *w, bool to_peer)
{
	return w->connected && (!w->script.line.stream ||
				w->net.in_flight_bytes[to_peer] < SEND_BUFFER);
}

static void
pump(struct world *w)
{
	static uint8_t buf[STREAM_CAP];
	bool stream = w->script.line.stream;
	size_t limit = stream ? STREAM_LIMIT : DATAGRAM_MTU;
	size_t cap = stream ? STREAM_CAP : DATAGRAM_MTU, n;

	for (int budget = 64; budget > 0 && w->relay_alive && can_send(w, true);
	     budget--) {
		n = relay_fill(w->relay, w->now, REMOTE, SLOT, buf, limit, cap);
		if (n == 0)
			break;
		if (n > cap)
			FAIL(w, "relay_fill overran");
		net_send(&w->net, w->now.mono, true, w->generation, buf, n);
	}
	for (int budget = 64; budget > 0 && w->peer_alive && can_send(w, false);
	     budget--) {
		n = peer_fill(w->peer, peer_now(w), REMOTE, SLOT, buf, limit, cap);
		if (n == 0)
			break;
		net_send(&w->net, w->now.mono, false, w->generation, buf, n);
	}
}

static long
input(struct world *w, bool to_peer, const uint8_t *bytes, size_t len)
{
	return to_peer ? peer_input(w->peer, peer_now(w), REMOTE, SLOT, bytes, len)
		       : relay_input(w->relay, w->now, REMOTE, SLOT, bytes, len);
}

/* A stream's bytes queue up until they are consumed, frame by whole frame. */
static void
read_stream(struct world *w, bool to_peer)
{
	long used;

	if (!w->connected || !(to_peer ? w->peer_alive : w->relay_alive))
		return;
	if (to_peer && !peer_may_read(w->peer, REMOTE, SLOT))
		return;
	if (w->inbox_len[to_peer] == 0)
		return;
	used = input(w, to_peer, w->inbox[to_peer], w->inbox_len[to_peer]);
	if (used < 0) {
		FAIL(w, "an honest half broke the protocol (to_peer=%d)", to_peer);
		return;
	}
	w->inbox_len[to_peer] -= (size_t)used;
	memmove(w->inbox[to_peer], w->inbox[to_peer] + used, w->inbox_len[to_peer]);
}

static void
deliver(struct world *w, const struct packet *p)
{
	size_t *len = &w->inbox_len[p->to_peer], *room = &w->inbox_room[p->to_peer];

	if (!w->connected || p->generation != w->generation)
		return; /* of a connection that is dead */
	if (!w->script.line.stream) {
		if (input(w, p->to_peer, p->bytes, p->len) < 0)
			FAIL(w, "an honest half broke the protocol (to_peer=%d)",
			     p->to_peer);
		return;
	}
	if (*len + p->len > *room) {
		*room = 2 * (*len + p->len);
		w->inbox[p->to_peer] = realloc(w->inbox[p->to_peer], *room);
	}
	memcpy(w->inbox[p->to_peer] + *len, p->bytes, p->len);
	*len += p->len;
}

static void
connect_path(struct world *w)
{
	enum path_kind kind = w->script.line.stream ? PATH_STREAM : PATH_DATAGRAM;

	w->connect_at = MONO_NEVER;
	w->connected = true;
	w->generation++;
	w->inbox_len[0] = w->inbox_len[1] = 0;
	relay_path_up(w->relay, w->now, REMOTE, SLOT, kind, DATAGRAM_MTU);
	peer_path_up(w->peer, peer_now(w), REMOTE, SLOT, kind, DATAGRAM_MTU);
}

static void
disconnect(struct world *w)
{
	if (!w->connected)
		return;
	w->connected = false;
	if (w->relay_alive)
		relay_path_down(w->relay, w->now, REMOTE, SLOT);
	if (w->peer_alive)
		peer_path_down(w->peer, peer_now(w), REMOTE, SLOT);
	w->connect_at = mono_add(w->now.mono,
				 NS_PER_MS + (int64_t)dice_below(&w->dice, 50000000));
}

/* ---- the processes ---- */

static uint64_t
captured_by(const struct relay *r)
{
	uint64_t n = 0;

	for (size_t i = 1; i < relay_channel_count(r); i++)
		n += counter_get(&relay_channel(r, i)->book.captured);
	return n;
}

static uint64_t
emitted_by(const struct peer *p)
{
	uint64_t n = 0;

	for (size_t i = 0; i < peer_channel_count(p, REMOTE); i++) {
		const struct peer_channel *c = peer_channel(p, REMOTE, i);

		if (c->group != 0)
			n += counter_get(&c->book.emitted);
	}
	return n;
}

static void
start_relay(struct world *w)
{
	w->relay = relay_new(&w->relay_settings, 0, dice_roll(&w->dice) | 1, w->now,
			     &relay_ops, w);
	w->relay_alive = true;
	w->relay_start = MONO_NEVER;
}

static void
start_peer(struct world *w)
{
	w->peer = peer_new(&w->peer_settings, dice_roll(&w->dice) | 1, peer_now(w),
			   &peer_ops, w);
	w->peer_alive = true;
	w->peer_leaving = false;
	w->peer_start = MONO_NEVER;
}

static void
kill_relay(struct world *w)
{
	w->relay_alive = false;
	disconnect(w);
	w->captured += captured_by(w->relay);
	relay_free(w->relay);
	w->relay = NULL;
	w->relay_restarts++;
	w->relay_start = mono_add(w->now.mono, (int64_t)dice_below(&w->dice, NS_PER_S));
}

static void
kill_peer(struct world *w)
{
	w->peer_alive = false;
	disconnect(w);
	w->emitted_before += emitted_by(w->peer);
	peer_free(w->peer);
	w->peer = NULL;
	w->peer_restarts++;
	w->peer_start = mono_add(w->now.mono, (int64_t)dice_below(&w->dice, NS_PER_S));
}

/* ---- the turn of the loop ---- */

static void
run_events(struct world *w)
{
	const struct script *s = &w->script;
	mono_t now = w->now.mono;

	while (mono_due(w->feed_at, now) && mono_before(w->feed_at, w->feed_end)) {
		feed_one(w);
		w->feed_at = mono_add(
			w->feed_at,
			1 + (int64_t)dice_below(&w->dice, (uint64_t)(2e9 / s->rate)));
	}
	if (!mono_before(w->feed_at, w->feed_end))
		w->feed_at = MONO_NEVER;
	if (mono_due(w->next_drop, now)) {
		w->next_drop = soon(w, s->drops);
		if (w->relay_alive) {
			w->dropped++;
			relay_dropped(w->relay, w->now, DROP_KERNEL_RING, 1);
		}
	}
	if (mono_due(w->next_cut, now)) {
		w->next_cut = soon(w, s->cuts);
		disconnect(w);
	}
	if (mono_due(w->next_black, now)) {
		w->next_black = soon(w, s->blacks);
		w->net.line.black = true;
		w->black_end = mono_add(
			now, (int64_t)dice_below(&w->dice, (uint64_t)s->black_ns));
	}
	if (mono_due(w->black_end, now)) {
		w->net.line.black = false;
		w->black_end = MONO_NEVER;
	}
	if (mono_due(w->next_stall, now)) {
		w->next_stall = soon(w, s->stalls);
		w->stall_end = mono_add(
			now, (int64_t)dice_below(&w->dice, (uint64_t)s->stall_ns));
	}
	if (mono_due(w->next_relay_kill, now) && w->relay_alive) {
		w->next_relay_kill = soon(w, s->relay_kills);
		kill_relay(w);
	}
	if (mono_due(w->next_peer_kill, now) && w->peer_alive) {
		w->next_peer_kill = soon(w, s->peer_kills);
		kill_peer(w);
	}
	if (mono_due(w->next_peer_term, now) && w->peer_alive) {
		w->next_peer_term = soon(w, s->peer_terms);
		w->peer_leaving = true;
		peer_drain(w->peer);
	}
	if (mono_due(w->relay_start, now))
		start_relay(w);
	if (mono_due(w->peer_start, now))
		start_peer(w);
	if (mono_due(w->connect_at, now) && w->relay_alive && w->peer_alive &&
	    !w->net.line.black)
		connect_path(w);
	if (mono_due(w->connect_at, now))
		w->connect_at = mono_add(now, 5 * NS_PER_MS);
}

/* A peer that leaves has gone when its BYE is on the line and has arrived. */
static void
leave(struct world *w)
{
	if (!w->peer_alive || !w->peer_leaving || !peer_drained(w->peer))
		return;
	pump(w);
	if (w->connected && (w->net.in_flight_bytes[0] > 0 || w->inbox_len[0] > 0))
		return;
	kill_peer(w);
}

static mono_t
next_instant(const struct world *w)
{
	mono_t due = mono_min(w->feed_at, net_deadline(&w->net));

	due = mono_min(due, mono_min(w->next_cut, w->next_black));
	due = mono_min(due, mono_min(w->next_stall, w->black_end));
	due = mono_min(due, mono_min(w->next_drop, w->connect_at));
	due = mono_min(due, mono_min(w->next_relay_kill, w->next_peer_kill));
	due = mono_min(due, mono_min(w->relay_start, w->peer_start));
	due = mono_min(due, w->next_peer_term);
	if (w->relay_alive)
		due = mono_min(due, relay_deadline(w->relay));
	if (w->peer_alive)
		due = mono_min(due, peer_deadline(w->peer));
	if (mono_before(w->now.mono, w->stall_end))
		due = mono_min(due, w->stall_end);
	/* What is overdue waits for a path: look again in a while, as the shell does. */
	if (!mono_before(w->now.mono, due))
		due = mono_add(w->now.mono, 500 * NS_PER_US);
	return due;
}

static void
advance_to(struct world *w, mono_t t)
{
	w->now.utc.ns += mono_sub(t, w->now.mono);
	w->now.mono = t;
}

static void
turn(struct world *w)
{
	struct packet p;

	w->turns++;
	run_events(w);
	while (net_take(&w->net, w->now.mono, &p)) {
		deliver(w, &p);
		free(p.bytes);
	}
	for (int i = 0; i < 2 && w->script.line.stream; i++)
		read_stream(w, i);
	if (w->relay_alive)
		relay_tick(w->relay, w->now);
	if (w->peer_alive)
		peer_tick(w->peer, peer_now(w));
	if (w->close_relay_path) {
		w->close_relay_path = false;
		disconnect(w);
	}
	emit(w);
	if (w->connected)
		pump(w);
	leave(w);
}

/* ---- the beginning and the end ---- */

static void
make_settings(struct world *w)
{
	const struct script *s = &w->script;

	for (unsigned int i = 0; i < s->channels; i++) {
		struct channel_settings *c = &w->channels[i];
		struct output_settings *o = &w->outputs[i];

		snprintf(c->name, sizeof c->name, "ch%u", i);
		c->group = 0xe9250000 + i;
		c->port = (uint16_t)(30000 + i);
		snprintf(o->name, sizeof o->name, "ch%u", i);
		o->delivery = s->immediate ? DELIVERY_IMMEDIATE : DELIVERY_ORDERED;
		o->max_age_ns = s->max_age_ns;
	}
	snprintf(w->relay_remote.name, sizeof w->relay_remote.name, "vpc");
	snprintf(w->peer_remote.name, sizeof w->peer_remote.name, "colo");
	w->relay_remote.shed_age_ns = s->shed_age_ns;
	w->relay_remote.shed_bytes = s->shed_bytes;
	w->relay_settings = (struct relay_settings){
		.node = "colo",
		.capture = {.interface = (char[]){"sim"},
			    .fragment_datagrams = 2,
			    .fragment_timeout_ns = NS_PER_S},
		.channels = w->channels,
		.channel_count = s->channels,
		.history = {.memory_bytes = s->history_bytes,
			    .age_ns = s->history_age_ns},
		.remotes = &w->relay_remote,
		.remote_count = 1,
		.session = {.heartbeat_ns = 200 * NS_PER_MS,
			    .path_timeout_ns = 600 * NS_PER_MS},
	};
	w->peer_settings = (struct peer_settings){
		.node = "vpc",
		.remotes = &w->peer_remote,
		.remote_count = 1,
		.outputs = w->outputs,
		.output_count = s->channels,
		.recovery = {.give_up_ns = s->give_up_ns,
			     .reorder_ns = s->reorder_ns,
			     .window_datagrams = s->window,
			     .memory_bytes = s->pool_bytes,
			     .channels = WORLD_CHANNELS + 2},
		.session = w->relay_settings.session,
	};
}

void
world_init(struct world *w, const struct script *s)
{
	memset(w, 0, sizeof *w);
	w->script = *s;
	w->now = (struct now){.mono = {start_ns}, .utc = {start_utc_ns}};
	w->dice.state = s->seed;
	w->net.dice.state = s->seed ^ 0x5eed;
	w->net.line = s->line;
	w->stall_end = (mono_t){0};
	w->black_end = w->relay_start = w->peer_start = MONO_NEVER;
	make_settings(w);
	start_relay(w);
	start_peer(w);
	w->connect_at =
		mono_add(w->now.mono, (int64_t)dice_below(&w->dice, NS_PER_S / 2));
	w->feed_at = mono_add(w->now.mono, NS_PER_MS);
	w->feed_end = mono_add(w->now.mono, s->run_ns);
	w->next_cut = soon(w, s->cuts);
	w->next_black = soon(w, s->blacks);
	w->next_stall = soon(w, s->stalls);
	w->next_relay_kill = soon(w, s->relay_kills);
	w->next_peer_kill = soon(w, s->peer_kills);
	w->next_peer_term = soon(w, s->peer_terms);
	w->next_drop = soon(w, s->drops);
}

void
world_fini(struct world *w)
{
	net_clear(&w->net);
	relay_free(w->relay);
	peer_free(w->peer);
	free(w->inbox[0]);
	free(w->inbox[1]);
	for (size_t i = 0; i < WORLD_CHANNELS; i++)
		free(w->fates[i].seen);
}

/* The feed is over: trouble ends too, so that all can settle. */
static void
calm(struct world *w)
{
	w->next_cut = w->next_black = w->next_stall = MONO_NEVER;
	w->next_relay_kill = w->next_peer_kill = w->next_peer_term = MONO_NEVER;
	w->next_drop = MONO_NEVER;
	if (w->net.line.black && w->black_end.ns == MONO_NEVER.ns)
		w->net.line.black = false;
}

static void
check_books(struct world *w)
{
	const struct relay_session *s = relay_session(w->relay, REMOTE);

	relay_balance(w->relay);
	peer_balance(w->peer);
	for (size_t i = 0; i < relay_channel_count(w->relay); i++) {
		const struct sent_book *b = &s->outlets[i].book;

		if (sent_residual(b) != 0 || counter_get(&b->unsent) != 0)
			FAIL(w, "relay channel %zu: residual %ld unsent %lu", i,
			     (long)sent_residual(b), counter_get(&b->unsent));
	}
	for (size_t i = 0; i < peer_channel_count(w->peer, REMOTE); i++) {
		const struct peer_channel *c = peer_channel(w->peer, REMOTE, i);
		const struct peer_book *b = &c->book;

		if (received_residual(b) != 0 || expected_residual(b) != 0)
			FAIL(w, "peer channel %s: residual received %ld expected %ld",
			     c->name, (long)received_residual(b),
			     (long)expected_residual(b));
		if (counter_get(&b->missing) != 0 || counter_get(&b->held) != 0)
			FAIL(w, "peer channel %s: missing %lu held %lu at rest",
			     c->name, counter_get(&b->missing), counter_get(&b->held));
	}
}

static void
check_totals(struct world *w)
{
	uint64_t emitted = 0, lost = 0, refused = 0, stale = 0, captured,
		 marks_lost = 0;
	const struct script *s = &w->script;
	bool restarts = w->relay_restarts + w->peer_restarts > 0;

	for (unsigned int i = 0; i < s->channels; i++) {
		emitted += w->fates[i].emitted;
		refused += w->fates[i].refused;
	}
	for (size_t i = 0; i < peer_channel_count(w->peer, REMOTE); i++) {
		const struct peer_channel *c = peer_channel(w->peer, REMOTE, i);

		if (c->group == 0) {
			marks_lost += peer_book_lost(&c->book);
			continue;
		}
		lost += peer_book_lost(&c->book);
		stale += counter_get(&c->book.stale);
	}
	captured = captured_by(w->relay);
	if (emitted != w->emitted_before + emitted_by(w->peer))
		FAIL(w, "the peer counts %lu emitted, the receiver %lu",
		     w->emitted_before + emitted_by(w->peer), emitted);
	if (!restarts && captured != emitted + lost + refused + stale)
		FAIL(w, "captured %lu, emitted %lu lost %lu refused %lu stale %lu",
		     captured, emitted, lost, refused, stale);
	if (!restarts && s->line.stream && s->history_age_ns >= 100 * NS_PER_S &&
	    s->history_bytes >= 64 << 20 && s->shed_age_ns == 0 && s->shed_bytes == 0 &&
	    lost != 0)
		FAIL(w, "a lossless bridge lost %lu of %lu", lost, captured);
	if (!restarts && w->marks_seen + marks_lost != w->dropped)
		FAIL(w, "%lu drops were marked, %lu marks arrived", w->dropped,
		     w->marks_seen);
	/* The final books that the relay has are the peer's own. */
	if (!restarts &&
	    counter_get(&relay_session(w->relay, REMOTE)->outlets[1].peer.emitted) !=
		    counter_get(&peer_channel(w->peer, REMOTE, 1)->book.emitted))
		FAIL(w, "the relay's copy of the peer's books is not the last");
}

bool
world_run(struct world *w)
{
	mono_t limit = mono_add(w->feed_end, 120 * NS_PER_S);
	bool draining = false;

	while (w->failure[0] == '\0') {
		turn(w);
		if (w->feed_at.ns == MONO_NEVER.ns) {
			calm(w);
			if (!draining && w->relay_alive && w->peer_alive &&
			    !w->peer_leaving && w->peer_start.ns == MONO_NEVER.ns) {
				draining = true;
				relay_drain(w->relay, true);
			}
		}
		if (draining && w->relay_said_bye)
			break;
		if (mono_before(limit, w->now.mono))
			FAIL(w, "did not settle: relay %s peer %s",
			     session_state_name(relay_session_state(
				     relay_session(w->relay, REMOTE))),
			     session_state_name(peer_session_state(w->peer, REMOTE)));
		advance_to(w, next_instant(w));
	}
	/* What was ready when BYE came is still emitted. */
	w->stall_end = (mono_t){0};
	if (w->failure[0] == '\0') {
		emit(w);
		check_books(w);
		check_totals(w);
	}
	return w->failure[0] == '\0';
}

/* ---- scripts ---- */

struct script
script_random(uint64_t seed)
{
	struct dice d = {.state = seed * 0x2545f4914f6cdd1du + 1};
	bool stream = dice_chance(&d, 0.5), rough = dice_chance(&d, 0.3);
	struct script s = {
		.seed = seed,
		.channels = 1 + (unsigned int)dice_below(&d, WORLD_CHANNELS),
		.line = {.stream = stream,
			 .delay_ns = 50000 + (int64_t)dice_below(&d, 5000000),
			 .jitter_ns = (int64_t)dice_below(&d, 300000)},
		.rate = 500 + (double)dice_below(&d, 20000),
		.run_ns = NS_PER_S / 2 + (int64_t)dice_below(&d, NS_PER_S),
		.history_bytes = 64 << 20,
		.history_age_ns = 100 * NS_PER_S,
		.give_up_ns = 5000000 + (int64_t)dice_below(&d, 300000000),
		.reorder_ns =
			dice_chance(&d, 0.5) ? 0 : (int64_t)dice_below(&d, 2000000),
		.window = 64u << dice_below(&d, 9),
		.pool_bytes = 1u << (18 + dice_below(&d, 7)),
		.immediate = dice_chance(&d, 0.3),
	};

	if (!stream) {
		s.line.loss =
			dice_chance(&d, 0.2) ? 0.2 : 0.05 * (double)dice_below(&d, 3);
		s.line.reorder = 0.05 * (double)dice_below(&d, 3);
		s.line.duplicate = 0.05 * (double)dice_below(&d, 3);
	}
	if (dice_chance(&d, 0.3))
		s.line.bytes_per_s = 500000 + dice_below(&d, 5000000);
	if (dice_chance(&d, 0.5))
		s.cuts = (double)dice_below(&d, 8);
	if (dice_chance(&d, 0.3)) {
		s.blacks = 1 + (double)dice_below(&d, 3);
		s.black_ns = 1 + (int64_t)dice_below(&d, 2 * NS_PER_S);
	}
	if (dice_chance(&d, 0.3)) {
		s.stalls = (double)dice_below(&d, 10);
		s.stall_ns = 1 + (int64_t)dice_below(&d, 200 * NS_PER_MS);
	}
	if (dice_chance(&d, 0.2)) {
		s.history_bytes = (256 << 10) + dice_below(&d, 1 << 20);
		s.history_age_ns = 20000000 + (int64_t)dice_below(&d, NS_PER_S);
	}
	if (dice_chance(&d, 0.15))
		s.shed_age_ns = 1000000 + (int64_t)dice_below(&d, 100000000);
	if (dice_chance(&d, 0.15))
		s.shed_bytes = 20000 + dice_below(&d, 1000000);
	if (dice_chance(&d, 0.15))
		s.max_age_ns = 10000000 + (int64_t)dice_below(&d, 500000000);
	if (dice_chance(&d, 0.3))
		s.drops = (double)dice_below(&d, 20);
	if (dice_chance(&d, 0.1))
		s.refusals = 0.01;
	if (rough) {
		s.relay_kills = (double)dice_below(&d, 3);
		s.peer_kills = (double)dice_below(&d, 3);
		s.peer_terms = (double)dice_below(&d, 3);
	}
	return s;
}

void
script_print(const struct script *s)
{
	printf("seed %lu: %s, %u channels, %.0f/s for %.2f s, delay %.3f ms jitter %.3f "
	       "loss %.2f reorder %.2f dup %.2f rate %lu B/s, cuts %.0f blacks %.0f (%.2f "
	       "s) stalls %.0f kills relay %.0f peer %.0f terms %.0f, history %lu KiB %.2f "
	       "s, shed %.3f s %lu B, give_up %.3f s reorder %.3f ms window %u pool %lu KiB, "
	       "%s, max_age %.3f s\n",
	       s->seed, s->line.stream ? "stream" : "datagram", s->channels, s->rate,
	       (double)s->run_ns / 1e9, (double)s->line.delay_ns / 1e6,
	       (double)s->line.jitter_ns / 1e6, s->line.loss, s->line.reorder,
	       s->line.duplicate, s->line.bytes_per_s, s->cuts, s->blacks,
	       (double)s->black_ns / 1e9, s->stalls, s->relay_kills, s->peer_kills,
	       s->peer_terms, s->history_bytes >> 10, (double)s->history_age_ns / 1e9,
	       (double)s->shed_age_ns / 1e9, s->shed_bytes, (double)s->give_up_ns / 1e9,
	       (double)s->reorder_ns / 1e6, s->window, s->pool_bytes >> 10,
	       s->immediate ? "immediate" : "ordered", (double)s->max_age_ns / 1e9);
}
