/* SPDX-License-Identifier: Apache-2.0 */
#include "core_pair.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "core_rig.h"
#include "path/classify.h"

#define STEP_NS NS_PER_MS
#define MTU     1400

static void
on_close(void *arg, unsigned int remote, unsigned int slot, enum wire_bye reason)
{
	(void)arg, (void)remote, (void)slot;
	ck_assert_msg(reason == WIRE_BYE_TIMEOUT, "a path was closed: %s",
		      wire_bye_name(reason));
}

static const struct relay_ops relay_ops = {
	.session = core_rig_deaf_session,
	.close = on_close,
	.bye = core_rig_deaf_bye,
};

static const struct peer_ops peer_ops = {
	.session = core_rig_deaf_session,
	.close = on_close,
	.bye = core_rig_deaf_bye,
	.epoch = core_rig_deaf_epoch,
	.lost = core_rig_deaf_lost,
	.mark = core_rig_deaf_mark,
	.breaker = core_rig_deaf_breaker,
	.quota = core_rig_deaf_quota,
};

static void
set_remote(struct remote_settings *r, const char *name)
{
	snprintf(r->name, sizeof(r->name), "%s", name);
}

static void
set_channel(struct pair *p, unsigned int i, const char *name)
{
	struct channel_settings *c = &p->channels[i];

	snprintf(c->name, sizeof(c->name), "%s", name);
	c->group = 0xe9253601 + i; /* 233.37.54.1 */
	c->port = (uint16_t)(30001 + i);
}

static void
set_up_relay(struct pair *p)
{
	static char interface[] = "ens1f0";

	set_channel(p, 0, "kospi200");
	set_channel(p, 1, "kosdaq150");
	p->channels[0].expect = (struct expect_settings){
		.rate_per_h = 7200, .over_ns = 10 * NS_PER_S, .days = DAYS_ALL};
	set_remote(&p->peers[0], "vpc-a");
	set_remote(&p->peers[1], "vpc-b");
	p->peers[0].path_count = 1;
	p->peers[0].paths[0].transport = TRANSPORT_TLS;
	p->relay_settings = (struct relay_settings){
		.node = "colo-a",
		.capture = {.interface = interface,
			    .fragment_datagrams = 2,
			    .fragment_timeout_ns = NS_PER_S},
		.channels = p->channels,
		.channel_count = PAIR_CHANNELS,
		.history = {.memory_bytes = 1 << 20, .age_ns = 10 * NS_PER_S},
		.remotes = p->peers,
		.remote_count = 2,
		.session = {.heartbeat_ns = 100 * NS_PER_MS,
			    .path_timeout_ns = 5 * NS_PER_S},
	};
	p->relay = relay_new(&p->relay_settings, 0, PAIR_EPOCH, p->now, &relay_ops, p);
	ck_assert_ptr_nonnull(p->relay);
}

static void
set_up_peer(struct pair *p)
{
	static char interface[] = "ens6";

	set_remote(&p->relays[0], "colo-a");
	p->peer_settings = (struct peer_settings){
		.node = "vpc-a",
		.remotes = p->relays,
		.remote_count = 1,
		.emit = {.interface = interface},
		.recovery = {.give_up_ns = 50 * NS_PER_MS,
			     .window_datagrams = 1024,
			     .memory_bytes = 1 << 20,
			     .channels = PAIR_CHANNELS + 2},
		.session = p->relay_settings.session,
	};
	p->peer = peer_new(&p->peer_settings, PAIR_INSTANCE, p->now, &peer_ops, p);
	ck_assert_ptr_nonnull(p->peer);
}

void
pair_init(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	p->now = core_rig_start();
	p->verdict = EMIT_SENT;
	set_up_relay(p);
	set_up_peer(p);
	gauge_set(&p->capture.link_up, 1);
	gauge_set(&p->relay_tunnel.certificate_expires_s, PAIR_EXPIRES);
	gauge_set(&p->peer_tunnel.certificate_expires_s, PAIR_EXPIRES);
	histogram_record(&p->turns, 30 * NS_PER_US);
}

void
pair_change(struct pair *p, size_t channels)
{
	uint16_t ids[PAIR_CHANNELS];
	struct classifier *fresh;

	ck_assert_uint_le(relay_place_channels(p->relay, p->channels, channels, ids),
			  relay_channel_capacity(p->relay));
	fresh = classify_new(p->channels, channels, ids);
	ck_assert_ptr_nonnull(fresh);
	classify_free(relay_set_channels(p->relay, p->now, p->channels, channels, ids,
					 fresh));
}

void
pair_fini(struct pair *p)
{
	relay_free(p->relay);
	peer_free(p->peer);
}

struct relay_view
pair_relay_view(const struct pair *p)
{
	return (struct relay_view){
		.settings = &p->relay_settings,
		.core = p->relay,
		.capture = &p->capture,
		.tunnel = &p->relay_tunnel,
		.turns = &p->turns,
		.history_used_bytes = &p->history_used,
		.since_ns = p->since,
		.started = {1790000000 * NS_PER_S},
		.version = "1.2.3",
	};
}

struct peer_view
pair_peer_view(const struct pair *p)
{
	return (struct peer_view){
		.settings = &p->peer_settings,
		.core = p->peer,
		.emit = &p->emit,
		.tunnel = &p->peer_tunnel,
		.turns = &p->turns,
		.pool_used_chunks = &p->pool_used,
		.started = {1790000000 * NS_PER_S},
		.version = "1.2.3",
	};
}

void
pair_connect(struct pair *p, unsigned int slot, enum path_kind kind)
{
	p->slot = slot;
	p->connected = true;
	relay_path_up(p->relay, p->now, 0, slot, kind, MTU);
	peer_path_up(p->peer, p->now, 0, slot, kind, MTU);
}

void
pair_disconnect(struct pair *p)
{
	p->connected = false;
	relay_path_down(p->relay, p->now, 0, p->slot);
	peer_path_down(p->peer, p->now, 0, p->slot);
}

void
pair_feed(struct pair *p, unsigned int channel)
{
	static const uint8_t payload[100];

	core_rig_capture(p->relay, p->now, &p->channels[channel], payload,
			 sizeof(payload));
}

static bool
loses(void *arg, bool from_relay, const struct wire_frame *f)
{
	const struct pair *p = arg;

	return from_relay ? p->dark : p->deaf && f->type == WIRE_REQUEST;
}

static void
exchange(struct pair *p)
{
	const struct core_rig_line line = {.relay = p->relay,
					   .peer = p->peer,
					   .slot = p->slot,
					   .limit = MTU,
					   .cap = sizeof(p->buf),
					   .fills = 100,
					   .loses = loses,
					   .arg = p,
					   .buf = p->buf};

	ck_assert(core_rig_exchange(&line, p->now));
}

void
pair_run(struct pair *p, int64_t duration_ns)
{
	for (; duration_ns > 0; duration_ns -= STEP_NS) {
		core_rig_pass(&p->now, STEP_NS);
		relay_tick(p->relay, p->now);
		peer_tick(p->peer, p->now);
		if (p->connected)
			exchange(p);
		if (p->verdict != EMIT_AGAIN)
			core_rig_emit(p->peer, p->now, p->verdict);
	}
	relay_balance(p->relay);
	peer_balance(p->peer);
}
