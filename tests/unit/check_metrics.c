/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics of both halves: well formed, and the figures of the cores. */
#include "ops/metrics.h"

#include <check.h>
#include <event2/buffer.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_pair.h"
#include "exposition_parse.h"
#include "ops/expect_watch.h"
#include "ops/interfaces.h"
#include "suite.h"

static struct pair pair, other;
static struct expect_watch *watch;
static struct interfaces interfaces; /* one, with allowances */

static void
use_interface(void)
{
	static const char names[2][ETHSTAT_NAME_BYTES] = {
		"pps_allowance_exceeded", "conntrack_allowance_available"};
	static const uint64_t before[2] = {1000, 60}, after[2] = {1007, 50};
	struct interface *i = &interfaces.all[0];

	interfaces.count = 1;
	*i = (struct interface){.name = "ens5", .uses = 1u << USE_PATH};
	i->counters.total[IFSTAT_tx_dropped] = 11;
	ck_assert(allowances_match(&i->allowances, names, 2));
	allowances_take(&i->allowances, before);
	allowances_take(&i->allowances, after);
}

static void
setup(void)
{
	pair_init(&pair);
	pair_init(&other);
	watch = expect_watch_new();
	ck_assert_ptr_nonnull(watch);
	use_interface();
}

static void
teardown(void)
{
	expect_watch_free(watch);
	pair_fini(&pair);
	pair_fini(&other);
}

static struct parsed *
scrape(http_handler *handler, void *views)
{
	struct evbuffer *out = evbuffer_new();
	const char *type = NULL;
	int status = 200;
	struct parsed *p;

	ck_assert_ptr_nonnull(out);
	handler(views, out, &type, &status);
	ck_assert_int_eq(status, 200);
	ck_assert_str_eq(type, "text/plain; version=0.0.4; charset=utf-8");
	p = parse_exposition(out);
	evbuffer_free(out);
	return p;
}

static struct parsed *
scrape_relay(void)
{
	struct relay_view lane = pair_relay_view(&pair);
	struct relay_views views = {
		.lanes = &lane, .count = 1, .expect = watch, .interfaces = &interfaces};

	expect_watch_look(watch, &views, pair.now);
	return scrape(metrics_relay, &views);
}

static struct parsed *
scrape_peer(void)
{
	struct peer_view lane = pair_peer_view(&pair);
	struct peer_views views = {
		.lanes = &lane, .count = 1, .interfaces = &interfaces};

	return scrape(metrics_peer, &views);
}

/* A session that is open, with something emitted on both channels. */
static void
open_session(void)
{
	pair_connect(&pair, 0, PATH_STREAM);
	pair_run(&pair, 300 * NS_PER_MS);
	for (int i = 0; i < 10; i++)
		pair_feed(&pair, (unsigned int)i % PAIR_CHANNELS);
	pair_run(&pair, 1500 * NS_PER_MS);
	ck_assert_int_eq(peer_session_state(pair.peer, 0), SESSION_OPEN);
}

/* ---- form ---- */

START_TEST(fresh_cores_are_well_formed)
{
	struct parsed *p = scrape_relay();

	ck_assert(parsed_value(p, "tombolo_build_info{version=\"1.2.3\"}") == 1);
	ck_assert(parsed_value(p, "tombolo_start_time_seconds{lane=\"0\"}") ==
		  1790000000);
	ck_assert(parsed_value(
			  p,
			  "tombolo_certificate_expiry_timestamp_seconds{lane=\"0\"}") ==
		  (double)PAIR_EXPIRES);
	ck_assert(parsed_value(p, "tombolo_memory_bytes{lane=\"0\"}") ==
		  (double)relay_memory_bytes(pair.relay));
	ck_assert(parsed_value(p, "tombolo_lane_turn_seconds_count{lane=\"0\"}") == 1);
	parsed_free(p);
	p = scrape_peer();
	ck_assert(parsed_value(p, "tombolo_memory_bytes{lane=\"0\"}") ==
		  (double)peer_memory_bytes(pair.peer));
	ck_assert_uint_eq(parsed_count(p, "tombolo_peer_received_datagrams_total"), 0);
	parsed_free(p);
}
END_TEST

