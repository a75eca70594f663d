/* SPDX-License-Identifier: Apache-2.0 */
#include "change_rig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "core_rig.h"

#define MTU      1400
#define PLACES   16
#define FILLS    200 /* of a path at a time */
#define LEN      64  /* of a payload */
#define EPOCH    UINT64_C(0xe90c0)
#define INSTANCE UINT64_C(0x12570)

const enum path_kind change_rig_kinds[2] = {PATH_STREAM, PATH_DATAGRAM};

static unsigned int
index_of(char name)
{
	ck_assert_int_ge(name, 'a');
	ck_assert_int_lt(name, 'a' + RIG_NAMES);
	return (unsigned int)(name - 'a');
}

uint32_t
change_rig_group(char name, unsigned int place)
{
	return 0xe9250000U + index_of(name) * PLACES + place;
}

uint16_t
change_rig_port(char name, unsigned int place)
{
	return (uint16_t)(30000 + index_of(name) * PLACES + place);
}

/* ---- what the cores call back ---- */

static void
on_session(void *arg, unsigned int remote, enum session_state from,
	   enum session_state to, const char *why)
{
	(void)arg, (void)remote, (void)from, (void)to;
	ck_assert_ptr_nonnull(why);
}

static void
on_relay_close(void *arg, unsigned int remote, unsigned int slot, enum wire_bye reason)
{
	struct change_rig *x = arg;

	(void)reason;
	x->peers[remote].closes++;
	x->peers[remote].closing[slot] = true;
}

static void
on_relay_bye(void *arg, unsigned int remote, unsigned int reason, const char *text)
{
	struct change_rig *x = arg;

	(void)text;
	x->peers[remote].byes++;
	x->peers[remote].reason = reason;
}

static const struct relay_ops relay_ops = {
	.session = on_session,
	.close = on_relay_close,
	.bye = on_relay_bye,
};

static void
on_peer_close(void *arg, unsigned int remote, unsigned int slot, enum wire_bye reason)
{
	struct peer_end *e = arg;

	(void)remote, (void)reason;
	e->closes++;
	e->closing[slot] = true;
}

static void
on_epoch(void *arg, unsigned int remote, uint64_t before, uint64_t after, utc_t last)
{
	(void)arg, (void)remote, (void)last;
	ck_assert_uint_ne(before, after);
}

static void
on_lost(void *arg, unsigned int remote, const struct peer_channel *channel,
	enum lost_reason reason, uint64_t n)
{
	struct peer_end *e = arg;

	(void)remote, (void)reason;
	if (channel->id != MARKS_ID)
		e->lost += n;
}

static const struct peer_ops peer_ops = {
	.session = on_session,
	.close = on_peer_close,
	.bye = core_rig_deaf_bye,
	.epoch = on_epoch,
	.lost = on_lost,
	.mark = core_rig_deaf_mark,
	.breaker = core_rig_deaf_breaker,
	.quota = core_rig_deaf_quota,
};

/* ---- beginning and end ---- */

static void
start_relay(struct change_rig *x)
{
	x->settings.channels = x->file;
	x->settings.channel_count = x->count;
	x->relay = relay_new(&x->settings, 0, EPOCH + x->relays_started++, x->now,
			     &relay_ops, x);
	ck_assert_ptr_nonnull(x->relay);
}

static void
start_peer(struct change_rig *x, unsigned int i)
{
	struct peer_end *e = &x->peers[i];

	e->peer = peer_new(&e->settings, INSTANCE + x->peers_started++, x->now,
			   &peer_ops, e);
	ck_assert_ptr_nonnull(e->peer);
}

