/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong now, in words: of two cores whose figures the test sets. */
#include "ops/trouble.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core_pair.h"
#include "ops/expect_watch.h"
#include "path/peer_session.h"
#include "path/refusal.h"
#include "path/relay_session.h"
#include "suite.h"

static struct pair pair;
static const utc_t now = {1790000000 * NS_PER_S};

static void
setup(void)
{
	pair_init(&pair);
	pair.relay_settings.remote_count = 1;
	pair_connect(&pair, 0, PATH_DATAGRAM);
	pair_run(&pair, NS_PER_S);
}

static void
teardown(void)
{
	pair_fini(&pair);
}

static const char *
of_relay(void)
{
	static struct trouble t;
	struct relay_view view = pair_relay_view(&pair);
	const struct relay_views views = {.lanes = &view, .count = 1};

	t = (struct trouble){.text = ""};
	trouble_capture(&t, &views);
	trouble_tunnel(&t, view_relay_lanes(&views), now);
	return t.text;
}

static const char *
of_peer(void)
{
	static struct trouble t;
	struct peer_view view = pair_peer_view(&pair);
	const struct peer_views views = {.lanes = &view, .count = 1};

	t = (struct trouble){.text = ""};
	trouble_tunnel(&t, view_peer_lanes(&views), now);
	return t.text;
}

/* The figures are looked at only; the test plays the lane, which writes them. */
static struct relay_path *
relay_path_of(unsigned int slot)
{
	const struct relay_path *p = &relay_session(pair.relay, 0)->paths[slot];

	return (struct relay_path *)(uintptr_t)p;
}

static struct peer_path *
peer_path_of(unsigned int slot)
{
	const struct peer_path *p = &peer_session(pair.peer, 0)->paths[slot];

	return (struct peer_path *)(uintptr_t)p;
}

START_TEST(nothing_is_wrong)
{
	ck_assert_str_eq(of_relay(), "");
	ck_assert_str_eq(of_peer(), "");
}
END_TEST

START_TEST(the_capture_is_down)
{
	gauge_set(&pair.capture.link_up, 0);
	ck_assert_str_eq(of_relay(), "; now in capture: interface ens1f0 is down");
	ck_assert_str_eq(of_peer(), "");
}
END_TEST

/* 2/s are expected of kospi200, and nothing of kosdaq150. */
START_TEST(a_channel_is_silent)
{
	struct expect_watch *watch = expect_watch_new();
	struct relay_view view = pair_relay_view(&pair);
	const struct relay_views views = {.lanes = &view, .count = 1, .expect = watch};
	struct trouble t = {.text = ""};

	for (int s = 0; s < 30; s++) {
		expect_watch_look(watch, &views, pair.now);
		pair_run(&pair, NS_PER_S);
	}
	trouble_capture(&t, &views);
	ck_assert_str_eq(t.text, "; now before capture (exchange or network): silent: "
				 "kospi200");
	/* Nothing comes from an interface that is down: that is the capture's. */
	t = (struct trouble){.text = ""};
	gauge_set(&pair.capture.link_up, 0);
	trouble_capture(&t, &views);
	ck_assert_str_eq(t.text, "; now in capture: interface ens1f0 is down");
	expect_watch_free(watch);
}
END_TEST

START_TEST(no_session)
{
	pair_disconnect(&pair);
	ck_assert_str_eq(of_relay(), "; now no session with vpc-a");
	gauge_set(&pair.relay_tunnel.unreached[0][0], 1 + REFUSAL_CONNECT);
	ck_assert_str_eq(of_relay(),
			 "; now no session with vpc-a, path 0 (cannot connect)");
	gauge_set(&peer_path_of(0)->life.is_silent, true);
	gauge_set(&pair.peer_tunnel.refused_last, 1 + REFUSAL_EXPIRED);
	ck_assert_str_eq(of_peer(),
			 "; now no session with colo-a, path 0 (silent); last "
			 "refused by us: expired certificate");
}
END_TEST

