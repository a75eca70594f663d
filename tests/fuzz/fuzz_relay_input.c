/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's core from its outermost entry of the tunnel, the bytes of a path as
 * TLS hands them over, between captures, ticks and fills; script.h says how they
 * are written. Whatever arrives: no crash, no memory beyond what was taken at start,
 * books that add up, an end to every fill, and only whole frames in it.
 */
#include "script.h"

#include "path/relay_repair.h"
#include "path/relay_verdict.h"

struct rig {
	struct script_relay settings;
	struct relay *relay;
	struct now now;
	size_t allocated;
	bool up[SCRIPT_PATHS], stream[SCRIPT_PATHS], close[SCRIPT_PATHS];
	uint8_t inbox[SCRIPT_PATHS][2 * SCRIPT_BYTES_MAX];
	size_t inbox_len[SCRIPT_PATHS];
	uint8_t out[SCRIPT_CAP];
	uint8_t frame[SCRIPT_FRAME_BYTES];
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

	(void)reason; /* the peer's, which may be any */
	CHECK(remote == 0 && slot < SCRIPT_PATHS);
	x->close[slot] = true;
}

static void
on_bye(void *arg, unsigned int remote, unsigned int reason, const char *text)
{
	CHECK(arg != NULL && remote == 0 && reason <= UINT8_MAX);
	CHECK(strlen(text) <= WIRE_NAME_MAX);
}

static const struct relay_ops ops = {
	.session = on_session,
	.close = on_close,
	.bye = on_bye,
};

/* ---- what the shell does ---- */

static void
path_down(struct rig *x, unsigned int slot)
{
	if (x->up[slot])
		relay_path_down(x->relay, x->now, 0, slot);
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
	relay_path_up(x->relay, x->now, 0, slot, stream ? PATH_STREAM : PATH_DATAGRAM,
		      1400);
}

/* A stream's bytes wait until their frame is whole. */
static void
receive(struct rig *x, unsigned int slot, const uint8_t *bytes, size_t len)
{
	size_t *kept = &x->inbox_len[slot];
	uint8_t *exact;
	long used;

	if (len > sizeof x->inbox[slot] - *kept)
		return;
	memcpy(x->inbox[slot] + *kept, bytes, len);
	len += *kept;
	exact = malloc(len + 1);
	CHECK(exact != NULL);
	memcpy(exact + 1, x->inbox[slot], len);
	used = relay_input(x->relay, x->now, 0, slot, exact + 1, len);
	free(exact);
	CHECK(used <= (long)len);
	if (used < 0) {
		path_down(x, slot);
		return;
	}
	*kept = x->up[slot] && x->stream[slot] ? len - (size_t)used : 0;
	memmove(x->inbox[slot], x->inbox[slot] + used, *kept);
}

static bool
fill(struct rig *x, unsigned int slot, size_t limit)
{
	size_t cap = x->stream[slot] ? sizeof x->out : limit;
	size_t n = relay_fill(x->relay, x->now, 0, slot, x->out, limit, cap);

	CHECK(n <= cap && (n == 0 || x->up[slot]));
	script_check_frames(x->out, n);
	return n > 0;
}

static void
capture(struct rig *x, uint8_t channel, uint16_t len)
{
	struct frame f = {.captured = x->now.utc};

	script_frame(&x->settings, channel, len, x->frame, &f);
	if (x->settings.settings.capture.file == NULL || relay_may_capture(x->relay))
		relay_frame(x->relay, x->now, &f);
}

/* ---- what must hold ---- */

static void
check(struct rig *x)
{
	const struct relay_session *s = relay_session(x->relay, 0);

	relay_balance(x->relay);
	for (size_t i = 0; i < relay_channel_count(x->relay); i++) {
		const struct outlet *o = &s->outlets[i];
		seq_t next = history_next(relay_history(x->relay), (uint16_t)i);

		CHECK(sent_residual(&o->book) == 0);
		CHECK(!seq_before(next, o->high) && !seq_before(next, o->reported));
	}
	CHECK(relay_repair_adds_up(s) && relay_verdict_adds_up(s));
	CHECK(script_allocated() == x->allocated);
}

static void
finish(struct rig *x)
{
	unsigned int fills = 0;

	for (unsigned int slot = 0; slot < SCRIPT_PATHS; slot++) {
		while (fill(x, slot, 512))
			CHECK(fills++ < 20000);
	}
	relay_drain(x->relay, false);
	relay_give_up_drain(x->relay);
	for (int i = 0; i < 20000 && !relay_drained(x->relay); i++) {
		for (unsigned int slot = 0; slot < SCRIPT_PATHS; slot++)
			fill(x, slot, 1400);
		relay_tick(x->relay, x->now);
		close_paths(x);
	}
	CHECK(relay_drained(x->relay));
	check(x);
}

static void
greet(struct rig *x)
{
	struct wire_greeting g = script_greeting("vpc");
	struct wr w = wr_init(x->out, sizeof x->out);
	struct wire_draft d;

	path_up(x, 0, true);
	CHECK(fill(x, 0, 16384));
	d = wire_begin(&w, WIRE_WELCOME, 0);
	wire_put_greeting(&w, &g);
	wire_entries(&w, &d);
	for (uint16_t i = 0; i < SCRIPT_CHANNELS; i++, d.entries++)
		wire_put_resume(&w, &(struct wire_resume){.id = i, .next = SEQ_FIRST});
	CHECK(wire_end(&w, &d));
	receive(x, 0, x->out, (size_t)(w.p - x->out));
	CHECK(relay_session_state(relay_session(x->relay, 0)) == SESSION_OPEN);
}

static void
drain(struct rig *x, uint8_t how)
{
	relay_drain(x->relay, (how & 1) != 0);
	if (how & 2)
		relay_give_up_drain(x->relay);
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
		relay_tick(x->relay, x->now);
		break;
	case STEP_FILL:
		arg = rd_u8(r);
		for (int i = arg >> 2 & 15; i >= 0 && fill(x, slot, script_limit(arg));)
			i--;
		break;
	case STEP_UP: path_up(x, slot, (rd_u8(r) & 1) == 0); break;
	case STEP_DOWN: path_down(x, slot); break;
	case STEP_DRAIN: drain(x, rd_u8(r)); break;
	case STEP_CAPTURE: {
		uint8_t channel = rd_u8(r), count = rd_u8(r);
		uint16_t n = rd_u16(r);

		while (count-- > 0)
			capture(x, channel, n % SCRIPT_PAYLOAD_MAX);
		break;
	}
	case STEP_DROP:
		arg = rd_u8(r);
		relay_dropped(x->relay, x->now, arg % DROP_POINT_COUNT, rd_u8(r));
		break;
	case STEP_CHANGE:
		script_change(&x->settings, x->relay, x->now, rd_u8(r));
		x->allocated = script_allocated(); /* another classifier */
		break;
	case STEP_EMIT:
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
	script_relay_settings(&x->settings, options);
	x->relay = relay_new(&x->settings.settings, 0, SCRIPT_EPOCH, x->now, &ops, x);
	CHECK(x->relay != NULL);
	x->allocated = script_allocated();
	if (options & SCRIPT_GREETED)
		greet(x);
	while (more) {
		more = take_step(x, &r);
		close_paths(x);
		check(x);
	}
	finish(x);
	relay_free(x->relay);
	free(x);
	return 0;
}