static void
make_relay_settings(struct change_rig *x)
{
	static char interface[] = "bench";
	const struct change_options *o = &x->options;

	for (unsigned int i = 0; i < RIG_PEERS; i++) {
		snprintf(x->vpcs[i].name, sizeof x->vpcs[i].name, "vpc-%u", i);
		x->vpcs[i].shed_bytes = o->shed_bytes;
	}
	x->settings = (struct relay_settings){
		.node = "colo",
		.capture = {.interface = interface,
			    .fragment_datagrams = 2,
			    .fragment_timeout_ns = NS_PER_S},
		.history = {.memory_bytes = o->history_bytes,
			    .age_ns = o->history_age_ns,
			    .channels = o->capacity},
		.remotes = x->vpcs,
		.remote_count = o->peers,
		.session = {.heartbeat_ns = 100 * NS_PER_MS,
			    .path_timeout_ns = 2 * NS_PER_S},
	};
}

static void
make_peer_settings(struct change_rig *x, struct peer_end *e)
{
	static char interface[] = "bench";
	const struct change_options *o = &x->options;

	snprintf(e->relays[0].name, sizeof e->relays[0].name, "colo");
	e->settings = (struct peer_settings){
		.node = "vpc",
		.remotes = e->relays,
		.remote_count = 1,
		.outputs = e->outputs,
		.emit = {.interface = interface,
			 .quota = {.flow_pps = o->flow_pps},
			 .over_quota = o->flow_pps > 0 ? QUOTA_PACE : QUOTA_WARN},
		.recovery = {.give_up_ns = o->give_up_ns,
			     .window_datagrams = o->window,
			     .memory_bytes = 8 << 20,
			     .channels = o->peer_channels},
		.session = x->settings.session,
	};
	for (unsigned int i = 0; i < RIG_NAMES; i++) {
		e->receivers[i].seen = calloc(RIG_NUMBERS, sizeof(bool));
		ck_assert_ptr_nonnull(e->receivers[i].seen);
	}
}

static void
set_default(struct change_options *o)
{
	o->peers = o->peers ? o->peers : 1;
	o->capacity = o->capacity ? o->capacity : RIG_NAMES;
	o->peer_channels = o->peer_channels ? o->peer_channels : RIG_NAMES;
	o->window = o->window ? o->window : 1024;
	o->history_age_ns = o->history_age_ns ? o->history_age_ns : 10 * NS_PER_S;
	o->history_bytes = o->history_bytes ? o->history_bytes : 4 << 20;
	o->give_up_ns = o->give_up_ns ? o->give_up_ns : 5 * NS_PER_S;
}

struct change_rig *
change_rig_new(struct change_options options)
{
	struct change_rig *x = calloc(1, sizeof *x);

	ck_assert_ptr_nonnull(x);
	set_default(&options);
	x->options = options;
	x->now = core_rig_start();
	for (const char *name = options.names; *name != '\0'; name++)
		change_rig_list(x, *name, 0);
	make_relay_settings(x);
	start_relay(x);
	for (unsigned int i = 0; i < options.peers; i++) {
		make_peer_settings(x, &x->peers[i]);
		start_peer(x, i);
	}
	return x;
}

struct change_rig *
change_rig_open(struct change_options options)
{
	struct change_rig *x = change_rig_new(options);

	for (unsigned int i = 0; i < x->options.peers; i++)
		change_rig_up(x, i, 0);
	change_rig_settle(x);
	return x;
}

static void
balance(struct change_rig *x)
{
	relay_balance(x->relay);
	for (unsigned int i = 0; i < x->options.peers; i++) {
		const struct relay_session *s = relay_session(x->relay, i);
		const struct peer *p = x->peers[i].peer;

		peer_balance(x->peers[i].peer);
		for (size_t j = 0; j < relay_channel_count(x->relay); j++)
			ck_assert_int_eq(gauge_get(&s->residuals[j]), 0);
		for (size_t j = 0; j < peer_channel_count(p, 0); j++) {
			const struct peer_channel *c = peer_channel(p, 0, j);

			ck_assert_int_eq(gauge_get(&c->received_residual), 0);
			ck_assert_int_eq(gauge_get(&c->expected_residual), 0);
		}
	}
}

