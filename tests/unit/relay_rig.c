/* SPDX-License-Identifier: Apache-2.0 */
#include "relay_rig.h"

#include <pcap/dlt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shell looks at its timers this often; a longer turn would be a pause. */
#define TURN_NS (20 * NS_PER_MS)

/* ---- what the core calls back ---- */

static void
on_session(void *arg, unsigned int remote, enum session_state from,
	   enum session_state to, const char *why)
{
	struct relay_rig *x = arg;

	ck_assert_uint_lt(remote, x->settings.remote_count);
	ck_assert_int_ne(from, to);
	ck_assert_ptr_nonnull(why);
}

static void
on_close(void *arg, unsigned int remote, unsigned int slot, enum wire_bye reason)
{
	struct relay_rig *x = arg;

	ck_assert_uint_lt(remote, x->settings.remote_count);
	ck_assert_uint_lt(slot, PATHS_MAX);
	x->closes++;
	x->closed_for = reason;
}

static void
on_bye(void *arg, unsigned int remote, unsigned int reason, const char *text)
{
	struct relay_rig *x = arg;

	ck_assert_uint_lt(remote, x->settings.remote_count);
	ck_assert_uint_le(strlen(text), WIRE_NAME_MAX);
	x->byes++;
	x->bye_reason = reason;
}

static void
on_restarted(void *arg, unsigned int remote, uint64_t abandoned)
{
	struct relay_rig *x = arg;

	ck_assert_uint_lt(remote, x->settings.remote_count);
	x->restarts++;
	x->abandoned = abandoned;
}

static void
on_clock(void *arg, unsigned int remote, unsigned int slot, bool apart,
	 int64_t offset_ns, int64_t error_ns)
{
	struct relay_rig *x = arg;

	ck_assert_uint_lt(remote, x->settings.remote_count);
	ck_assert_uint_lt(slot, PATHS_MAX);
	ck_assert_int_eq(apart, llabs(offset_ns) > error_ns + 10 * NS_PER_MS);
	x->aparts += apart;
	x->togethers += !apart;
}

static void
on_narrow(void *arg, unsigned int remote, unsigned int slot, bool narrow, size_t bytes,
	  size_t mtu)
{
	struct relay_rig *x = arg;

	ck_assert_uint_lt(remote, x->settings.remote_count);
	ck_assert_uint_lt(slot, PATHS_MAX);
	ck_assert_uint_eq(mtu, 1400);
	ck_assert_uint_eq(bytes, narrow ? 1200 : 1400);
	x->narrows += narrow;
	x->widens += !narrow;
}

static const struct relay_ops ops = {
	.session = on_session,
	.close = on_close,
	.bye = on_bye,
	.restarted = on_restarted,
	.clock = on_clock,
	.narrow = on_narrow,
};

/* ---- beginning and end ---- */

static void
make_settings(struct relay_rig *x, const struct relay_options *o)
{
	static char interface[] = "bench", file[] = "bench.pcap";

	for (unsigned int i = 0; i < RIG_CHANNELS - 1; i++)
		core_rig_channel(&x->channels[i], i + 1);
	for (unsigned int i = 0; i < RIG_REMOTES; i++) {
		snprintf(x->remotes[i].name, sizeof x->remotes[i].name, "vpc-%u", i);
		x->remotes[i].shed_age_ns = o->shed_age_ns;
		x->remotes[i].shed_bytes = o->shed_bytes;
		x->remotes[i].repair_rate = o->repair_rate;
	}
	x->settings = (struct relay_settings){
		.node = "colo",
		.capture = {.interface = o->file ? NULL : interface,
			    .file = o->file ? file : NULL,
			    .fragment_datagrams = 2,
			    .fragment_timeout_ns = NS_PER_S},
		.channels = x->channels,
		.channel_count = RIG_CHANNELS - 1,
		.history = {.memory_bytes = o->memory_bytes ? o->memory_bytes : 4 << 20,
			    .age_ns = o->age_ns ? o->age_ns : 10 * NS_PER_S},
		.remotes = x->remotes,
		.remote_count = o->remotes ? o->remotes : 1,
		.session = core_rig_session,
	};
}

struct relay_rig *
relay_rig_new(struct relay_options options)
{
	struct relay_rig *x = calloc(1, sizeof *x);

	ck_assert_ptr_nonnull(x);
	x->now = core_rig_start();
	x->instance = RIG_INSTANCE;
	make_settings(x, &options);
	x->relay = relay_new(&x->settings, 0, RIG_EPOCH, x->now, &ops, x);
	ck_assert_ptr_nonnull(x->relay);
	relay_tick(x->relay, x->now);
	return x;
}

void
relay_rig_free(struct relay_rig *x)
{
	relay_rig_balance(x);
	relay_free(x->relay);
	free(x);
}

/* ---- capture ---- */

