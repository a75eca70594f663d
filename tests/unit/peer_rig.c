/* SPDX-License-Identifier: Apache-2.0 */
#include "peer_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 16384
#define CAP   (72 * 1024)
/* The shell looks at its timers this often; a longer turn would be a pause. */
#define TURN_NS (20 * NS_PER_MS)

/* ---- what the core calls back ---- */

static void
on_session(void *arg, unsigned int remote, enum session_state from,
	   enum session_state to, const char *why)
{
	struct peer_rig *x = arg;

	ck_assert_ptr_nonnull(x);
	ck_assert_uint_eq(remote, 0);
	ck_assert_int_ne(from, to);
	ck_assert_ptr_nonnull(why);
}

static void
on_close(void *arg, unsigned int remote, unsigned int slot, enum wire_bye reason)
{
	struct peer_rig *x = arg;

	ck_assert_uint_eq(remote, 0);
	ck_assert_uint_lt(slot, PATHS_MAX);
	x->closes++;
	x->closed_for = reason;
}

static void
on_bye(void *arg, unsigned int remote, unsigned int reason, const char *text)
{
	struct peer_rig *x = arg;

	ck_assert_uint_eq(remote, 0);
	ck_assert_uint_le(strlen(text), WIRE_NAME_MAX);
	x->byes++;
	x->bye_reason = reason;
}

static void
on_epoch(void *arg, unsigned int remote, uint64_t before, uint64_t after, utc_t last)
{
	struct peer_rig *x = arg;

	ck_assert_uint_eq(remote, 0);
	ck_assert_uint_eq(after, x->epoch);
	ck_assert(before != 0 || last.ns == 0);
	x->epochs++;
	x->epoch_before = before;
}

static void
on_lost(void *arg, unsigned int remote, const struct peer_channel *channel,
	enum lost_reason reason, uint64_t n)
{
	struct peer_rig *x = arg;

	ck_assert_uint_eq(remote, 0);
	ck_assert_ptr_nonnull(channel);
	ck_assert_uint_gt(n, 0);
	x->lost[reason] += n;
}

static void
on_mark(void *arg, unsigned int remote, enum drop_point cause, uint64_t n)
{
	struct peer_rig *x = arg;

	ck_assert_uint_eq(remote, 0);
	ck_assert_uint_lt(cause, DROP_POINT_COUNT);
	x->marks[cause] += n;
}

static const struct peer_ops ops = {
	.session = on_session,
	.close = on_close,
	.bye = on_bye,
	.epoch = on_epoch,
	.lost = on_lost,
	.mark = on_mark,
	.breaker = core_rig_deaf_breaker,
	.quota = core_rig_deaf_quota,
};

/* ---- beginning and end ---- */

static void
make_settings(struct peer_rig *x, const struct peer_options *o)
{
	for (unsigned int i = 0; i < RIG_CHANNELS - 1; i++) {
		struct output_settings *output = &x->outputs[i];

		snprintf(output->name, sizeof output->name, "ch%u", i + 1);
		output->delivery = o->immediate ? DELIVERY_IMMEDIATE : DELIVERY_ORDERED;
		output->max_age_ns = o->max_age_ns;
	}
	snprintf(x->remote.name, sizeof x->remote.name, "colo");
	x->settings = (struct peer_settings){
		.node = "vpc",
		.remotes = &x->remote,
		.remote_count = 1,
		.outputs = x->outputs,
		.output_count = RIG_CHANNELS - 1,
		.recovery = {.give_up_ns =
				     o->give_up_ns ? o->give_up_ns : 200 * NS_PER_MS,
			     .reorder_ns = o->reorder_ns,
			     .window_datagrams = o->window ? o->window : 256,
			     .memory_bytes = (o->pool_chunks ? o->pool_chunks : 512) *
					     (uint64_t)POOL_CHUNK_BYTES,
			     .channels = o->channels_max ? o->channels_max : 4},
		.session = core_rig_session,
	};
}

struct peer_rig *
peer_rig_new(struct peer_options options)
{
	struct peer_rig *x = calloc(1, sizeof *x);

	ck_assert_ptr_nonnull(x);
	x->now = core_rig_start();
	x->epoch = RIG_EPOCH;
	make_settings(x, &options);
	x->peer = peer_new(&x->settings, RIG_INSTANCE, x->now, &ops, x);
	ck_assert_ptr_nonnull(x->peer);
	peer_tick(x->peer, x->now);
	return x;
}

void
peer_rig_free(struct peer_rig *x)
{
	peer_rig_balance(x);
	peer_free(x->peer);
	free(x);
}

/* ---- both directions ---- */