/* Every family has a sample once everything has happened once. */
static void
expect_all_families_used(const struct parsed *p)
{
	for (size_t i = 0; i < p->family_count; i++)
		ck_assert_msg(p->families[i].samples > 0, "%s has no sample",
			      p->families[i].name);
}

START_TEST(all_families_are_used)
{
	struct parsed *p;

	open_session();
	p = scrape_relay();
	expect_all_families_used(p);
	parsed_free(p);
	p = scrape_peer();
	expect_all_families_used(p);
	parsed_free(p);
}
END_TEST

START_TEST(what_a_view_lacks_is_left_out)
{
	struct relay_view relay = pair_relay_view(&pair);
	struct peer_view peer = pair_peer_view(&pair);
	struct relay_views relays = {.lanes = &relay, .count = 1};
	struct peer_views peers = {.lanes = &peer, .count = 1};
	struct parsed *p;

	relay.turns = peer.turns = NULL;
	relay.history_used_bytes = peer.pool_used_chunks = NULL;
	p = scrape(metrics_relay, &relays);
	ck_assert_uint_eq(parsed_count(p, "tombolo_lane_turn_seconds"), 0);
	ck_assert_uint_eq(parsed_count(p, "tombolo_relay_history_used_bytes"), 0);
	parsed_free(p);
	p = scrape(metrics_peer, &peers);
	ck_assert_uint_eq(parsed_count(p, "tombolo_lane_turn_seconds"), 0);
	ck_assert_uint_eq(parsed_count(p, "tombolo_peer_pool_used_bytes"), 0);
	parsed_free(p);
}
END_TEST

START_TEST(two_lanes)
{
	struct relay_view relay_lanes[2];
	struct peer_view peer_lanes[2];
	struct relay_views relays = {.lanes = relay_lanes, .count = 2};
	struct peer_views peers = {.lanes = peer_lanes, .count = 2};
	struct parsed *p;

	open_session();
	pair_feed(&other, 0);
	relay_lanes[0] = pair_relay_view(&pair);
	relay_lanes[1] = pair_relay_view(&other);
	peer_lanes[0] = pair_peer_view(&pair);
	peer_lanes[1] = pair_peer_view(&other);
	p = scrape(metrics_relay, &relays);
	ck_assert(parsed_value(p, "tombolo_relay_captured_datagrams_total{lane=\"0\","
				  "channel=\"kospi200\"}") == 5);
	ck_assert(parsed_value(p, "tombolo_relay_captured_datagrams_total{lane=\"1\","
				  "channel=\"kospi200\"}") == 1);
	parsed_free(p);
	p = scrape(metrics_peer, &peers);
	ck_assert(parsed_value(p, "tombolo_session_state{lane=\"0\",remote=\"colo-a\","
				  "state=\"open\"}") == 1);
	ck_assert(parsed_value(p, "tombolo_session_state{lane=\"1\",remote=\"colo-a\","
				  "state=\"down\"}") == 1);
	parsed_free(p);
}
END_TEST

/* ---- every figure, by a list that knows nothing of the other ---- */

/* The books are read-only for all but the lane; a test may lie about them. */
static counter_t *
writable(const counter_t *c)
{
	return (counter_t *)(uintptr_t)c;
}

struct expectation {
	const char *figure; /* name without prefix, then labels, or "" */
	const char *labels;
};

static const struct expectation capture_expectations[] = {
	{"captured_datagrams_total", ""},
	{"captured_bytes_total", ""},
	{"refused_datagrams_total", ""},
	{"upstream_gaps_total", ""},
	{"upstream_missing_messages_total", ""},
	{"feed_resets_total", ""},
	{"feed_repeats_total", ""},
	{"feed_malformed_datagrams_total", ""},
};

static const struct expectation sent_expectations[] = {
	{"owed_datagrams_total", ""},
	{"sent_datagrams_total", ""},
	{"shed_datagrams_total", ",reason=\"age\""},
	{"shed_datagrams_total", ",reason=\"bytes\""},
	{"shed_datagrams_total", ",reason=\"aged\""},
	{"unsent_datagrams", ""},
	{"resent_datagrams_total", ""},
	{"repaired_datagrams_total", ""},
	{"abandoned_datagrams_total", ""},
	{"copied_datagrams_total", ""},
};