void
change_rig_free(struct change_rig *x)
{
	balance(x);
	relay_free(x->relay);
	for (unsigned int i = 0; i < x->options.peers; i++) {
		peer_free(x->peers[i].peer);
		for (unsigned int j = 0; j < RIG_NAMES; j++)
			free(x->peers[i].receivers[j].seen);
	}
	free(x);
}

/* ---- the operator ---- */

static struct channel_settings *
find_listed(struct change_rig *x, char name)
{
	for (size_t i = 0; i < x->count; i++) {
		if (x->file[i].name[0] == name)
			return &x->file[i];
	}
	return NULL;
}

void
change_rig_list(struct change_rig *x, char name, unsigned int place)
{
	struct channel_settings *c = find_listed(x, name);

	if (c == NULL)
		c = &x->file[x->count++];
	*c = (struct channel_settings){.group = change_rig_group(name, place),
				       .port = change_rig_port(name, place)};
	c->name[0] = name;
}

void
change_rig_unlist(struct change_rig *x, char name)
{
	struct channel_settings *c = find_listed(x, name);

	ck_assert_ptr_nonnull(c);
	*c = x->file[--x->count];
}

bool
change_rig_reload(struct change_rig *x)
{
	uint16_t ids[RIG_NAMES];
	size_t places = relay_place_channels(x->relay, x->file, x->count, ids);
	struct classifier *c;

	if (places > relay_channel_capacity(x->relay))
		return false;
	c = classify_new(x->file, x->count, ids);
	ck_assert_ptr_nonnull(c);
	classify_free(relay_set_channels(x->relay, x->now, x->file, x->count, ids, c));
	return true;
}

struct output_settings *
change_rig_output(struct change_rig *x, unsigned int peer, char name)
{
	struct peer_end *e = &x->peers[peer];
	struct output_settings *o;

	for (size_t i = 0; i < e->settings.output_count; i++) {
		if (e->outputs[i].name[0] == name)
			return &e->outputs[i];
	}
	o = &e->outputs[e->settings.output_count++];
	o->name[0] = name;
	return o;
}

void
change_rig_reload_peer(struct change_rig *x, unsigned int peer)
{
	peer_settings_changed(x->peers[peer].peer, x->now);
}

/* ---- paths and processes ---- */

void
change_rig_up(struct change_rig *x, unsigned int peer, unsigned int slot)
{
	struct peer_end *e = &x->peers[peer];
	enum path_kind kind = x->options.kind;

	ck_assert(!e->up[slot]);
	e->up[slot] = true;
	e->closing[slot] = false;
	relay_path_up(x->relay, x->now, peer, slot, kind, MTU);
	peer_path_up(e->peer, x->now, 0, slot, kind, MTU);
}

void
change_rig_down(struct change_rig *x, unsigned int peer, unsigned int slot)
{
	struct peer_end *e = &x->peers[peer];

	ck_assert(e->up[slot]);
	e->up[slot] = e->closing[slot] = false;
	relay_path_down(x->relay, x->now, peer, slot);
	peer_path_down(e->peer, x->now, 0, slot);
}

static void
all_down(struct change_rig *x, unsigned int peer)
{
	for (unsigned int i = 0; i < RIG_PATHS; i++) {
		if (x->peers[peer].up[i])
			change_rig_down(x, peer, i);
	}
}

void
change_rig_restart_relay(struct change_rig *x)
{
	for (unsigned int i = 0; i < x->options.peers; i++)
		all_down(x, i);
	balance(x);
	relay_free(x->relay);
	start_relay(x);
}

void
change_rig_restart_peer(struct change_rig *x, unsigned int peer)
{
	all_down(x, peer);
	balance(x);
	peer_free(x->peers[peer].peer);
	start_peer(x, peer);
}

/* ---- the exchange, and the receivers ---- */

static void
make_payload(unsigned int name, uint64_t number, uint8_t *bytes)
{
	struct wr w = wr_init(bytes, LEN);

	wr_u64(&w, name);
	wr_u64(&w, number);
	for (size_t i = 16; i < LEN; i++)
		bytes[i] = (uint8_t)(name * 31 + number * 7 + i);
}