long
peer_rig_say_on(struct peer_rig *x, unsigned int slot)
{
	long used = peer_input(x->peer, x->now, 0, slot, x->in.bytes, x->in.len);

	if (used < 0) {
		x->in.len = 0;
		return used;
	}
	ck_assert_uint_le(used, x->in.len);
	x->in.len -= (size_t)used;
	memmove(x->in.bytes, x->in.bytes + used, x->in.len);
	return used;
}

long
peer_rig_say(struct peer_rig *x)
{
	return peer_rig_say_on(x, 0);
}

void
peer_rig_hear_on(struct peer_rig *x, unsigned int slot)
{
	size_t n;

	x->out.len = 0;
	do {
		ck_assert_uint_le(x->out.len + CAP, sizeof x->out.bytes);
		n = peer_fill(x->peer, x->now, 0, slot, x->out.bytes + x->out.len,
			      LIMIT, CAP);
		ck_assert_uint_le(n, CAP);
		x->out.len += n;
	} while (n > 0);
}

void
peer_rig_hear(struct peer_rig *x)
{
	peer_rig_hear_on(x, 0);
}

void
peer_rig_wait(struct peer_rig *x, int64_t ns)
{
	for (int64_t step_ns; ns > 0; ns -= step_ns) {
		step_ns = ns < TURN_NS ? ns : TURN_NS;
		core_rig_pass(&x->now, step_ns);
		peer_tick(x->peer, x->now);
	}
}

/* ---- greeting ---- */

void
peer_rig_up(struct peer_rig *x, enum path_kind kind)
{
	peer_path_up(x->peer, x->now, 0, 0, kind, 1400);
}

struct wire_greeting
peer_rig_greeting(const struct peer_rig *x)
{
	struct wire_greeting g = core_rig_greeting("colo", RIG_CHANNELS);

	g.epoch = x->epoch;
	g.greeting = x->greeting;
	return g;
}

void
peer_rig_hello(struct peer_rig *x, uint64_t next, uint64_t fresh)
{
	struct wire_channel c[RIG_CHANNELS];

	x->greeting++;
	for (uint16_t i = 0; i < RIG_CHANNELS; i++)
		c[i] = core_rig_announced(i, next, fresh);
	frames_hello(&x->in, peer_rig_greeting(x), c, RIG_CHANNELS);
	ck_assert_int_gt(peer_rig_say(x), 0);
}

void
peer_rig_open(struct peer_rig *x, enum path_kind kind)
{
	peer_rig_up(x, kind);
	peer_rig_hello(x, 1, 1);
	peer_rig_hear(x);
	ck_assert_int_eq(peer_session_state(x->peer, 0), SESSION_OPEN);
}

/* ---- what a relay says ---- */

void
peer_rig_put_data(struct peer_rig *x, uint8_t flags, uint16_t channel, uint64_t seq,
		  size_t len)
{
	uint8_t payload[DATAGRAM_BYTES_MAX] = {0};
	struct wr w = wr_init(payload, sizeof payload);
	struct wire_data d = {.channel = channel,
			      .seq = {seq},
			      .captured = x->now.utc,
			      .payload = payload,
			      .len = len};

	wr_u16(&w, channel);
	wr_u64(&w, seq);
	frames_data(&x->in, flags, &d);
}

void
peer_rig_data(struct peer_rig *x, uint16_t channel, uint64_t seq)
{
	peer_rig_put_data(x, 0, channel, seq, 10);
	ck_assert_int_gt(peer_rig_say(x), 0);
}

void
peer_rig_repair(struct peer_rig *x, uint16_t channel, uint64_t seq)
{
	peer_rig_put_data(x, WIRE_REPAIR, channel, seq, 10);
	ck_assert_int_gt(peer_rig_say(x), 0);
}

void
peer_rig_verdict(struct peer_rig *x, enum wire_verdict verdict, uint64_t first,
		 uint64_t count, uint32_t retry_us)
{
	frames_verdict(&x->in, (struct wire_answer){.channel = 1,
						    .verdict = verdict,
						    .first = {first},
						    .count = count,
						    .retry_us = retry_us});
	ck_assert_int_gt(peer_rig_say(x), 0);
}

void
peer_rig_heartbeat(struct peer_rig *x, uint64_t next, uint64_t sent)
{
	struct wire_books b = {.channel = 1, .next = {next}, .sent = {sent}};
	struct wire_timing t = {.sent_mono_ns = x->now.mono.ns,
				.sent_utc_ns = x->now.utc.ns};

	frames_books(&x->in, WIRE_HEARTBEAT, 0, t, &b, 1);
	ck_assert_int_gt(peer_rig_say(x), 0);
}