static const struct expectation peer_expectations[] = {
	{"received_datagrams_total", ""},
	{"emitted_datagrams_total", ""},
	{"duplicate_datagrams_total", ""},
	{"late_datagrams_total", ""},
	{"stale_datagrams_total", ""},
	{"refused_datagrams_total", ",reason=\"oversize\""},
	{"refused_datagrams_total", ",reason=\"error\""},
	{"refused_datagrams_total", ",reason=\"memory\""},
	{"refused_datagrams_total", ",reason=\"window\""},
	{"held_datagrams", ""},
	{"missing_datagrams", ""},
	{"lost_datagrams_total", ",reason=\"give_up\""},
	{"lost_datagrams_total", ",reason=\"aged\""},
	{"lost_datagrams_total", ",reason=\"never\""},
	{"lost_datagrams_total", ",reason=\"window\""},
	{"lost_datagrams_total", ",reason=\"restart\""},
	{"lost_datagrams_total", ",reason=\"drain\""},
	{"expected_datagrams_total", ""},
};

#define IS_COMPLETE(list, figures)                                  \
	_Static_assert(sizeof(list) / sizeof((list)[0]) == figures, \
		       "the list names every figure of the book")
IS_COMPLETE(capture_expectations, CAPTURE_FIGURES);
IS_COMPLETE(sent_expectations, SENT_FIGURES);
IS_COMPLETE(peer_expectations, PEER_FIGURES);

/* All figures of a book are counters, one after the other. */
static void
scribble(const void *book, size_t figures, uint64_t first)
{
	const counter_t *c = book;

	for (size_t i = 0; i < figures; i++)
		counter_set(writable(&c[i]), first + i);
}

static void
expect_book(const struct parsed *p, const char *prefix, const char *labels,
	    const struct expectation *e, size_t figures, uint64_t first)
{
	char series[256];

	for (size_t i = 0; i < figures; i++) {
		snprintf(series, sizeof(series), "tombolo_%s_%s{%s%s}", prefix,
			 e[i].figure, labels, e[i].labels);
		ck_assert_msg(parsed_value(p, series) == (double)(first + i),
			      "%s is %f", series, parsed_value(p, series));
	}
}

START_TEST(relay_books)
{
	const struct relay_session *s = relay_session(pair.relay, 1);
	struct parsed *p;

	scribble(&relay_channel(pair.relay, 2)->book, CAPTURE_FIGURES, 100);
	scribble(&s->outlets[2].book, SENT_FIGURES, UINT64_C(1) << 40);
	scribble(&s->outlets[2].peer, PEER_FIGURES, 300);
	gauge_set(&s->residuals[2], -7);
	p = scrape_relay();
	expect_book(p, "relay", "lane=\"0\",channel=\"kosdaq150\"",
		    capture_expectations, CAPTURE_FIGURES, 100);
	expect_book(p, "relay", "lane=\"0\",remote=\"vpc-b\",channel=\"kosdaq150\"",
		    sent_expectations, SENT_FIGURES, UINT64_C(1) << 40);
	expect_book(p, "relay_remote",
		    "lane=\"0\",remote=\"vpc-b\",channel=\"kosdaq150\"",
		    &peer_expectations[1], 1, 301);
	expect_book(p, "relay_remote",
		    "lane=\"0\",remote=\"vpc-b\",channel=\"kosdaq150\"",
		    &peer_expectations[11], LOST_REASONS, 311);
	ck_assert(parsed_value(p, "tombolo_relay_residual_datagrams{lane=\"0\","
				  "remote=\"vpc-b\",channel=\"kosdaq150\"}") == -7);
	ck_assert(parsed_value(p, "tombolo_relay_residual_datagrams{lane=\"0\","
				  "remote=\"vpc-a\",channel=\"kosdaq150\"}") == 0);
	parsed_free(p);
}
END_TEST

