/* SPDX-License-Identifier: Apache-2.0 */
#include "bridge.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/unit/core_rig.h"
#include "ops/conf.h"
#include "ops/conf_change.h"
#include "path/classify.h"
#include "path/filter.h"
#include "path/peer.h"
#include "path/peer_session.h"
#include "path/relay.h"
#include "path/relay_session.h"
#include "tick.h"

#define FILL_BYTES  16384
#define WAITING     4           /* datagrams of each channel, when all move */
#define GROUP       0xe9000000U /* 233.0.0.0 */
#define MOVED_GROUP 0xe9100000U
#define OUT_GROUP   0xef000000U /* 239.0.0.0 */
#define OUT_MOVED   0xef100000U

struct bridge {
	size_t channels;
	struct relay_settings *relay_settings;
	struct peer_settings *peer_settings;
	struct relay *relay;
	struct peer *peer;
	uint64_t epoch;
	struct now now;
	int64_t *ns;
	uint8_t buf[FILL_BYTES + 4096];
};

const char *
bridge_step_where(enum bridge_step step)
{
	static const char *const where[] = {
#define X(id, where, what) where,
		BRIDGE_STEPS(X)
#undef X
	};

	return where[step];
}

const char *
bridge_step_what(enum bridge_step step)
{
	static const char *const what[] = {
#define X(id, where, what) what,
		BRIDGE_STEPS(X)
#undef X
	};

	return what[step];
}

__attribute__((format(printf, 2, 3))) static void
expect(bool ok, const char *fmt, ...)
{
	va_list ap;

	if (ok)
		return;
	va_start(ap, fmt);
	fprintf(stderr, "bridge: ");
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

static int64_t
spent(void)
{
	return tick_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- what the cores call back ---- */

static void
on_close(void *arg, unsigned int remote, unsigned int slot, enum wire_bye reason)
{
	(void)arg, (void)remote, (void)slot;
	expect(false, "a path is closed: %s", wire_bye_name(reason));
}

static void
on_bye(void *arg, unsigned int remote, unsigned int reason, const char *text)
{
	(void)arg, (void)remote, (void)reason;
	expect(false, "a bye: %s", text);
}

static void
on_lost(void *arg, unsigned int remote, const struct peer_channel *channel,
	enum lost_reason reason, uint64_t n)
{
	(void)arg, (void)remote, (void)channel;
	expect(false, "%llu lost: %s", (unsigned long long)n, lost_reason_name(reason));
}

static const struct relay_ops relay_ops = {
	.session = core_rig_deaf_session,
	.close = on_close,
	.bye = on_bye,
};

static const struct peer_ops peer_ops = {
	.session = core_rig_deaf_session,
	.close = on_close,
	.bye = on_bye,
	.epoch = core_rig_deaf_epoch,
	.lost = on_lost,
	.mark = core_rig_deaf_mark,
	.breaker = core_rig_deaf_breaker,
	.quota = core_rig_deaf_quota,
};

/* ---- the operator's files ---- */

static void
print_address(FILE *out, uint32_t group, size_t i)
{
	struct in_addr a = {htonl(group + (uint32_t)i + 1)};
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &a, text, sizeof(text));
	fprintf(out, "group: %s, port: %zu", text, 30001 + i % 1000);
}

/* changed: the first are removed, the next are moved, and as many come. */
static void
print_channels(FILE *out, size_t channels, size_t changed, const char *name,
	       uint32_t group, uint32_t moved)
{
	fprintf(out, "channels:\n");
	for (size_t i = changed; i < channels + changed; i++) {
		fprintf(out, "  - {name: %s-%05zu, ", name, i);
		print_address(out, i < 2 * changed ? moved : group, i);
		fprintf(out, "}\n");
	}
}

static const char *const tls = "tls: {certificate: a.crt, key: a.key, ca: ca.crt}\n";

static void
finish(FILE *out, char *const *text)
{
	expect(fclose(out) == 0 && *text != NULL, "no memory for a file");
}

static char *
write_relay_file(const struct bridge *b, size_t changed, const char *name)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	expect(out != NULL, "no memory for a file");
	fprintf(out, "node: colo-a\ncapture: {interface: bench}\n%s", tls);
	fprintf(out, "peers:\n  - {name: vpc-a}\n");
	fprintf(out, "listen:\n  - {address: \"127.0.0.1:7443\"}\n");
	fprintf(out, "history: {memory: 64MiB}\n");
	print_channels(out, b->channels, changed, name, GROUP, MOVED_GROUP);
	finish(out, &text);
	return text;
}

static char *
write_peer_file(const struct bridge *b, size_t changed, uint32_t group)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	expect(out != NULL, "no memory for a file");
	fprintf(out, "node: vpc-a\nemit: {interface: bench}\n%s", tls);
	fprintf(out, "relays:\n  - {name: colo-a}\n");
	fprintf(out, "listen:\n  - {address: \"127.0.0.1:7443\"}\n");
	fprintf(out, "recovery: {window: 64, memory: 64MiB}\n");
	print_channels(out, b->channels, changed, "channel", group, OUT_MOVED);
	finish(out, &text);
	return text;
}