/* Silence is the line's while another path stands; a refusal is not. */
START_TEST(a_path_is_down)
{
	struct remote_settings *r = &pair.peers[0];

	r->path_count = 2;
	ck_assert_str_eq(of_relay(), "; now on the line: path 1 of vpc-a is down");
	gauge_set(&pair.relay_tunnel.unreached[0][1], 1 + REFUSAL_TIMEOUT);
	ck_assert_str_eq(of_relay(),
			 "; now on the line: path 1 of vpc-a is down (timed out)");
	gauge_set(&pair.relay_tunnel.unreached[0][1], 1 + REFUSAL_NAME);
	ck_assert_str_eq(of_relay(), "; now path 1 of vpc-a is down (wrong name)");
	/* One that dialled in may come back as another: only if it went silent. */
	gauge_set(&peer_path_of(3)->life.is_up, false);
	counter_set(&peer_path_of(3)->bytes, 1);
	ck_assert_str_eq(of_peer(), "");
	gauge_set(&peer_path_of(3)->life.is_silent, true);
	ck_assert_str_eq(of_peer(),
			 "; now on the line: path 3 of colo-a is down (silent)");
}
END_TEST

START_TEST(a_path_loses)
{
	gauge_set(&relay_path_of(0)->timing.loss, 12345);
	ck_assert_str_eq(of_relay(), ""); /* nothing is said: it is of the past */
	gauge_set(&relay_path_of(0)->traffic.frames_per_s, 100);
	ck_assert_str_eq(of_relay(), "; now on the line: path 0 of vpc-a loses 1.2 %");
	gauge_set(&relay_path_of(0)->narrow_bytes, 1200);
	ck_assert_str_eq(of_relay(), "; now on the line: path 0 of vpc-a takes short "
				     "datagrams only (its MTU)");
	gauge_set(&relay_path_of(0)->narrow_bytes, 0);
	gauge_set(&relay_path_of(0)->timing.loss, 4999);
	ck_assert_str_eq(of_relay(), "");
}
END_TEST

START_TEST(the_clocks_are_apart)
{
	struct timing *t = &peer_path_of(0)->timing;

	gauge_set(&t->rtt_ns, NS_PER_MS);
	gauge_set(&t->offset_ns, -1500 * NS_PER_MS);
	gauge_set(&t->offset_error_ns, NS_PER_MS);
	ck_assert_str_eq(of_peer(),
			 "; now the clocks here and on colo-a are 1.500 s apart, "
			 "ours behind");
	gauge_set(&t->offset_ns, 20 * NS_PER_MS);
	ck_assert_str_eq(of_peer(),
			 "; now the clocks here and on colo-a are 0.020 s apart, "
			 "ours ahead");
	gauge_set(&t->offset_error_ns, 15 * NS_PER_MS);
	ck_assert_str_eq(of_peer(), "");
}
END_TEST

START_TEST(the_certificate_has_expired)
{
	gauge_set(&pair.peer_tunnel.certificate_expires_s, now.ns / NS_PER_S + 1);
	ck_assert_str_eq(of_peer(), "");
	gauge_set(&pair.peer_tunnel.certificate_expires_s, now.ns / NS_PER_S);
	ck_assert_str_eq(of_peer(), "; now on this host: our certificate has expired");
}
END_TEST

/* Whole clauses, however many there are. */
START_TEST(too_much_to_tell)
{
	struct trouble t = {.text = ""};
	struct relay_view view;
	struct relay_views views = {.lanes = &view, .count = 1};
	size_t len;

	pair_fini(&pair);
	pair_init(&pair);
	view = pair_relay_view(&pair);
	for (size_t i = 0; i < 40; i++)
		trouble_tunnel(&t, view_relay_lanes(&views), now);
	len = strlen(t.text);
	ck_assert_uint_lt(len, TROUBLE_BYTES);
	ck_assert_uint_eq(len, t.len);
	ck_assert_str_eq(t.text + len - strlen("; and more"), "; and more");
	ck_assert_ptr_null(strstr(t.text, "and more; "));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("trouble");
	TCase *t = tcase_create("trouble");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, nothing_is_wrong);
	tcase_add_test(t, the_capture_is_down);
	tcase_add_test(t, a_channel_is_silent);
	tcase_add_test(t, no_session);
	tcase_add_test(t, a_path_is_down);
	tcase_add_test(t, a_path_loses);
	tcase_add_test(t, the_clocks_are_apart);
	tcase_add_test(t, the_certificate_has_expired);
	tcase_add_test(t, too_much_to_tell);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