static const struct peer_channel *
find_channel(const char *name)
{
	for (size_t i = 0; i < peer_channel_count(pair.peer, 0); i++) {
		const struct peer_channel *c = peer_channel(pair.peer, 0, i);

		if (strcmp(c->name, name) == 0)
			return c;
	}
	ck_abort_msg("no channel %s", name);
	return NULL;
}

START_TEST(peer_books)
{
	static const char labels[] =
		"lane=\"0\",relay=\"colo-a\",channel=\"kosdaq150\"";
	struct peer_channel *c;
	struct parsed *p;

	open_session();
	c = (struct peer_channel *)(uintptr_t)find_channel("kosdaq150");
	scribble(&c->book, PEER_FIGURES, 500);
	scribble(&c->relay, SENT_FIGURES, 700);
	gauge_set(&c->received_residual, 8);
	gauge_set(&c->expected_residual, -9);
	p = scrape_peer();
	expect_book(p, "peer", labels, peer_expectations, PEER_FIGURES, 500);
	expect_book(p, "peer_remote", labels, &sent_expectations[1], 5, 701);
	ck_assert(parsed_value(
			  p, "tombolo_peer_remote_captured_datagrams_total{lane=\"0\","
			     "relay=\"colo-a\",channel=\"kosdaq150\"}") == 700);
	ck_assert(parsed_value(
			  p, "tombolo_peer_residual_datagrams{lane=\"0\",relay=\"colo-"
			     "a\",channel=\"kosdaq150\",book=\"received\"}") == 8);
	ck_assert(parsed_value(
			  p, "tombolo_peer_residual_datagrams{lane=\"0\",relay=\"colo-"
			     "a\",channel=\"kosdaq150\",book=\"expected\"}") == -9);
	parsed_free(p);
}
END_TEST

static void
expect_counter(const struct parsed *p, const char *part, const char *id,
	       const char *labels, uint64_t value)
{
	char series[256];

	snprintf(series, sizeof(series), "tombolo_%s_%s_total{lane=\"0\"%s}", part, id,
		 labels);
	ck_assert_msg(parsed_value(p, series) == (double)value, "%s", series);
}

START_TEST(expected_channels)
{
	const char *silent =
		"tombolo_relay_channel_silent{lane=\"0\",channel=\"kospi200\"}";
	struct parsed *p;

	for (int again = 0; again < 2; again++) {
		p = scrape_relay();
		ck_assert(parsed_value(p, silent) == again);
		ck_assert(parsed_value(p, "tombolo_relay_expected_datagrams_per_second{"
					  "lane=\"0\",channel=\"kospi200\"}") == 2);
		ck_assert_uint_eq(parsed_count(p, "tombolo_relay_channel_silent"), 1);
		parsed_free(p);
		pair_run(&pair, 10 * NS_PER_S);
	}
	for (int i = 0; i < 20; i++)
		pair_feed(&pair, 0);
	p = scrape_relay();
	ck_assert(parsed_value(p, silent) == 0);
	parsed_free(p);
	/* another expectation begins anew, and none is none */
	pair.channels[0].expect.rate_per_h = 0;
	pair.channels[1].expect = (struct expect_settings){
		.rate_per_h = 1, .over_ns = 3600 * NS_PER_S, .days = DAYS_ALL};
	pair_change(&pair, 2);
	p = scrape_relay();
	ck_assert_uint_eq(parsed_count(p, "tombolo_relay_channel_silent"), 1);
	ck_assert(parsed_value(p, "tombolo_relay_channel_silent{lane=\"0\","
				  "channel=\"kosdaq150\"}") == 0);
	parsed_free(p);
	/* nor is anything of one that was taken out */
	pair_change(&pair, 1);
	p = scrape_relay();
	ck_assert_uint_eq(parsed_count(p, "tombolo_relay_channel_silent"), 0);
	parsed_free(p);
}
END_TEST

#define INTERFACE(family, more) \
	"tombolo_interface_" family "{interface=\"ens5\"" more "}"