/* Room for a second lot of channels, though it may be more than a file may ask for. */
static struct relay_settings *
read_relay_file(const struct bridge *b, const char *text)
{
	char error[512];
	struct relay_settings *s = relay_conf_parse("relay.yaml", text, strlen(text),
						    error, sizeof(error));

	expect(s != NULL, "%s", error);
	s->history.channels = (uint32_t)(2 * b->channels);
	return s;
}

static struct peer_settings *
read_peer_file(const struct bridge *b, const char *text)
{
	char error[512];
	struct peer_settings *s =
		peer_conf_parse("peer.yaml", text, strlen(text), error, sizeof(error));

	expect(s != NULL, "%s", error);
	s->recovery.channels = (uint32_t)(2 * b->channels);
	return s;
}

/* ---- the line ---- */

/* Until neither says any more. What each half took for it is added. */
static void
talk(struct bridge *b, int64_t *relay_ns, int64_t *peer_ns)
{
	bool any = true;

	while (any) {
		int64_t t0 = spent(), t1;
		size_t len = relay_fill(b->relay, b->now, 0, 0, b->buf, FILL_BYTES,
					sizeof(b->buf));

		t1 = spent();
		*relay_ns += t1 - t0;
		any = len > 0;
		expect(peer_input(b->peer, b->now, 0, 0, b->buf, len) == (long)len,
		       "the peer does not take it");
		len = peer_fill(b->peer, b->now, 0, 0, b->buf, FILL_BYTES,
				sizeof(b->buf));
		t0 = spent();
		*peer_ns += t0 - t1;
		any |= len > 0;
		expect(relay_input(b->relay, b->now, 0, 0, b->buf, len) == (long)len,
		       "the relay does not take it");
		*relay_ns += spent() - t0;
	}
}

/* A second, so that heartbeats and reports pass and all is settled. */
static void
rest(struct bridge *b)
{
	int64_t unused = 0;

	for (int i = 0; i < 50; i++) {
		core_rig_pass(&b->now, 20 * NS_PER_MS);
		relay_tick(b->relay, b->now);
		peer_tick(b->peer, b->now);
		talk(b, &unused, &unused);
	}
}

static void
greet(struct bridge *b, int64_t *relay_ns, int64_t *peer_ns)
{
	relay_path_up(b->relay, b->now, 0, 0, PATH_STREAM, FILL_BYTES);
	peer_path_up(b->peer, b->now, 0, 0, PATH_STREAM, FILL_BYTES);
	talk(b, relay_ns, peer_ns);
	expect(peer_session_state(b->peer, 0) == SESSION_OPEN, "no session");
	rest(b);
}

static void
cut(struct bridge *b)
{
	relay_path_down(b->relay, b->now, 0, 0);
	peer_path_down(b->peer, b->now, 0, 0);
}

static void
start_relay(struct bridge *b)
{
	b->relay = relay_new(b->relay_settings, 0, ++b->epoch, b->now, &relay_ops, b);
	expect(b->relay != NULL, "no memory for a relay");
}

static void
restart_relay(struct bridge *b, const char *name)
{
	char *text = write_relay_file(b, 0, name);

	cut(b);
	relay_free(b->relay);
	relay_conf_free(b->relay_settings);
	b->relay_settings = read_relay_file(b, text);
	free(text);
	start_relay(b);
}

/* ---- what is measured ---- */

static void
measure_greeting(struct bridge *b)
{
	int64_t unused = 0;

	greet(b, &b->ns[BRIDGE_RELAY_GREET], &b->ns[BRIDGE_PEER_GREETED]);
	cut(b);
	greet(b, &unused, &b->ns[BRIDGE_PEER_AGAIN]);
	restart_relay(b, "channel");
	greet(b, &unused, &b->ns[BRIDGE_PEER_RESTART]);
}

/* Places, classifier and filters for these channels; the lane exchanges them. */
static void
set_channels(struct bridge *b, const struct channel_settings *channels, size_t count,
	     int64_t *prepare_ns, int64_t *lane_ns)
{
	uint16_t *ids = calloc(count, sizeof(*ids));
	char *texts[FILTER_WIDTH_COUNT] = {NULL};
	struct classifier *c;
	int64_t t0 = spent(), t1;
	size_t places = relay_place_channels(b->relay, channels, count, ids);

	expect(places <= relay_channel_capacity(b->relay), "no room");
	c = classify_new(channels, count, ids);
	expect(c != NULL && filter_make_texts(texts, channels, count), "no memory");
	t1 = spent();
	*prepare_ns += t1 - t0;
	c = relay_set_channels(b->relay, b->now, channels, count, ids, c);
	*lane_ns += spent() - t1;
	classify_free(c);
	filter_free_texts(texts);
	free(ids);
}

