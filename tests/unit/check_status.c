/* SPDX-License-Identifier: Apache-2.0 */
/* /status and /healthz of both halves. */
#include "ops/status.h"

#include <check.h>
#include <event2/buffer.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_pair.h"
#include "ops/expect_watch.h"
#include "ops/interfaces.h"
#include "suite.h"

static struct pair pair;
static char text[1 << 16];
static int status;
static struct expect_watch *watch;
static struct interfaces interfaces;

static void
setup(void)
{
	pair_init(&pair);
	watch = expect_watch_new();
	ck_assert_ptr_nonnull(watch);
}

static void
teardown(void)
{
	expect_watch_free(watch);
	pair_fini(&pair);
}

/* Into text and status. */
static const char *
ask(http_handler *handler, void *views)
{
	struct evbuffer *out = evbuffer_new();
	const char *type = "text/plain; charset=utf-8";
	int n;

	ck_assert_ptr_nonnull(out);
	status = 200;
	handler(views, out, &type, &status);
	n = evbuffer_remove(out, text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	ck_assert_uint_eq(evbuffer_get_length(out), 0);
	text[n] = '\0';
	evbuffer_free(out);
	return type;
}

static const char *
ask_relay(http_handler *handler)
{
	struct relay_view lane = pair_relay_view(&pair);
	struct relay_views views = {.lanes = &lane, .count = 1, .expect = watch};

	expect_watch_look(watch, &views, pair.now);
	return ask(handler, &views);
}

static const char *
ask_peer(http_handler *handler)
{
	struct peer_view lane = pair_peer_view(&pair);
	struct peer_views views = {
		.lanes = &lane, .count = 1, .interfaces = &interfaces};

	return ask(handler, &views);
}

static json_t *
parse(const char *type)
{
	json_error_t error;
	json_t *root;

	ck_assert_str_eq(type, "application/json");
	ck_assert_int_eq(status, 200);
	root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(root != NULL, "line %d: %s", error.line, error.text);
	return root;
}

static json_t *
relay_status(void)
{
	return parse(ask_relay(status_relay));
}

static json_t *
peer_status(void)
{
	return parse(ask_peer(status_peer));
}

/* "lanes.0.remotes.0.state": keys and indices. */
static json_t *
look(json_t *at, const char *path)
{
	char key[64];
	size_t len;

	for (const char *p = path; *p != '\0'; p += len + (p[len] == '.')) {
		len = strcspn(p, ".");
		ck_assert_uint_lt(len, sizeof(key));
		memcpy(key, p, len);
		key[len] = '\0';
		at = json_is_array(at) ? json_array_get(at, strtoul(key, NULL, 10))
				       : json_object_get(at, key);
		ck_assert_msg(at != NULL, "nothing at %s of %s in %s", key, path, text);
	}
	return at;
}

static void
expect_string(json_t *root, const char *path, const char *wanted)
{
	ck_assert_msg(json_is_string(look(root, path)), "%s", path);
	ck_assert_str_eq(json_string_value(look(root, path)), wanted);
}

static void
expect_integer(json_t *root, const char *path, int64_t wanted)
{
	json_t *value = look(root, path);

	ck_assert_msg(json_is_integer(value) && json_integer_value(value) == wanted,
		      "%s is %lld, not %lld", path,
		      (long long)json_integer_value(value), (long long)wanted);
}

static void
expect_absent(json_t *root, const char *path, const char *key)
{
	ck_assert_ptr_null(json_object_get(look(root, path), key));
}

static void
open_session(void)
{
	pair_connect(&pair, 0, PATH_STREAM);
	pair_run(&pair, 100 * NS_PER_MS);
	for (int i = 0; i < 5; i++)
		pair_feed(&pair, 0);
	pair_run(&pair, 2 * NS_PER_S);
}

/* ---- /status ---- */

START_TEST(relay_fresh)
{
	json_t *root = relay_status();

	expect_string(root, "half", "relay");
	expect_string(root, "node", "colo-a");
	expect_string(root, "version", "1.2.3");
	expect_string(root, "log_level", "info");
	ck_assert_int_gt(json_integer_value(look(root, "now_ns")), 0);
	expect_integer(root, "lanes.0.remotes.0.state_since_ns", 1790000000 * NS_PER_S);
	expect_absent(root, "lanes.0.channels.0", "captured_last_ns");
	expect_string(root, "verdict",
		      "nothing lost; now no session with vpc-a; "
		      "now no session with vpc-b");
	expect_string(root, "lanes.0.epoch", "0123456789abcdef");
	expect_integer(root, "lanes.0.memory_bytes",
		       (int64_t)relay_memory_bytes(pair.relay));
	expect_integer(root, "lanes.0.started_ns", 1790000000 * NS_PER_S);
	expect_integer(root, "lanes.0.history.age_ns", 10 * NS_PER_S);
	expect_integer(root, "lanes.0.tunnel.certificate_expires_s", PAIR_EXPIRES);
	expect_string(root, "lanes.0.capture.interface", "ens1f0");
	expect_absent(root, "lanes.0.capture", "file");
	expect_string(root, "lanes.0.channels.1.name", "kosdaq150");
	expect_string(root, "lanes.0.channels.1.group", "233.37.54.2");
	expect_integer(root, "lanes.0.channels.1.port", 30002);
	expect_string(root, "lanes.0.channels.1.feed", "none");
	expect_string(root, "lanes.0.remotes.1.name", "vpc-b");
	expect_string(root, "lanes.0.remotes.1.state", "down");
	expect_absent(root, "lanes.0.remotes.1", "instance");
	ck_assert_uint_eq(json_array_size(look(root, "lanes.0.remotes.1.paths")), 0);
	expect_string(root, "lanes.0.remotes.0.paths.0.transport", "tls");
	ck_assert(json_is_false(look(root, "lanes.0.remotes.0.paths.0.up")));
	expect_absent(root, "lanes.0.remotes.0.paths.0", "rtt_ns");
	json_decref(root);
}
END_TEST

START_TEST(relay_expects)
{
	const char *at = "lanes.0.channels.0.expect";
	json_t *root = relay_status();

	expect_string(root, "lanes.0.channels.0.expect.state", "measured");
	expect_integer(root, "lanes.0.channels.0.expect.datagrams", 20);
	expect_integer(root, "lanes.0.channels.0.expect.over_ns", 10 * NS_PER_S);
	expect_absent(root, at, "measured_datagrams");
	expect_absent(root, "lanes.0.channels.1", "expect");
	json_decref(root);
	pair_feed(&pair, 0);
	pair_run(&pair, 11 * NS_PER_S);
	root = relay_status();
	expect_string(root, "lanes.0.channels.0.expect.state", "silent");
	expect_integer(root, "lanes.0.channels.0.expect.measured_datagrams", 1);
	expect_integer(root, "lanes.0.channels.0.expect.measured_over_ns",
		       11 * NS_PER_S);
	json_decref(root);
}
END_TEST

START_TEST(beside_the_books)
{
	struct interface *i = &interfaces.all[0];
	json_t *root;

	interfaces.count = 1;
	*i = (struct interface){.name = "ens6", .uses = 1u << USE_EMISSION};
	i->counters.total[IFSTAT_tx_dropped] = 3;
	root = peer_status();
	expect_string(root, "interfaces.0.name", "ens6");
	ck_assert(json_is_true(look(root, "interfaces.0.emission")));
	ck_assert(json_is_false(look(root, "interfaces.0.path")));
	expect_integer(root, "interfaces.0.errors.tx_dropped", 3);
	expect_integer(root, "interfaces.0.errors.rx_missed_errors", 0);
	expect_absent(root, "interfaces.0", "allowance_exceeded");
	expect_absent(root, "interfaces.0", "conntrack_available");
	ck_assert_ptr_nonnull(strstr(json_string_value(look(root, "verdict")),
				     "beside the books: 3 frames dropped by the "
				     "interface that is emitted on"));
	json_decref(root);
	i->allowances = (struct allowances){.matched = true,
					    .taken = true,
					    .place = {-1, -1, 0, -1, -1},
					    .total = {[ALLOWANCE_pps] = 8},
					    .available = 70};
	root = peer_status();
	expect_integer(root, "interfaces.0.allowance_exceeded.pps", 8);
	ck_assert_uint_eq(
		json_object_size(look(root, "interfaces.0.allowance_exceeded")), 1);
	expect_integer(root, "interfaces.0.conntrack_available", 70);
	json_decref(root);
	interfaces.count = 0;
}
END_TEST

START_TEST(peer_fresh)
{
	json_t *root = peer_status();

	expect_string(root, "half", "peer");
	expect_string(root, "node", "vpc-a");
	expect_string(root, "lanes.0.instance", "00000000feedf00d");
	expect_string(root, "lanes.0.emit.interface", "ens6");
	expect_integer(root, "lanes.0.pool.bytes", 1 << 20);
	expect_string(root, "lanes.0.remotes.0.state", "down");
	expect_absent(root, "lanes.0.remotes.0", "epoch");
	expect_integer(root, "lanes.0.remotes.0.latency.count", 0);
	ck_assert_uint_eq(json_array_size(look(root, "lanes.0.remotes.0.channels")), 0);
	json_decref(root);
}
END_TEST

START_TEST(relay_open)
{
	const struct timing *t = &relay_session(pair.relay, 0)->paths[0].timing;
	json_t *root;

	open_session();
	relay_dropped(pair.relay, pair.now, DROP_INTERFACE, 2);
	pair_run(&pair, 2 * NS_PER_S);
	gauge_set((gauge_t *)(uintptr_t)&t->offset_ns, -1234);
	gauge_set(&pair.history_used, 4321);
	gauge_set(&pair.since[0], 1790000001 * NS_PER_S);
	root = relay_status();
	expect_integer(root, "lanes.0.remotes.0.state_since_ns", 1790000001 * NS_PER_S);
	expect_integer(root, "lanes.0.remotes.1.state_since_ns", 1790000000 * NS_PER_S);
	ck_assert_int_ge(
		json_integer_value(look(root, "lanes.0.channels.0.captured_last_ns")),
		1790000000 * NS_PER_S);
	expect_string(root, "verdict",
		      "in capture: 2 datagrams dropped by the interface; "
		      "under way: 5 unsent; " /* for vpc-b */
		      "now no session with vpc-b");
	expect_string(root, "lanes.0.remotes.0.state", "open");
	expect_string(root, "lanes.0.remotes.0.instance", "00000000feedf00d");
	ck_assert(json_is_true(look(root, "lanes.0.remotes.0.paths.0.up")));
	ck_assert(json_is_true(look(root, "lanes.0.remotes.0.paths.0.dialled")));
	expect_integer(root, "lanes.0.remotes.0.paths.0.rtt_ns", 1);
	expect_integer(root, "lanes.0.remotes.0.paths.0.clock_offset_ns", -1234);
	expect_integer(root, "lanes.0.history.used_bytes", 4321);
	expect_integer(root, "lanes.0.channels.0.captured", 5);
	expect_integer(root, "lanes.0.capture.dropped.interface", 2);
	expect_string(root, "lanes.0.recent_marks.0.point", "interface");
	expect_integer(root, "lanes.0.recent_marks.0.datagrams", 2);
	ck_assert_uint_eq(json_array_size(look(root, "lanes.0.upstream_gaps")), 0);
	expect_integer(root, "lanes.0.figures.marks", 1);
	expect_integer(root, "lanes.0.marks.captured", 1);
	expect_integer(root, "lanes.0.remotes.0.marks.peer.emitted", 1);
	expect_integer(root, "lanes.0.remotes.0.channels.0.sent", 5);
	expect_integer(root, "lanes.0.remotes.0.channels.0.peer.emitted", 5);
	expect_integer(root, "lanes.0.remotes.1.channels.0.unsent", 5);
	expect_string(
		root, "lanes.0.remotes.0.channels.1.verdict",
		"in capture: 2 datagrams of any channel dropped by the interface");
	json_decref(root);
}
END_TEST

START_TEST(peer_open)
{
	json_t *root;

	open_session();
	gauge_set(&pair.pool_used, 3);
	root = peer_status();
	expect_string(root, "verdict", "nothing lost");
	expect_string(root, "lanes.0.remotes.0.state", "open");
	expect_string(root, "lanes.0.remotes.0.epoch", "0123456789abcdef");
	expect_integer(root, "lanes.0.pool.used_bytes", 3 * POOL_CHUNK_BYTES);
	expect_integer(root, "lanes.0.remotes.0.latency.count", 5);
	expect_integer(root, "lanes.0.remotes.0.latency.p50_ns", NS_PER_MS);
	expect_integer(root, "lanes.0.remotes.0.latency.max_ns", NS_PER_MS);
	expect_integer(root, "lanes.0.remotes.0.channels.0.latency_ns", NS_PER_MS);
	expect_string(root, "lanes.0.remotes.0.channels.0.name", "kospi200");
	ck_assert(json_is_true(look(root, "lanes.0.remotes.0.channels.0.active")));
	expect_string(root, "lanes.0.remotes.0.channels.0.group", "233.37.54.1");
	expect_integer(root, "lanes.0.remotes.0.channels.0.port", 30001);
	expect_string(root, "lanes.0.remotes.0.channels.0.delivery", "ordered");
	expect_integer(root, "lanes.0.remotes.0.channels.0.emitted", 5);
	expect_integer(root, "lanes.0.remotes.0.channels.0.relay.owed", 5);
	expect_integer(root, "lanes.0.remotes.0.channels.0.residual.expected", 0);
	expect_string(root, "lanes.0.remotes.0.channels.0.verdict", "nothing lost");
	ck_assert_uint_eq(json_array_size(look(root, "lanes.0.remotes.0.channels")),
			  PAIR_CHANNELS);
	expect_integer(root, "lanes.0.remotes.0.marks.received", 0);
	json_decref(root);
}
END_TEST

/* Two are lost on the way and repaired, and it is known whose fault that was. */
START_TEST(peer_gaps)
{
	json_t *root;

	pair_connect(&pair, 0, PATH_DATAGRAM);
	pair_run(&pair, 100 * NS_PER_MS);
	pair_feed(&pair, 0);
	pair_run(&pair, 2 * NS_PER_S);
	pair.dark = true;
	pair_feed(&pair, 0);
	pair_feed(&pair, 0);
	pair_run(&pair, NS_PER_MS);
	pair.dark = false;
	pair_feed(&pair, 0);
	pair_run(&pair, 2 * NS_PER_S);
	root = peer_status();
	ck_assert_uint_eq(json_array_size(look(root, "lanes.0.remotes.0.gaps")), 1);
	expect_string(root, "lanes.0.remotes.0.gaps.0.channel", "kospi200");
	expect_integer(root, "lanes.0.remotes.0.gaps.0.first", 2);
	expect_integer(root, "lanes.0.remotes.0.gaps.0.datagrams", 2);
	expect_integer(root, "lanes.0.remotes.0.gaps.0.repaired", 2);
	expect_integer(root, "lanes.0.remotes.0.gaps.0.open", 0);
	expect_string(root, "lanes.0.remotes.0.gaps.0.cause", "path");
	ck_assert_int_gt(
		json_integer_value(look(root, "lanes.0.remotes.0.gaps.0.found_ns")),
		1790000000 * NS_PER_S);
	ck_assert_int_ge(
		json_integer_value(look(root, "lanes.0.remotes.0.gaps.0.requests")), 1);
	expect_absent(root, "lanes.0.remotes.0.gaps.0", "lost_give_up");
	json_decref(root);
	root = parse(ask_peer(status_peer_gaps));
	expect_string(root, "half", "peer");
	expect_string(root, "lanes.0.remotes.0.name", "colo-a");
	expect_string(root, "lanes.0.remotes.0.gaps.0.cause", "path");
	json_decref(root);
	root = parse(ask_relay(status_relay_gaps));
	expect_string(root, "half", "relay");
	ck_assert_uint_eq(json_array_size(look(root, "lanes.0.recent_marks")), 0);
	json_decref(root);
}
END_TEST

/* Every figure of the books is there, with the value of its counter. */
static void
scribble(const void *book, size_t figures, uint64_t first)
{
	counter_t *c = (counter_t *)(uintptr_t)book;

	for (size_t i = 0; i < figures; i++)
		counter_set(&c[i], first + i);
}

#define EXPECT_FIGURE(name, help)            expect_integer(at, #name, n++);
#define EXPECT_UNIT_FIGURE(name, unit, help) expect_integer(at, #name, n++);
#define SET_FIGURE(name, help) \
	counter_set((counter_t *)(uintptr_t)&f->name, (uint64_t)n++);
#define SET_UNIT_FIGURE(name, unit, help) SET_FIGURE(name, help)

START_TEST(relay_figures_agree)
{
	const struct relay_session *s = relay_session(pair.relay, 1);
	const struct relay_figures *f = relay_figures(pair.relay);
	int64_t n;
	json_t *root, *at;

	scribble(&relay_channel(pair.relay, 2)->book, CAPTURE_FIGURES, 100);
	scribble(&s->outlets[2].book, SENT_FIGURES, INT64_C(1) << 55);
	scribble(&s->outlets[2].peer, PEER_FIGURES, 300);
	scribble(f->decap, DECAP_VERDICT_COUNT, 500);
	n = 400;
	RELAY_COUNTERS(SET_FIGURE)
	gauge_set(&s->residuals[2], -5);
	root = relay_status();
	n = 100;
	at = look(root, "lanes.0.channels.1");
	CAPTURE_BOOK(EXPECT_FIGURE)
	n = INT64_C(1) << 55;
	at = look(root, "lanes.0.remotes.1.channels.1");
	SENT_BOOK(EXPECT_FIGURE)
	expect_integer(at, "residual", -5);
	n = 300;
	at = look(root, "lanes.0.remotes.1.channels.1.peer");
	PEER_BOOK(EXPECT_FIGURE)
	n = 400;
	at = look(root, "lanes.0.figures");
	RELAY_COUNTERS(EXPECT_FIGURE)
	expect_integer(root, "lanes.0.frames.datagram", 500);
	expect_integer(root, "lanes.0.frames.link_type", 500 + DECAP_LINK_TYPE);
	json_decref(root);
}
END_TEST

START_TEST(peer_figures_agree)
{
	const struct peer_figures *f = peer_figures(pair.peer, 0);
	const struct peer_channel *c;
	int64_t n;
	json_t *root, *at;

	open_session();
	c = peer_channel(pair.peer, 0, 1);
	ck_assert_str_eq(c->name, "kospi200"); /* 0 is the marks */
	scribble(&c->book, PEER_FIGURES, 100);
	scribble(&c->relay, SENT_FIGURES, 200);
	n = 300;
	PEER_COUNTERS(SET_FIGURE)
	scribble(f->dropped, DROP_POINT_COUNT, 400);
	root = peer_status();
	n = 100;
	at = look(root, "lanes.0.remotes.0.channels.0");
	PEER_BOOK(EXPECT_FIGURE)
	n = 200;
	at = look(root, "lanes.0.remotes.0.channels.0.relay");
	SENT_BOOK(EXPECT_FIGURE)
	n = 300;
	at = look(root, "lanes.0.remotes.0.figures");
	PEER_COUNTERS(EXPECT_FIGURE)
	expect_integer(root, "lanes.0.remotes.0.dropped.interface", 401);
	json_decref(root);
}
END_TEST

START_TEST(shells_agree)
{
	int64_t n = 100;
	json_t *root, *at;

	{
		struct tunnel_figures *f = &pair.peer_tunnel;

		TUNNEL_COUNTERS(SET_UNIT_FIGURE)
	}
	{
		struct emit_figures *f = &pair.emit;

		EMIT_COUNTERS(SET_UNIT_FIGURE)
		gauge_set(&f->mtu_bytes, 8500);
	}
	root = peer_status();
	n = 100;
	at = look(root, "lanes.0.tunnel");
	TUNNEL_COUNTERS(EXPECT_UNIT_FIGURE)
	at = look(root, "lanes.0.emit");
	EMIT_COUNTERS(EXPECT_UNIT_FIGURE)
	expect_integer(at, "mtu_bytes", 8500);
	json_decref(root);
}
END_TEST

/* ---- /healthz ---- */

START_TEST(relay_health)
{
	ask_relay(status_relay_health);
	ck_assert_int_eq(status, 503);
	ck_assert_str_eq(text, "lane 0: no session is open\n");
	open_session();
	ask_relay(status_relay_health);
	ck_assert_int_eq(status, 200);
	ck_assert_str_eq(text, "ok\n");
	gauge_set(&pair.capture.link_up, 0);
	ask_relay(status_relay_health);
	ck_assert_int_eq(status, 503);
	ck_assert_str_eq(text, "lane 0: the capture is down\n");
	pair_disconnect(&pair);
	ask_relay(status_relay_health);
	ck_assert_int_eq(status, 503);
	ck_assert_str_eq(text,
			 "lane 0: no session is open\nlane 0: the capture is down\n");
}
END_TEST

START_TEST(peer_health)
{
	ask_peer(status_peer_health);
	ck_assert_int_eq(status, 503);
	ck_assert_str_eq(text, "lane 0: no session is open\n");
	open_session();
	ask_peer(status_peer_health);
	ck_assert_int_eq(status, 200);
	ck_assert_str_eq(text, "ok\n");
}
END_TEST

/* A lane without a session delivers nothing, however well the others do. */
START_TEST(health_asks_every_lane)
{
	static struct pair second;
	struct peer_view lanes[2];
	struct peer_views views = {.lanes = lanes, .count = 2};

	pair_init(&second);
	open_session();
	lanes[0] = pair_peer_view(&pair);
	lanes[1] = pair_peer_view(&second);
	ask(status_peer_health, &views);
	ck_assert_int_eq(status, 503);
	ck_assert_str_eq(text, "lane 1: no session is open\n");
	ck_assert_str_eq(ask(status_peer, &views), "application/json");
	pair_fini(&second);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("status");
	TCase *t = tcase_create("status");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, relay_fresh);
	tcase_add_test(t, relay_expects);
	tcase_add_test(t, beside_the_books);
	tcase_add_test(t, peer_fresh);
	tcase_add_test(t, relay_open);
	tcase_add_test(t, peer_open);
	tcase_add_test(t, peer_gaps);
	tcase_add_test(t, relay_figures_agree);
	tcase_add_test(t, peer_figures_agree);
	tcase_add_test(t, shells_agree);
	tcase_add_test(t, relay_health);
	tcase_add_test(t, peer_health);
	tcase_add_test(t, health_asks_every_lane);
	suite_add_tcase(s, t);
	return suite_run(s);
}