START_TEST(beside_the_books)
{
	struct parsed *p;

	for (int half = 0; half < 2; half++) {
		p = half == 0 ? scrape_relay() : scrape_peer();
		ck_assert(parsed_value(p, INTERFACE("use", ",use=\"path\"")) == 1);
		ck_assert(parsed_value(p, INTERFACE("use", ",use=\"capture\"")) == 0);
		ck_assert(parsed_value(p, INTERFACE("errors_total",
						    ",counter=\"tx_dropped\"")) == 11);
		ck_assert(parsed_value(p, INTERFACE("allowance_exceeded_packets_total",
						    ",allowance=\"pps\"")) == 7);
		/* not those that the driver does not have */
		ck_assert_uint_eq(
			parsed_count(p, "tombolo_interface_allowance_exceeded_packets_"
					"total"),
			1);
		ck_assert(parsed_value(p, INTERFACE("conntrack_allowance_available",
						    "")) == 50);
		parsed_free(p);
	}
	interfaces.all[0].allowances.matched = false;
	p = scrape_peer();
	ck_assert_uint_eq(
		parsed_count(p, "tombolo_interface_allowance_exceeded_packets_total"),
		0);
	ck_assert_uint_eq(
		parsed_count(p, "tombolo_interface_conntrack_allowance_available"), 0);
	parsed_free(p);
}
END_TEST

START_TEST(lane_counters)
{
	const struct relay_figures *f = relay_figures(pair.relay);
	const struct peer_figures *g = peer_figures(pair.peer, 0);
	const struct tunnel_figures *t = &pair.relay_tunnel;
	const struct emit_figures *e = &pair.emit;
	uint64_t n = 1;
	struct parsed *p;

#define SET(c)      counter_set(writable(c), n++)
#define X(id, help) SET(&f->id);
	RELAY_COUNTERS(X)
#undef X
#define X(id, unit, help) SET(&t->id);
	TUNNEL_COUNTERS(X)
#undef X
	SET(&f->decap[DECAP_NOT_UDP]);
	SET(&f->reassembly[REASSEMBLE_OVERLAP]);
	SET(&f->dropped[DROP_INTERFACE]);
	SET(&pair.capture.frames);
	n = 1;
	p = scrape_relay();
#define X(id, help) expect_counter(p, "relay", #id, "", n++);
	RELAY_COUNTERS(X)
#undef X
#define X(id, unit, help) expect_counter(p, "tunnel", #id, "", n++);
	TUNNEL_COUNTERS(X)
#undef X
	expect_counter(p, "relay", "frames", ",verdict=\"not_udp\"", n++);
	expect_counter(p, "relay", "fragments", ",verdict=\"overlap\"", n++);
	expect_counter(p, "relay", "dropped_datagrams", ",point=\"interface\"", n++);
	expect_counter(p, "capture", "frames", "", n++);
	parsed_free(p);

	n = 1;
#define X(id, help) SET(&g->id);
	PEER_COUNTERS(X)
#undef X
#define X(id, unit, help) SET(&e->id);
	EMIT_COUNTERS(X)
#undef X
	SET(&g->dropped[DROP_KERNEL_RING]);
	n = 1;
	p = scrape_peer();
#define X(id, help) expect_counter(p, "peer", #id, ",relay=\"colo-a\"", n++);
	PEER_COUNTERS(X)
#undef X
#define X(id, unit, help) expect_counter(p, "emit", #id, "", n++);
	EMIT_COUNTERS(X)
#undef X
	expect_counter(p, "peer", "remote_dropped_datagrams",
		       ",relay=\"colo-a\",point=\"kernel_ring\"", n++);
	parsed_free(p);
#undef SET
}
END_TEST

/* ---- what the cores count when something happens ---- */