static void
measure_relay_reload(struct bridge *b)
{
	char *text = write_relay_file(b, BRIDGE_CHANGED, "channel");
	struct relay_settings *next;
	struct conf_change change;
	int64_t t0 = spent();

	next = read_relay_file(b, text);
	conf_compare(relay_conf_record(), b->relay_settings, next, &change);
	b->ns[BRIDGE_RELAY_FILE] += spent() - t0;
	expect(change.fixed[0] == '\0', "%s", change.fixed);
	set_channels(b, next->channels, next->channel_count,
		     &b->ns[BRIDGE_RELAY_PREPARE], &b->ns[BRIDGE_RELAY_RELOAD]);
	t0 = spent();
	conf_exchange(relay_conf_record(), b->relay_settings, next);
	relay_settings_changed(b->relay);
	b->ns[BRIDGE_RELAY_RELOAD] += spent() - t0;
	relay_conf_free(next);
	free(text);
	talk(b, &b->ns[BRIDGE_RELAY_TELL], &b->ns[BRIDGE_PEER_HEAR]);
	rest(b);
}

static void
reload_peer(struct bridge *b, size_t changed, uint32_t group, int64_t *file_ns,
	    int64_t *lane_ns)
{
	char *text = write_peer_file(b, changed, group);
	struct peer_settings *next;
	struct conf_change change;
	int64_t t0 = spent(), t1;

	next = read_peer_file(b, text);
	conf_compare(peer_conf_record(), b->peer_settings, next, &change);
	t1 = spent();
	*file_ns += t1 - t0;
	expect(change.fixed[0] == '\0', "%s", change.fixed);
	t1 = spent();
	conf_exchange(peer_conf_record(), b->peer_settings, next);
	peer_settings_changed(b->peer, b->now);
	*lane_ns += spent() - t1;
	peer_conf_free(next);
	free(text);
	rest(b);
}

/* The interface takes nothing while all channels go elsewhere. */
static void
measure_moves(struct bridge *b)
{
	static const uint8_t payload[100];
	const struct relay_settings *s = b->relay_settings;
	int64_t unused = 0;

	for (size_t k = 0; k < WAITING; k++)
		for (size_t i = 0; i < s->channel_count; i++)
			core_rig_capture(b->relay, b->now, &s->channels[i], payload,
					 sizeof(payload));
	talk(b, &unused, &unused);
	reload_peer(b, BRIDGE_CHANGED, OUT_MOVED, &unused, &b->ns[BRIDGE_PEER_MOVE]);
	core_rig_emit(b->peer, b->now, EMIT_SENT);
	rest(b);
}

static void
measure_choice(struct bridge *b)
{
	const struct relay_settings *s = b->relay_settings;

	set_channels(b, s->channels, s->channel_count / 2,
		     &b->ns[BRIDGE_CHOICE_PREPARE], &b->ns[BRIDGE_CHOICE]);
	rest(b);
}

/* First the table fills with a second lot of names, then the third takes places. */
static void
measure_renaming(struct bridge *b)
{
	int64_t unused = 0;

	restart_relay(b, "other");
	greet(b, &unused, &unused);
	restart_relay(b, "third");
	greet(b, &unused, &b->ns[BRIDGE_PEER_RENAMED]);
}

static void
build(struct bridge *b)
{
	char *relay_text = write_relay_file(b, 0, "channel");
	char *peer_text = write_peer_file(b, 0, OUT_GROUP);

	b->relay_settings = read_relay_file(b, relay_text);
	b->peer_settings = read_peer_file(b, peer_text);
	free(relay_text);
	free(peer_text);
	start_relay(b);
	b->peer = peer_new(b->peer_settings, 4711, b->now, &peer_ops, b);
	expect(b->peer != NULL, "no memory for a peer");
}

void
bridge_run(size_t channels, int64_t ns[BRIDGE_STEP_COUNT])
{
	struct bridge *b = calloc(1, sizeof(*b));
	int64_t file_ns = 0;

	expect(b != NULL, "no memory");
	b->channels = channels;
	b->now = core_rig_start();
	b->ns = ns;
	memset(ns, 0, BRIDGE_STEP_COUNT * sizeof(*ns));
	build(b);
	measure_greeting(b);
	measure_relay_reload(b);
	reload_peer(b, BRIDGE_CHANGED, OUT_GROUP, &file_ns, &ns[BRIDGE_PEER_RELOAD]);
	ns[BRIDGE_PEER_FILE] = file_ns;
	measure_moves(b);
	measure_choice(b);
	measure_renaming(b);
	relay_free(b->relay);
	peer_free(b->peer);
	relay_conf_free(b->relay_settings);
	peer_conf_free(b->peer_settings);
	free(b);
}
