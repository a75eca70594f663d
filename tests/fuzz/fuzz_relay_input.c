/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's core from its outermost entry of the tunnel, the bytes of a path as
 * TLS hands them over, between captures, ticks and fills; script.h says how they
 * are written. Whatever arrives: no crash, no memory beyond what was taken at start,
 * books that add up, an end to every fill, and only whole frames in it.
 */
#include <stdlib.h>
#include <string.h>

#include "path/relay_repair.h"
#include "path/relay_session.h"
#include "path/relay_verdict.h"
#include "script.h"

struct rig {
	struct script_shell shell;
	struct script_relay settings;
	struct relay *relay;
	uint8_t frame[SCRIPT_FRAME_BYTES];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct relay_ops ops = {
	.session = script_on_session,
	.close = script_on_close,
	.bye = script_on_bye,
};

static struct relay *
relay_of(struct script_shell *x)
{
	return ((struct rig *)x)->relay;
}

/* ---- what the shell does ---- */

static void
start(struct script_shell *x, uint8_t options)
{
	struct rig *rig = (struct rig *)x;

	script_relay_settings(&rig->settings, options);
	rig->relay = relay_new(&rig->settings.settings, 0, RIG_EPOCH, x->now, &ops, x);
	CHECK(rig->relay != NULL);
}

static void
up(struct script_shell *x, unsigned int slot, enum path_kind kind)
{
	relay_path_up(relay_of(x), x->now, 0, slot, kind, 1400);
}

static void
down(struct script_shell *x, unsigned int slot)
{
	relay_path_down(relay_of(x), x->now, 0, slot);
}

static void
tick(struct script_shell *x)
{
	relay_tick(relay_of(x), x->now);
}

static size_t
fill(struct script_shell *x, unsigned int slot, size_t limit, size_t cap)
{
	return relay_fill(relay_of(x), x->now, 0, slot, x->out, limit, cap);
}

/* A stream's bytes wait until their frame is whole. */
static void
receive(struct script_shell *x, unsigned int slot, const uint8_t *bytes, size_t len)
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
	used = relay_input(relay_of(x), x->now, 0, slot, exact + 1, len);
	free(exact);
	CHECK(used <= (long)len);
	if (used < 0) {
		script_path_down(x, slot);
		return;
	}
	*kept = x->up[slot] && x->stream[slot] ? len - (size_t)used : 0;
	memmove(x->inbox[slot], x->inbox[slot] + used, *kept);
}

static void
capture(struct script_shell *x, uint8_t channel, uint16_t len)
{
	struct rig *rig = (struct rig *)x;
	struct frame f = {.captured = x->now.utc};

	script_frame(&rig->settings, channel, len, rig->frame, &f);
	if (rig->settings.settings.capture.file == NULL ||
	    relay_may_capture(rig->relay))
		relay_frame(rig->relay, x->now, &f);
}

/* ---- what must hold ---- */

static void
check(struct script_shell *x)
{
	const struct relay_session *s = relay_session(relay_of(x), 0);

	relay_balance(relay_of(x));
	for (size_t i = 0; i < relay_channel_count(relay_of(x)); i++) {
		const struct outlet *o = &s->outlets[i];
		seq_t next = history_next(relay_history(relay_of(x)), (uint16_t)i);

		CHECK(sent_residual(&o->book) == 0);
		CHECK(!seq_before(next, o->high) && !seq_before(next, o->reported));
	}
	CHECK(relay_repair_adds_up(s) && relay_verdict_adds_up(s));
}

/* ---- the end ---- */

static void
leave(struct script_shell *x)
{
	relay_drain(relay_of(x), false);
	relay_give_up_drain(relay_of(x));
}

static bool
has_left(struct script_shell *x)
{
	return relay_drained(relay_of(x));
}

/* ---- the script ---- */

static void
greet(struct script_shell *x)
{
	struct wire_greeting g = script_greeting("vpc");
	struct wr w = wr_init(x->out, sizeof x->out);
	struct wire_draft d;

	script_path_up(x, 0, true);
	CHECK(script_fill(x, 0, 16384));
	d = wire_begin(&w, WIRE_WELCOME, 0);
	wire_put_greeting(&w, &g);
	wire_entries(&w, &d);
	for (uint16_t i = 0; i < SCRIPT_CHANNELS; i++, d.entries++)
		wire_put_resume(&w, &(struct wire_resume){.id = i, .next = SEQ_FIRST});
	CHECK(wire_end(&w, &d));
	receive(x, 0, x->out, (size_t)(w.p - x->out));
	CHECK(relay_session_state(relay_session(relay_of(x), 0)) == SESSION_OPEN);
}

static void
drain(struct script_shell *x, uint8_t how)
{
	relay_drain(relay_of(x), (how & 1) != 0);
	if (how & 2)
		relay_give_up_drain(relay_of(x));
}

static void
step(struct script_shell *x, enum script_step step, struct rd *r)
{
	uint8_t first, second;
	uint16_t len;

	switch (step) {
	case STEP_DRAIN: drain(x, rd_u8(r)); break;
	case STEP_CAPTURE:
		first = rd_u8(r);
		second = rd_u8(r);
		len = rd_u16(r);
		while (second-- > 0)
			capture(x, first, len % SCRIPT_PAYLOAD_MAX);
		break;
	case STEP_DROP:
		first = rd_u8(r);
		relay_dropped(relay_of(x), x->now, first % DROP_POINT_COUNT, rd_u8(r));
		break;
	case STEP_CHANGE:
		script_change(&((struct rig *)x)->settings, relay_of(x), x->now,
			      rd_u8(r));
		x->allocated = script_allocated(); /* another classifier */
		break;
	case STEP_BYTES:
	case STEP_FRAME:
	case STEP_WAIT:
	case STEP_FILL:
	case STEP_UP:
	case STEP_DOWN:
	case STEP_EMIT:
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
	.has_left = has_left,
	.check = check,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rig *x = calloc(1, sizeof *x);

	CHECK(x != NULL);
	script_run(&x->shell, &half, data, size);
	relay_free(x->relay);
	free(x);
	return 0;
}