START_TEST(losses_and_marks)
{
	struct parsed *p;

	open_session();
	relay_dropped(pair.relay, pair.now, DROP_KERNEL_RING, 3);
	pair_run(&pair, 100 * NS_PER_MS);
	pair.verdict = EMIT_OVERSIZE;
	pair_feed(&pair, 0);
	pair_run(&pair, 1500 * NS_PER_MS);
	p = scrape_peer();
	ck_assert(parsed_value(
			  p,
			  "tombolo_peer_refused_datagrams_total{lane=\"0\",relay="
			  "\"colo-a\",channel=\"kospi200\",reason=\"oversize\"}") == 1);
	ck_assert(parsed_value(p,
			       "tombolo_peer_remote_dropped_datagrams_total{lane=\"0\","
			       "relay=\"colo-a\",point=\"kernel_ring\"}") == 3);
	ck_assert(parsed_value(p,
			       "tombolo_peer_emitted_datagrams_total{lane=\"0\",relay="
			       "\"colo-a\",channel=\"kospi200\"}") == 5);
	ck_assert(parsed_value(p, "tombolo_peer_latency_seconds_count{lane=\"0\",relay="
				  "\"colo-a\"}") == 10);
	parsed_free(p);
	p = scrape_relay();
	ck_assert(parsed_value(p, "tombolo_relay_marks_total{lane=\"0\"}") == 1);
	ck_assert(parsed_value(
			  p, "tombolo_relay_remote_emitted_datagrams_total{lane=\"0\","
			     "remote=\"vpc-a\",channel=\"kospi200\"}") == 5);
	parsed_free(p);
}
END_TEST

/* As configured, but in bytes; 0 is no limit. */
START_TEST(quota_limits)
{
	struct parsed *p;

	pair.peer_settings.emit.quota.flow_pps = 75000;
	pair.peer_settings.emit.quota.flow_bps = 1000000000;
	pair.peer_settings.emit.quota.total_pps = 0;
	pair.peer_settings.emit.quota.total_bps = 8000;
	p = scrape_peer();
	ck_assert(parsed_value(p, "tombolo_peer_flow_quota_packets{lane=\"0\"}") ==
		  75000);
	ck_assert(parsed_value(p, "tombolo_peer_flow_quota_bytes{lane=\"0\"}") ==
		  125000000);
	ck_assert(parsed_value(p, "tombolo_peer_emit_quota_packets{lane=\"0\"}") == 0);
	ck_assert(parsed_value(p, "tombolo_peer_emit_quota_bytes{lane=\"0\"}") == 1000);
	parsed_free(p);
}
END_TEST

/* Channel 0 of the cores is no channel of the operator's. */
START_TEST(marks_are_no_channel)
{
	struct parsed *p;

	open_session();
	p = scrape_peer();
	ck_assert_uint_eq(parsed_count(p, "tombolo_peer_received_datagrams_total"),
			  PAIR_CHANNELS);
	parsed_free(p);
	p = scrape_relay();
	ck_assert_uint_eq(parsed_count(p, "tombolo_relay_captured_datagrams_total"),
			  PAIR_CHANNELS);
	ck_assert_uint_eq(parsed_count(p, "tombolo_relay_sent_datagrams_total"),
			  PAIR_CHANNELS * 2);
	parsed_free(p);
}
END_TEST

#define STATE(state)                                                                  \
	parsed_value(                                                                 \
		p, "tombolo_session_state{lane=\"0\",remote=\"vpc-a\",state=\"" state \
		   "\"}")

START_TEST(one_state_at_a_time)
{
	struct parsed *p = scrape_relay();

	ck_assert(STATE("down") == 1 && STATE("open") == 0);
	parsed_free(p);
	open_session();
	p = scrape_relay();
	ck_assert(STATE("down") == 0 && STATE("greeting") == 0 && STATE("open") == 1 &&
		  STATE("draining") == 0 && STATE("closed") == 0);
	ck_assert(parsed_value(p, "tombolo_session_state{lane=\"0\",remote=\"vpc-b\","
				  "state=\"down\"}") == 1);
	parsed_free(p);
}
END_TEST

#define PATH_LABELS(slot) "{lane=\"0\",remote=\"vpc-a\",path=\"" slot "\"}"