static size_t
make_frame(const struct channel_settings *c, uint64_t number, size_t len,
	   uint8_t *bytes, size_t room)
{
	struct wr w = wr_init(bytes, room);
	uint8_t *payload;

	core_rig_put_headers(&w, DLT_EN10MB, c, len);
	payload = wr_room(&w, len);
	ck_assert_ptr_nonnull(payload);
	memset(payload, (int)number, len);
	return (size_t)(w.p - bytes);
}

void
relay_rig_capture(struct relay_rig *x, uint16_t channel, unsigned int n, size_t len)
{
	uint8_t *bytes = malloc(len + 64);
	struct frame f = {.link_type = DLT_EN10MB, .bytes = bytes};

	ck_assert_ptr_nonnull(bytes);
	for (; n > 0; n--) {
		f.captured = x->now.utc;
		f.caplen = f.len =
			make_frame(&x->channels[channel - 1],
				   history_next(relay_history(x->relay), channel).n,
				   len, bytes, len + 64);
		relay_frame(x->relay, x->now, &f);
	}
	free(bytes);
}

/* ---- both directions ---- */

void
relay_rig_up(struct relay_rig *x, unsigned int remote, unsigned int slot,
	     enum path_kind kind)
{
	relay_path_up(x->relay, x->now, remote, slot, kind, 1400);
}

long
relay_rig_say_on(struct relay_rig *x, unsigned int remote, unsigned int slot)
{
	long used = relay_input(x->relay, x->now, remote, slot, x->in.bytes, x->in.len);

	if (used >= 0)
		ck_assert_uint_eq(used, x->in.len);
	x->in.len = 0;
	return used;
}

void
relay_rig_hear_on(struct relay_rig *x, unsigned int remote, unsigned int slot)
{
	size_t n;

	x->out.len = 0;
	do {
		ck_assert_uint_le(x->out.len + RIG_CAP, sizeof x->out.bytes);
		n = relay_fill(x->relay, x->now, remote, slot,
			       x->out.bytes + x->out.len, RIG_LIMIT, RIG_CAP);
		ck_assert_uint_le(n, RIG_CAP);
		x->out.len += n;
	} while (n > 0);
}

long
relay_rig_say(struct relay_rig *x)
{
	return relay_rig_say_on(x, 0, 0);
}

void
relay_rig_hear(struct relay_rig *x)
{
	relay_rig_hear_on(x, 0, 0);
}

void
relay_rig_wait(struct relay_rig *x, int64_t ns)
{
	for (int64_t step_ns; ns > 0; ns -= step_ns) {
		step_ns = ns < TURN_NS ? ns : TURN_NS;
		core_rig_pass(&x->now, step_ns);
		relay_tick(x->relay, x->now);
	}
}

/* ---- greeting ---- */

static size_t
read_hello(const struct relay_rig *x, struct wire_greeting *g,
	   struct wire_resume *resume, uint64_t next)
{
	struct wire_frame f = {.type = 0};
	struct wire_channel c;
	size_t channels = 0;
	struct rd r;

	for (unsigned int n = 0; frames_find(&x->out, WIRE_HELLO, n, &f) > n; n++) {
		ck_assert(wire_get_greeting(&f, g, &r));
		for (uint16_t i = 0; i < g->count; i++) {
			ck_assert(wire_get_channel(&r, &c));
			ck_assert_uint_lt(channels, RIG_CHANNELS);
			resume[channels].id = c.id;
			resume[channels++].next =
				next != 0 && c.id == 1 ? (seq_t){next} : c.fresh;
		}
	}
	return channels;
}

void
relay_rig_welcome_on(struct relay_rig *x, unsigned int remote, unsigned int slot,
		     uint64_t next)
{
	struct wire_resume resume[RIG_CHANNELS];
	struct wire_greeting g = {0};
	size_t count;

	relay_rig_hear_on(x, remote, slot);
	count = read_hello(x, &g, resume, next);
	ck_assert_uint_ne(g.epoch, 0);
	g.instance = x->instance;
	wire_set_name(&g.node, x->remotes[remote].name);
	frames_welcome(&x->in, g, resume, (uint16_t)count);
	ck_assert_int_gt(relay_rig_say_on(x, remote, slot), 0);
}

void
relay_rig_open(struct relay_rig *x, enum path_kind kind)
{
	relay_rig_up(x, 0, 0, kind);
	relay_rig_welcome_on(x, 0, 0, 0);
	ck_assert_int_eq(relay_rig_state(x), SESSION_OPEN);
	relay_rig_hear(x);
}

/* ---- what a peer says ---- */

void
relay_rig_report(struct relay_rig *x, uint64_t next)
{
	struct wire_timing t = {.sent_mono_ns = 1, .sent_utc_ns = x->now.utc.ns};
	struct wire_books b = {.channel = 1, .next = {next}};

	frames_books(&x->in, WIRE_REPORT, 0, t, &b, 1);
	ck_assert_int_gt(relay_rig_say(x), 0);
}

