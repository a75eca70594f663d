/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/summary.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core_pair.h"
#include "suite.h"

static struct pair pair;

static void
setup(void)
{
	pair_init(&pair);
	gauge_set(&pair.capture.link_up, 1);
}

static void
teardown(void)
{
	pair_fini(&pair);
}

static void
relay_says(const char *wanted)
{
	struct relay_view lane = pair_relay_view(&pair);
	struct relay_views views = {.lanes = &lane, .count = 1};
	char text[200];

	summary_relay(&views, text, sizeof text);
	ck_assert_str_eq(text, wanted);
}

static void
peer_says(const char *wanted)
{
	struct peer_view lane = pair_peer_view(&pair);
	struct peer_views views = {.lanes = &lane, .count = 1};
	char text[200];

	summary_peer(&views, text, sizeof text);
	ck_assert_str_eq(text, wanted);
}

START_TEST(a_session_comes_and_goes)
{
	relay_says("0 of 2 sessions open, 0 paths up, 2 channels");
	peer_says("0 of 1 session open, 0 paths up, 0 channels");
	pair_connect(&pair, 0, PATH_STREAM);
	pair_run(&pair, 50 * NS_PER_MS);
	relay_says("1 of 2 sessions open, 1 path up, 2 channels");
	peer_says("1 of 1 session open, 1 path up, 2 channels");
	pair_disconnect(&pair);
	pair_run(&pair, 50 * NS_PER_MS);
	relay_says("0 of 2 sessions open, 0 paths up, 2 channels");
	/* what it was told of stays known */
	peer_says("0 of 1 session open, 0 paths up, 2 channels");
}
END_TEST

/* It is said again only when something has happened. */
START_TEST(traffic_does_not_change_it)
{
	pair_connect(&pair, 0, PATH_STREAM);
	for (int i = 0; i < 100; i++) {
		pair_feed(&pair, 0);
		pair_run(&pair, 20 * NS_PER_MS);
		relay_says("1 of 2 sessions open, 1 path up, 2 channels");
		peer_says("1 of 1 session open, 1 path up, 2 channels");
	}
}
END_TEST

START_TEST(a_capture_without_a_link)
{
	gauge_set(&pair.capture.link_up, 0);
	relay_says("0 of 2 sessions open, 0 paths up, 2 channels, the capture is down");
}
END_TEST

START_TEST(lanes_are_summed)
{
	struct relay_view lanes[2] = {pair_relay_view(&pair), pair_relay_view(&pair)};
	struct relay_views views = {.lanes = lanes, .count = 2};
	char text[200];

	summary_relay(&views, text, sizeof text);
	ck_assert_str_eq(text, "0 of 4 sessions open, 0 paths up, 4 channels");
}
END_TEST

/* What does not fit is cut. */
START_TEST(a_short_buffer)
{
	struct relay_view lane = pair_relay_view(&pair);
	struct relay_views views = {.lanes = &lane, .count = 1};
	char text[16];

	gauge_set(&pair.capture.link_up, 0);
	memset(text, 'x', sizeof text);
	summary_relay(&views, text, 10);
	ck_assert_str_eq(text, "0 of 2 se");
	ck_assert_int_eq(text[10], 'x');
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("summary");
	TCase *t = tcase_create("summary");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_session_comes_and_goes);
	tcase_add_test(t, traffic_does_not_change_it);
	tcase_add_test(t, a_capture_without_a_link);
	tcase_add_test(t, lanes_are_summed);
	tcase_add_test(t, a_short_buffer);
	suite_add_tcase(s, t);
	return suite_run(s);
}
