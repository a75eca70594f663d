/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peer's core from its outermost entry, the bytes of a path as TLS hands them
 * over, between ticks, fills and emissions; script.h says how they are written.
 * Whatever arrives: no crash, no memory beyond what was taken at start, books that
 * add up, an end to every fill, and only whole frames in it.
 */
#include "script.h"

struct rig {
	struct script_peer settings;
	struct peer *peer;
	struct now now;
	size_t allocated;
	bool up[SCRIPT_PATHS], stream[SCRIPT_PATHS], close[SCRIPT_PATHS];
	/* Of a stream: what was not taken yet. */
	uint8_t inbox[SCRIPT_PATHS][2 * SCRIPT_BYTES_MAX];
	size_t inbox_len[SCRIPT_PATHS];
	uint8_t out[SCRIPT_CAP];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
on_session(void *arg, unsigned int remote, enum session_state from,
	   enum session_state to, const char *why)
{
	CHECK(arg != NULL && remote == 0 && from != to && why != NULL);
	CHECK(to < SESSION_STATES);
}

static void
on_close(void *arg, unsigned int remote, unsigned int slot, enum wire_bye reason)
{
	struct rig *x = arg;

	CHECK(remote == 0 && slot < SCRIPT_PATHS && reason != 0);
	x->close[slot] = true;
}

static void
on_bye(void *arg, unsigned int remote, unsigned int reason, const char *text)
{
	CHECK(arg != NULL && remote == 0 && reason <= UINT8_MAX);
	CHECK(strlen(text) <= WIRE_NAME_MAX);
}

static void
on_epoch(void *arg, unsigned int remote, uint64_t before, uint64_t after, utc_t last)
{
	CHECK(arg != NULL && remote == 0 && after != 0 && before != after);
	CHECK(before != 0 || last.ns == 0);
}

static void
on_lost(void *arg, unsigned int remote, const struct peer_channel *channel,
	enum lost_reason reason, uint64_t n)
{
	CHECK(arg != NULL && remote == 0 && channel != NULL);
	CHECK(reason < LOST_REASONS && n > 0);
}

static void
on_mark(void *arg, unsigned int remote, enum drop_point cause, uint64_t n)
{
	(void)n;
	CHECK(arg != NULL && remote == 0 && cause < DROP_POINT_COUNT);
}

static void
on_breaker(void *arg, unsigned int remote, bool open)
{
	(void)arg, (void)remote, (void)open;
}

static void
on_quota(void *arg, const struct quota_flow *flow, bool within, uint64_t datagrams)
{
	(void)arg, (void)flow, (void)within, (void)datagrams;
}

static const struct peer_ops ops = {
	.breaker = on_breaker,
	.quota = on_quota,
	.session = on_session,
	.close = on_close,
	.bye = on_bye,
	.epoch = on_epoch,
	.lost = on_lost,
	.mark = on_mark,
};

/* ---- what the shell does ---- */

static void
path_down(struct rig *x, unsigned int slot)
{
	if (x->up[slot])
		peer_path_down(x->peer, x->now, 0, slot);
	x->up[slot] = x->close[slot] = false;
	x->inbox_len[slot] = 0;
}

/* What the core wanted closed. */
static void
close_paths(struct rig *x)
{
	for (unsigned int slot = 0; slot < SCRIPT_PATHS; slot++) {
		if (x->close[slot])
			path_down(x, slot);
	}
}

static void
path_up(struct rig *x, unsigned int slot, bool stream)
{
	if (x->up[slot])
		return;
	x->up[slot] = true;
	x->stream[slot] = stream;
	peer_path_up(x->peer, x->now, 0, slot, stream ? PATH_STREAM : PATH_DATAGRAM,
		     1400);
}

static void
read_stream(struct rig *x, unsigned int slot)
{
	size_t len = x->inbox_len[slot];
	uint8_t *exact;
	long used;

	if (len == 0 || !peer_may_read(x->peer, 0, slot))
		return;
	exact = malloc(len);
	CHECK(exact != NULL);
	memcpy(exact, x->inbox[slot], len);
	used = peer_input(x->peer, x->now, 0, slot, exact, len);
	free(exact);
	CHECK(used <= (long)len);
	if (used < 0) {
		path_down(x, slot);
		return;
	}
	x->inbox_len[slot] = len - (size_t)used;
	memmove(x->inbox[slot], x->inbox[slot] + used, x->inbox_len[slot]);
}

static void
receive(struct rig *x, unsigned int slot, const uint8_t *bytes, size_t len)
{
	if (x->up[slot] && x->stream[slot]) {
		if (len > sizeof x->inbox[slot] - x->inbox_len[slot])
			return; /* the kernel's buffer is full */
		memcpy(x->inbox[slot] + x->inbox_len[slot], bytes, len);
		x->inbox_len[slot] += len;
		read_stream(x, slot);
	} else if (peer_input(x->peer, x->now, 0, slot, bytes, len) < 0) {
		CHECK(x->up[slot]);
		path_down(x, slot);
	}
}

static bool
fill(struct rig *x, unsigned int slot, size_t limit)
{
	size_t cap = x->stream[slot] ? sizeof x->out : limit;
	size_t n = peer_fill(x->peer, x->now, 0, slot, x->out, limit, cap);

	CHECK(n <= cap && (n == 0 || x->up[slot]));
	script_check_frames(x->out, n);
	return n > 0;
}

static void
emit(struct rig *x, uint8_t count, uint8_t pattern)
{
	static const enum emit_verdict kinds[] = {EMIT_SENT, EMIT_SENT, EMIT_OVERSIZE,
						  EMIT_ERROR};
	enum emit_verdict verdicts[EMIT_BATCH];
	struct outgoing out[EMIT_BATCH];
	size_t ready = peer_ready(x->peer, x->now, out, EMIT_BATCH);
	size_t taken = count < ready ? count : ready;

	for (size_t i = 0; i < ready; i++) {
		size_t len = 0;

		CHECK(out[i].iov_count > 0 && out[i].iov_count <= EMIT_IOV_MAX);
		for (size_t j = 0; j < out[i].iov_count; j++)
			len += out[i].iov[j].iov_len;
		CHECK(len == out[i].len && len <= DATAGRAM_BYTES_MAX);
		CHECK(out[i].group >> 28 == 0xe && out[i].port != 0);
	}
	for (size_t i = 0; i < taken; i++)
		verdicts[i] = kinds[pattern >> 2 * (i % 4) & 3];
	peer_emitted(x->peer, x->now, verdicts, taken);
	for (unsigned int slot = 0; slot < SCRIPT_PATHS; slot++)
		read_stream(x, slot);
}

/* ---- what must hold ---- */

static void
check(struct rig *x)
{
	uint64_t held = 0;

	peer_balance(x->peer);
	for (size_t i = 0; i < peer_channel_count(x->peer, 0); i++) {
		const struct peer_channel *c = peer_channel(x->peer, 0, i);

		CHECK(received_residual(&c->book) == 0);
		CHECK(expected_residual(&c->book) == 0);
		held += counter_get(&c->book.held);
	}
	CHECK(held <= peer_pool_chunks(x->peer));
	CHECK(held > 0 || peer_pool_free(x->peer) == peer_pool_chunks(x->peer));
	CHECK(script_allocated() == x->allocated);
}

/* Whatever happened: it ends. */
static void
finish(struct rig *x)
{
	unsigned int fills = 0;

	for (unsigned int slot = 0; slot < SCRIPT_PATHS; slot++) {
		while (fill(x, slot, 512))
			CHECK(fills++ < 20000);
	}
	peer_drain(x->peer);
	for (int i = 0; i < 20000 && !peer_drained(x->peer); i++) {
		emit(x, EMIT_BATCH, 0);
		for (unsigned int slot = 0; slot < SCRIPT_PATHS; slot++)
			fill(x, slot, 1400);
		peer_tick(x->peer, x->now);
		close_paths(x);
	}
	CHECK(peer_drained(x->peer));
	check(x);
}

static void
greet(struct rig *x)
{
	struct wr w = wr_init(x->out, sizeof x->out);
	struct wire_draft d = wire_begin(&w, WIRE_HELLO, 0);
	struct wire_greeting g = script_greeting("colo");

	wire_put_greeting(&w, &g);
	wire_entries(&w, &d);
	for (uint16_t i = 0; i < SCRIPT_CHANNELS; i++, d.entries++) {
		struct wire_channel c = {.id = i,
					 .group = i > 0 ? 0xe9250000U + i : 0,
					 .port = i > 0 ? (uint16_t)(30000 + i) : 0,
					 .next = SEQ_FIRST,
					 .oldest = SEQ_FIRST,
					 .fresh = SEQ_FIRST};

		wire_set_name(&c.name, i == 0 ? "marks" : i == 1 ? "ch1" : "ch2");
		wire_put_channel(&w, &c);
	}
	CHECK(wire_end(&w, &d));
	path_up(x, 0, true);
	receive(x, 0, x->out, (size_t)(w.p - x->out));
	CHECK(fill(x, 0, 16384));
	CHECK(peer_session_state(x->peer, 0) == SESSION_OPEN);
}

/* False: the script ends here. */
static bool
take_step(struct rig *x, struct rd *r)
{
	uint8_t byte = rd_u8(r), arg;
	enum script_step step = (byte & 0x0f) % STEP_KINDS;
	unsigned int slot = byte >> 4 & 1;
	uint8_t *bytes;
	size_t len;

	switch (step) {
	case STEP_BYTES:
	case STEP_FRAME:
		bytes = script_received(r, step, &len);
		if (bytes == NULL)
			return false;
		receive(x, slot, bytes + 1, len);
		free(bytes);
		break;
	case STEP_WAIT:
		len = rd_u16(r);
		x->now.mono = mono_add(x->now.mono, (int64_t)len * SCRIPT_WAIT_NS);
		x->now.utc.ns += (int64_t)len * SCRIPT_WAIT_NS;
		peer_tick(x->peer, x->now);
		break;
	case STEP_FILL:
		arg = rd_u8(r);
		for (int i = arg >> 2 & 15; i >= 0 && fill(x, slot, script_limit(arg));)
			i--;
		break;
	case STEP_UP: path_up(x, slot, (rd_u8(r) & 1) == 0); break;
	case STEP_DOWN: path_down(x, slot); break;
	case STEP_DRAIN: peer_drain(x->peer); break;
	case STEP_EMIT:
		arg = rd_u8(r);
		emit(x, arg, rd_u8(r));
		break;
	case STEP_CHANGE:
		script_redirect(&x->settings, x->peer, x->now, rd_u8(r));
		break;
	case STEP_CAPTURE:
	case STEP_DROP:
	case STEP_KINDS: break;
	}
	return !r->failed && rd_left(r) > 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);
	uint8_t options = size > 0 ? rd_u8(&r) : 0;
	struct rig *x = calloc(1, sizeof *x);
	bool more = size > 1;

	CHECK(x != NULL);
	x->now = script_start();
	script_peer_settings(&x->settings, options);
	x->peer = peer_new(&x->settings.settings, SCRIPT_INSTANCE, x->now, &ops, x);
	CHECK(x->peer != NULL);
	x->allocated = script_allocated();
	if (options & SCRIPT_GREETED)
		greet(x);
	while (more) {
		more = take_step(x, &r);
		close_paths(x);
		check(x);
	}
	finish(x);
	peer_free(x->peer);
	free(x);
	return 0;
}