void
change_rig_feed(struct change_rig *x, char name, unsigned int n)
{
	const struct channel_settings *c = find_listed(x, name);
	unsigned int i = index_of(name);
	uint8_t payload[LEN];

	ck_assert_ptr_nonnull(c);
	while (n-- > 0) {
		uint64_t before = counter_get(&relay_figures(x->relay)->no_channel);

		make_payload(i, x->fed[i], payload);
		core_rig_capture(x->relay, x->now, c, payload, LEN);
		if (counter_get(&relay_figures(x->relay)->no_channel) == before)
			x->fed[i]++;
		else
			x->missed[i]++;
	}
}

static void
receive(struct change_rig *x, struct peer_end *e, const struct outgoing *out)
{
	uint8_t want[LEN];
	struct receiver *to;
	struct rd r;
	uint64_t name, number;

	ck_assert_uint_eq(out->len, LEN);
	ck_assert_uint_eq(out->iov_count, 1);
	r = rd_init(out->iov[0].iov_base, out->iov[0].iov_len);
	name = rd_u64(&r);
	number = rd_u64(&r);
	ck_assert_uint_lt(name, RIG_NAMES);
	ck_assert_uint_lt(number, x->fed[name]);
	make_payload((unsigned int)name, number, want);
	ck_assert_mem_eq(out->iov[0].iov_base, want, LEN);
	to = &e->receivers[name];
	ck_assert_msg(!to->seen[number], "%c %lu came twice", (char)('a' + name),
		      (unsigned long)number);
	ck_assert_msg(to->unordered || number >= to->last, "%c %lu came after %lu",
		      (char)('a' + name), (unsigned long)number,
		      (unsigned long)to->last - 1);
	to->seen[number] = true;
	to->count++;
	if (number >= to->last)
		to->last = number + 1;
	to->group = out->group;
	to->port = out->port;
}

static void
emit(struct change_rig *x, struct peer_end *e)
{
	struct outgoing out[EMIT_BATCH];
	enum emit_verdict verdicts[EMIT_BATCH];
	size_t n;

	if (e->blocked)
		return;
	for (size_t i = 0; i < EMIT_BATCH; i++)
		verdicts[i] = EMIT_SENT;
	while ((n = peer_ready(e->peer, x->now, out, EMIT_BATCH)) > 0) {
		for (size_t i = 0; i < n; i++)
			receive(x, e, &out[i]);
		peer_emitted(e->peer, x->now, verdicts, n);
	}
}

void
change_rig_emit(struct change_rig *x)
{
	for (unsigned int i = 0; i < x->options.peers; i++)
		emit(x, &x->peers[i]);
}

/* ---- the line ---- */

bool
change_rig_lose_changes(struct change_rig *x, unsigned int peer, unsigned int slot,
			const struct wire_frame *f)
{
	(void)x, (void)peer, (void)slot;
	return f->type == WIRE_CHANGE;
}

struct path_of {
	struct change_rig *x;
	unsigned int peer, slot;
};

static bool
loses(void *arg, bool from_relay, const struct wire_frame *f)
{
	const struct path_of *p = arg;
	struct change_rig *x = p->x;

	if (!from_relay)
		return false;
	return x->peers[p->peer].dark[p->slot] ||
	       (x->lose != NULL && x->lose(x, p->peer, p->slot, f));
}

static void
exchange(struct change_rig *x, unsigned int peer, unsigned int slot)
{
	struct path_of path = {x, peer, slot};
	const struct core_rig_line line = {.relay = x->relay,
					   .peer = x->peers[peer].peer,
					   .remote = peer,
					   .slot = slot,
					   .limit = MTU,
					   .cap = MTU,
					   .fills = FILLS,
					   .loses = loses,
					   .arg = &path,
					   .buf = x->buf};

	ck_assert(core_rig_exchange(&line, x->now));
}