/* A path is shown from when it is known, and its measurements while it is up. */
START_TEST(paths)
{
	struct parsed *p = scrape_relay();

	ck_assert(parsed_value(p, "tombolo_path_up" PATH_LABELS("0")) == 0);
	ck_assert_uint_eq(parsed_count(p, "tombolo_path_up"), 1);
	ck_assert_uint_eq(parsed_count(p, "tombolo_path_rtt_seconds"), 0);
	parsed_free(p);
	pair_connect(&pair, 3, PATH_STREAM);
	pair_run(&pair, NS_PER_S);
	p = scrape_relay();
	ck_assert(parsed_value(p, "tombolo_path_up" PATH_LABELS("3")) == 1);
	ck_assert(parsed_value(p, "tombolo_path_up" PATH_LABELS("0")) == 0);
	ck_assert(parsed_value(p, "tombolo_path_dialled" PATH_LABELS("0")) == 1);
	ck_assert(parsed_value(p, "tombolo_path_dialled" PATH_LABELS("3")) == 0);
	ck_assert(parsed_value(p, "tombolo_path_rtt_seconds" PATH_LABELS("3")) == 1e-9);
	ck_assert(parsed_value(p, "tombolo_path_clock_offset_seconds" PATH_LABELS(
					  "3")) == 0);
	ck_assert(parsed_value(p, "tombolo_path_sent_bytes_total" PATH_LABELS("3")) >
		  0);
	parsed_free(p);
	pair_disconnect(&pair);
	p = scrape_relay();
	ck_assert(parsed_value(p, "tombolo_path_up" PATH_LABELS("3")) == 0);
	ck_assert_uint_eq(parsed_count(p, "tombolo_path_rtt_seconds"), 0);
	parsed_free(p);
}
END_TEST

/* ---- scrapes beside a lane that runs ---- */

#define SCRAPES 30

static _Atomic bool stop;

static void *
run_lane(void *arg)
{
	(void)arg;
	for (int i = 0; !atomic_load(&stop); i++) {
		if (i % 50 == 0)
			pair_connect(&pair, (unsigned int)i / 50 % 2, PATH_STREAM);
		pair_feed(&pair, (unsigned int)i % PAIR_CHANNELS);
		pair_run(&pair, 10 * NS_PER_MS);
		if (i % 50 == 49)
			pair_disconnect(&pair);
	}
	return NULL;
}

START_TEST(beside_a_lane_that_runs)
{
	struct relay_view relay = pair_relay_view(&pair);
	struct peer_view peer = pair_peer_view(&pair);
	struct relay_views relays = {.lanes = &relay, .count = 1};
	struct peer_views peers = {.lanes = &peer, .count = 1};
	size_t channels = 0;
	pthread_t thread;

	atomic_store(&stop, false);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_lane, NULL), 0);
	/* Not before there was something to disagree about. */
	for (int i = 0; i < SCRAPES || channels < PAIR_CHANNELS; i++) {
		struct parsed *p = scrape(metrics_relay, &relays);

		ck_assert(parsed_value(p,
				       "tombolo_relay_residual_datagrams{lane=\"0\","
				       "remote=\"vpc-a\",channel=\"kospi200\"}") == 0);
		parsed_free(p);
		p = scrape(metrics_peer, &peers);
		channels = parsed_count(p, "tombolo_peer_emitted_datagrams_total");
		if (channels == PAIR_CHANNELS)
			ck_assert(parsed_value(p,
					       "tombolo_peer_residual_datagrams{lane="
					       "\"0\",relay=\"colo-a\",channel="
					       "\"kospi200\",book=\"expected\"}") == 0);
		parsed_free(p);
	}
	atomic_store(&stop, true);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("metrics");
	TCase *t = tcase_create("metrics");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, fresh_cores_are_well_formed);
	tcase_add_test(t, all_families_are_used);
	tcase_add_test(t, what_a_view_lacks_is_left_out);
	tcase_add_test(t, two_lanes);
	tcase_add_test(t, relay_books);
	tcase_add_test(t, peer_books);
	tcase_add_test(t, expected_channels);
	tcase_add_test(t, beside_the_books);
	tcase_add_test(t, lane_counters);
	tcase_add_test(t, losses_and_marks);
	tcase_add_test(t, quota_limits);
	tcase_add_test(t, marks_are_no_channel);
	tcase_add_test(t, one_state_at_a_time);
	tcase_add_test(t, paths);
	tcase_add_test(t, beside_a_lane_that_runs);
	suite_add_tcase(s, t);
	return suite_run(s);
}
