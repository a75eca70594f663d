/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peer's core from its outermost entry, the bytes of a path as TLS hands them
 * over, between ticks, fills and emissions; script.h says how they are written.
 * Whatever arrives: no crash, no memory beyond what was taken at start, books that
 * add up, an end to every fill, and only whole frames in it.
 */
#include <stdlib.h>
#include <string.h>

#include "script.h"

struct rig {
	struct script_shell shell;
	struct script_peer settings;
	struct peer *peer;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
on_close(void *arg, unsigned int remote, unsigned int slot, enum wire_bye reason)
{
	CHECK(reason != 0);
	script_on_close(arg, remote, slot, reason);
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

static const struct peer_ops ops = {
	.session = script_on_session,
	.close = on_close,
	.bye = script_on_bye,
	.epoch = on_epoch,
	.lost = on_lost,
	.mark = on_mark,
	.breaker = core_rig_deaf_breaker,
	.quota = core_rig_deaf_quota,
};

static struct peer *
peer_of(struct script_shell *x)
{
	return ((struct rig *)x)->peer;
}

/* ---- what the shell does ---- */

static void
start(struct script_shell *x, uint8_t options)
{
	struct rig *rig = (struct rig *)x;

	script_peer_settings(&rig->settings, options);
	rig->peer = peer_new(&rig->settings.settings, RIG_INSTANCE, x->now, &ops, x);
	CHECK(rig->peer != NULL);
}

static void
up(struct script_shell *x, unsigned int slot, enum path_kind kind)
{
	peer_path_up(peer_of(x), x->now, 0, slot, kind, 1400);
}

static void
down(struct script_shell *x, unsigned int slot)
{
	peer_path_down(peer_of(x), x->now, 0, slot);
}

static void
tick(struct script_shell *x)
{
	peer_tick(peer_of(x), x->now);
}

static size_t
fill(struct script_shell *x, unsigned int slot, size_t limit, size_t cap)
{
	return peer_fill(peer_of(x), x->now, 0, slot, x->out, limit, cap);
}

static void
read_stream(struct script_shell *x, unsigned int slot)
{
	size_t len = x->inbox_len[slot];
	uint8_t *exact;
	long used;

	if (len == 0 || !peer_may_read(peer_of(x), 0, slot))
		return;
	exact = malloc(len);
	CHECK(exact != NULL);
	memcpy(exact, x->inbox[slot], len);
	used = peer_input(peer_of(x), x->now, 0, slot, exact, len);
	free(exact);
	CHECK(used <= (long)len);
	if (used < 0) {
		script_path_down(x, slot);
		return;
	}
	x->inbox_len[slot] = len - (size_t)used;
	memmove(x->inbox[slot], x->inbox[slot] + used, x->inbox_len[slot]);
}

static void
receive(struct script_shell *x, unsigned int slot, const uint8_t *bytes, size_t len)
{
	if (x->up[slot] && x->stream[slot]) {
		if (len > sizeof x->inbox[slot] - x->inbox_len[slot])
			return; /* the kernel's buffer is full */
		memcpy(x->inbox[slot] + x->inbox_len[slot], bytes, len);
		x->inbox_len[slot] += len;
		read_stream(x, slot);
	} else if (peer_input(peer_of(x), x->now, 0, slot, bytes, len) < 0) {
		CHECK(x->up[slot]);
		script_path_down(x, slot);
	}
}

static void
emit(struct script_shell *x, uint8_t count, uint8_t pattern)
{
	enum emit_verdict verdicts[EMIT_BATCH];
	struct outgoing out[EMIT_BATCH];
	size_t ready = peer_ready(peer_of(x), x->now, out, EMIT_BATCH);
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
		verdicts[i] = script_verdict(pattern, i);
	peer_emitted(peer_of(x), x->now, verdicts, taken);
	for (unsigned int slot = 0; slot < SCRIPT_PATHS; slot++)
		read_stream(x, slot);
}

/* ---- what must hold ---- */

static void
check(struct script_shell *x)
{
	uint64_t held = 0;

	peer_balance(peer_of(x));
	for (size_t i = 0; i < peer_channel_count(peer_of(x), 0); i++) {
		const struct peer_channel *c = peer_channel(peer_of(x), 0, i);

		CHECK(received_residual(&c->book) == 0);
		CHECK(expected_residual(&c->book) == 0);
		held += counter_get(&c->book.held);
	}
	CHECK(held <= peer_pool_chunks(peer_of(x)));
	CHECK(held > 0 || peer_pool_free(peer_of(x)) == peer_pool_chunks(peer_of(x)));
}

/* ---- the end ---- */

static void
leave(struct script_shell *x)
{
	peer_drain(peer_of(x));
}

static void
work(struct script_shell *x)
{
	emit(x, EMIT_BATCH, 0);
}

static bool
has_left(struct script_shell *x)
{
	return peer_drained(peer_of(x));
}

/* ---- the script ---- */

static void
greet(struct script_shell *x)
{
	struct wr w = wr_init(x->out, sizeof x->out);
	struct wire_draft d = wire_begin(&w, WIRE_HELLO, 0);
	struct wire_greeting g = script_greeting("colo");

	wire_put_greeting(&w, &g);
	wire_entries(&w, &d);
	for (uint16_t i = 0; i < SCRIPT_CHANNELS; i++, d.entries++) {
		struct wire_channel c = core_rig_announced(i, 1, 1);

		wire_put_channel(&w, &c);
	}
	CHECK(wire_end(&w, &d));
	script_path_up(x, 0, true);
	receive(x, 0, x->out, (size_t)(w.p - x->out));
	CHECK(script_fill(x, 0, 16384));
	CHECK(peer_session_state(peer_of(x), 0) == SESSION_OPEN);
}

static void
step(struct script_shell *x, enum script_step step, struct rd *r)
{
	uint8_t arg;

	switch (step) {
	case STEP_DRAIN: peer_drain(peer_of(x)); break;
	case STEP_EMIT:
		arg = rd_u8(r);
		emit(x, arg, rd_u8(r));
		break;
	case STEP_CHANGE:
		script_redirect(&((struct rig *)x)->settings, peer_of(x), x->now,
				rd_u8(r));
		break;
	case STEP_BYTES:
	case STEP_FRAME:
	case STEP_WAIT:
	case STEP_FILL:
	case STEP_UP:
	case STEP_DOWN:
	case STEP_CAPTURE:
	case STEP_DROP:
	case STEP_KINDS: break;
	}
}

static const struct script_half half = {
	.start = start,
	.greet = greet,
	.up = up,
	.down = down,
	.receive = receive,
	.fill = fill,
	.tick = tick,
	.step = step,
	.leave = leave,
	.work = work,
	.has_left = has_left,
	.check = check,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rig *x = calloc(1, sizeof *x);

	CHECK(x != NULL);
	script_run(&x->shell, &half, data, size);
	peer_free(x->peer);
	free(x);
	return 0;
}