void
change_rig_exchange(struct change_rig *x)
{
	for (unsigned int i = 0; i < x->options.peers; i++) {
		for (unsigned int j = 0; j < RIG_PATHS; j++) {
			if (x->peers[i].up[j])
				exchange(x, i, j);
		}
	}
}

static void
close_wanted(struct change_rig *x)
{
	for (unsigned int i = 0; i < x->options.peers; i++) {
		for (unsigned int j = 0; j < RIG_PATHS; j++) {
			if (x->peers[i].up[j] && x->peers[i].closing[j])
				change_rig_down(x, i, j);
		}
	}
}

void
change_rig_run(struct change_rig *x, int64_t ns)
{
	for (; ns > 0; ns -= RIG_STEP_NS) {
		core_rig_pass(&x->now, RIG_STEP_NS);
		relay_tick(x->relay, x->now);
		for (unsigned int i = 0; i < x->options.peers; i++)
			peer_tick(x->peers[i].peer, x->now);
		change_rig_exchange(x);
		close_wanted(x);
		change_rig_emit(x);
	}
	balance(x);
}

/* All peers have reported all that there is. */
static bool
is_settled(const struct change_rig *x)
{
	const struct history *h = relay_history(x->relay);

	for (unsigned int i = 0; i < x->options.peers; i++) {
		const struct relay_session *s = relay_session(x->relay, i);

		if (relay_session_state(s) != SESSION_OPEN)
			return false;
		for (size_t j = 0; j < relay_channel_count(x->relay); j++) {
			if (seq_cmp(s->outlets[j].reported,
				    history_next(h, (uint16_t)j)) != 0)
				return false;
		}
	}
	return true;
}

void
change_rig_settle(struct change_rig *x)
{
	for (int i = 0; i < 1000 && !is_settled(x); i++)
		change_rig_run(x, 10 * NS_PER_MS);
	ck_assert(is_settled(x));
	change_rig_run(x, 10 * NS_PER_MS);
}

/* ---- what tests look at ---- */

void
change_rig_expect_all(struct change_rig *x, unsigned int peer, char name)
{
	const struct receiver *r = &x->peers[peer].receivers[index_of(name)];

	ck_assert_msg(r->count == x->fed[index_of(name)], "%c: %lu of %lu came", name,
		      (unsigned long)r->count, (unsigned long)x->fed[index_of(name)]);
}

void
change_rig_expect_at(const struct change_rig *x, unsigned int peer, char name,
		     uint32_t group, uint16_t port)
{
	const struct receiver *r = &x->peers[peer].receivers[index_of(name)];

	ck_assert_uint_eq(r->group, group);
	ck_assert_uint_eq(r->port, port);
}

void
change_rig_expect_place(const struct change_rig *x, unsigned int peer, char name,
			unsigned int place)
{
	change_rig_expect_at(x, peer, name, change_rig_group(name, place),
			     change_rig_port(name, place));
}

const struct peer_channel *
change_rig_find(const struct change_rig *x, unsigned int peer, char name)
{
	const struct peer *p = x->peers[peer].peer;

	for (size_t i = 0; i < peer_channel_count(p, 0); i++) {
		const struct peer_channel *c = peer_channel(p, 0, i);

		if (c->name[0] == name && c->name[1] == '\0')
			return c;
	}
	return NULL;
}

uint16_t
change_rig_id(const struct change_rig *x, char name)
{
	for (size_t i = 1; i < relay_channel_count(x->relay); i++) {
		if (relay_channel(x->relay, i)->settings->name[0] == name)
			return (uint16_t)i;
	}
	return 0;
}

const struct peer_figures *
change_rig_figures(const struct change_rig *x)
{
	return peer_figures(x->peers[0].peer, 0);
}

enum session_state
change_rig_state(const struct change_rig *x, unsigned int peer)
{
	return relay_session_state(relay_session(x->relay, peer));
}