/* ---- the interface ---- */

static void
note_emitted(struct peer_rig *x, const struct outgoing *out)
{
	struct rd r = rd_init(out->iov[0].iov_base, out->iov[0].iov_len);
	uint16_t channel = rd_u16(&r);
	uint64_t seq = rd_u64(&r);

	ck_assert(!r.failed);
	ck_assert_uint_lt(x->emitted_count, RIG_EMITTED_MAX);
	ck_assert_uint_eq(out->group, CORE_RIG_GROUP + channel);
	ck_assert_uint_eq(out->port, CORE_RIG_PORT + channel);
	x->emitted[x->emitted_count].channel = channel;
	x->emitted[x->emitted_count++].seq = seq;
}

size_t
peer_rig_emit(struct peer_rig *x, size_t n, enum emit_verdict verdict)
{
	struct outgoing out[EMIT_BATCH];
	enum emit_verdict verdicts[EMIT_BATCH];
	size_t done = 0, batch;

	while (done < n) {
		size_t want = n - done < EMIT_BATCH ? n - done : EMIT_BATCH;

		batch = peer_ready(x->peer, x->now, out, want);
		if (batch == 0)
			break;
		for (size_t i = 0; i < batch; i++) {
			verdicts[i] = verdict;
			if (verdict == EMIT_SENT)
				note_emitted(x, &out[i]);
		}
		peer_emitted(x->peer, x->now, verdicts, batch);
		done += batch;
	}
	return done;
}

/* ---- what is expected ---- */

const struct peer_channel *
peer_rig_find(const struct peer_rig *x, uint16_t id)
{
	for (size_t i = 0; i < peer_channel_count(x->peer, 0); i++) {
		const struct peer_channel *c = peer_channel(x->peer, 0, i);

		if (c->active && c->id == id)
			return c;
	}
	ck_abort_msg("no channel %u", id);
}

void
peer_rig_balance(struct peer_rig *x)
{
	uint64_t held = 0;

	peer_balance(x->peer);
	for (size_t i = 0; i < peer_channel_count(x->peer, 0); i++) {
		const struct peer_channel *c = peer_channel(x->peer, 0, i);

		ck_assert_msg(received_residual(&c->book) == 0,
			      "%s: received residual %lld", c->name,
			      (long long)received_residual(&c->book));
		ck_assert_msg(expected_residual(&c->book) == 0,
			      "%s: expected residual %lld", c->name,
			      (long long)expected_residual(&c->book));
		held += counter_get(&c->book.held);
	}
	if (held == 0)
		ck_assert_uint_eq(peer_pool_free(x->peer), peer_pool_chunks(x->peer));
}

void
peer_rig_expect(struct peer_rig *x, const char *emitted)
{
	char text[4096] = "", *at = text;

	for (size_t i = 0; i < x->emitted_count; i++)
		at += snprintf(at, (size_t)(text + sizeof text - at), "%s%u.%llu",
			       i > 0 ? " " : "", x->emitted[i].channel,
			       (unsigned long long)x->emitted[i].seq);
	ck_assert_str_eq(text, emitted);
	x->emitted_count = 0;
}

void
peer_rig_expect_requests(const struct peer_rig *x, const char *ranges)
{
	char text[4096] = "", *at = text;
	struct wire_frame f = {.type = 0};
	struct wire_range range;
	uint16_t count;
	struct rd r;

	for (unsigned int n = 0; frames_find(&x->out, WIRE_REQUEST, n, &f) > n; n++) {
		ck_assert(wire_get_count(&f, &count, &r));
		while (count-- > 0) {
			ck_assert(wire_get_range(&r, &range));
			at += snprintf(at, (size_t)(text + sizeof text - at),
				       "%s%u:%llu+%u", at > text ? " " : "",
				       range.channel, (unsigned long long)range.first.n,
				       range.count);
		}
	}
	ck_assert_str_eq(text, ranges);
}

enum wire_bye
peer_rig_said_bye(struct peer_rig *x)
{
	peer_rig_hear(x);
	return frames_last_bye(&x->out);
}

uint64_t
peer_rig_reported(const struct peer_rig *x)
{
	struct wire_frame f = {.type = 0};
	struct wire_timing t;
	struct wire_books b;
	uint64_t next = 0;
	uint16_t count;
	struct rd r;

	for (unsigned int n = 0; frames_find(&x->out, WIRE_REPORT, n, &f) > n; n++) {
		ck_assert(wire_get_timing(&f, &t, &count, &r));
		while (count-- > 0) {
			ck_assert(wire_get_books(&f, &r, &b));
			if (b.channel == 1)
				next = b.next.n;
		}
	}
	return next;
}