void
relay_rig_answer_on(struct relay_rig *x, unsigned int remote, unsigned int slot,
		    int64_t rtt_ns)
{
	struct wire_frame f = frames_last(&x->out, WIRE_HEARTBEAT);
	struct wire_books books[RIG_CHANNELS];
	struct wire_timing t;
	uint16_t count;
	struct rd r;

	ck_assert(wire_get_timing(&f, &t, &count, &r));
	ck_assert_uint_le(count, RIG_CHANNELS);
	for (uint16_t i = 0; i < count; i++) {
		ck_assert(wire_get_books(&f, &r, &books[i]));
		books[i].count = f.flags & WIRE_BOOKS ? PEER_FIGURES : 0;
		memset(books[i].figures, 0, sizeof books[i].figures);
		books[i].figures[0] = books[i].figures[1] = books[i].next.n - 1;
	}
	relay_rig_wait(x, rtt_ns);
	t = (struct wire_timing){.sent_mono_ns = 1,
				 .sent_utc_ns = x->now.utc.ns,
				 .echo_mono_ns = t.sent_mono_ns};
	frames_books(&x->in, WIRE_REPORT, f.flags & WIRE_BOOKS, t, books, count);
	ck_assert_int_gt(relay_rig_say_on(x, remote, slot), 0);
}

void
relay_rig_request(struct relay_rig *x, uint16_t channel, uint64_t first, uint32_t count)
{
	struct wire_range r = {.channel = channel, .first = {first}, .count = count};

	frames_request(&x->in, &r, 1);
	ck_assert_int_gt(relay_rig_say(x), 0);
}

/* ---- what is expected ---- */

struct text {
	char bytes[8192];
	size_t len;
};

static void __attribute__((format(printf, 2, 3)))
add(struct text *t, const char *format, ...)
{
	va_list args;

	if (t->len > 0)
		t->bytes[t->len++] = ' ';
	va_start(args, format);
	t->len += (size_t)vsnprintf(t->bytes + t->len, sizeof t->bytes - t->len, format,
				    args);
	va_end(args);
	ck_assert_uint_lt(t->len, sizeof t->bytes - 1);
}

static void
add_answers(struct text *t, const struct wire_frame *f)
{
	struct wire_answer a;
	uint16_t count;
	struct rd r;

	ck_assert(wire_get_count(f, &count, &r));
	while (count-- > 0) {
		ck_assert(wire_get_answer(&r, &a));
		add(t, "%c%u:%llu+%llu", wire_verdict_name(a.verdict)[0], a.channel,
		    (unsigned long long)a.first.n, (unsigned long long)a.count);
	}
}

void
relay_rig_expect(const struct relay_rig *x, const char *said)
{
	struct text t = {.len = 0};
	struct wire_frame f;
	struct wire_data d;
	struct wire_mark m;
	size_t size;

	for (size_t at = 0; at < x->out.len; at += size) {
		ck_assert_int_eq(
			wire_next(x->out.bytes + at, x->out.len - at, &f, &size),
			WIRE_WHOLE);
		if (f.type == WIRE_DATA) {
			ck_assert(wire_get_data(&f, &d));
			add(&t, "%u.%llu%s", d.channel, (unsigned long long)d.seq.n,
			    f.flags & WIRE_REPAIR ? "r" : "");
			for (size_t i = 0; i < d.len; i++)
				ck_assert_uint_eq(d.payload[i], d.seq.n & 0xff);
		} else if (f.type == WIRE_MARK) {
			ck_assert(wire_get_mark(&f, &m));
			add(&t, "0.%llu%s", (unsigned long long)m.seq.n,
			    f.flags & WIRE_REPAIR ? "r" : "");
		} else if (f.type == WIRE_VERDICT) {
			add_answers(&t, &f);
		}
	}
	ck_assert_str_eq(t.bytes, said);
}

unsigned int
relay_rig_count_data(const struct relay_rig *x, bool repair)
{
	struct wire_frame f = {.type = 0};
	unsigned int count = 0;

	for (unsigned int n = 0; frames_find(&x->out, WIRE_DATA, n, &f) > n; n++)
		count += ((f.flags & WIRE_REPAIR) != 0) == repair;
	return count;
}

const struct outlet *
relay_rig_outlet(const struct relay_rig *x, uint16_t channel)
{
	return &relay_session(x->relay, 0)->outlets[channel];
}

void
relay_rig_balance(struct relay_rig *x)
{
	relay_balance(x->relay);
	for (size_t i = 0; i < x->settings.remote_count; i++) {
		for (size_t ch = 0; ch < relay_channel_count(x->relay); ch++) {
			const struct sent_book *b =
				&relay_session(x->relay, i)->outlets[ch].book;

			ck_assert_msg(sent_residual(b) == 0,
				      "remote %zu channel %zu: residual %lld", i, ch,
				      (long long)sent_residual(b));
		}
	}
}

enum session_state
relay_rig_state(const struct relay_rig *x)
{
	return relay_session_state(relay_session(x->relay, 0));
}
