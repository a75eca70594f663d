/* SPDX-License-Identifier: Apache-2.0 */
/* When a channel that brought datagrams steadily has stopped: the rule without a clock,
 * and who is looked at. */
#include "ops/quiet.h"

#include <check.h>
#include <string.h>

#include "core_pair.h"
#include "ops/quiet_watch.h"
#include "ops/trouble.h"
#include "suite.h"

/* ---- the rule ---- */

struct fed {
	struct quiet quiet;
	mono_t now;
	uint64_t captured;
};

static struct fed
start(void)
{
	return (struct fed){.now = {1000 * NS_PER_S}, .captured = 12345};
}

/* A second in which so much comes, and a look. */
static enum quiet_verdict
second(struct fed *f, uint64_t more)
{
	f->now = mono_add(f->now, NS_PER_S);
	f->captured += more;
	return quiet_look(&f->quiet, f->now, f->captured);
}

/* So many seconds, in each of which nothing changes. */
static void
speak(struct fed *f, int seconds, uint64_t more)
{
	for (int i = 0; i < seconds; i++)
		ck_assert_int_eq(second(f, more), QUIET_SAME);
}

/* Seconds of silence until it is said, or -1 when it never is. */
static int
silence(struct fed *f, int most)
{
	for (int i = 1; i <= most; i++) {
		if (second(f, 0) == QUIET_FELL)
			return i;
	}
	return -1;
}

START_TEST(a_steady_channel_stops)
{
	struct fed f = start();

	speak(&f, 70, 5000);
	ck_assert_int_eq(silence(&f, 60), 11);
	ck_assert(f.quiet.is_quiet);
	ck_assert_int_eq(quiet_since_ns(&f.quiet, f.now), 11 * NS_PER_S);
	ck_assert_double_eq_tol(quiet_rate_per_s(&f.quiet), 5000, 100);
	speak(&f, 100, 0); /* said once */
	ck_assert_int_eq(second(&f, 1), QUIET_SPEAKS_AGAIN);
	ck_assert(!f.quiet.is_quiet);
}
END_TEST

/* 50 mean gaps: of one a second 50 s, of four a second 12.5 s. */
START_TEST(the_slower_the_longer)
{
	struct fed f = start();

	speak(&f, 130, 1);
	ck_assert_int_eq(silence(&f, 100), 51);
	f = start();
	speak(&f, 130, 4);
	ck_assert_int_eq(silence(&f, 100), 13);
}
END_TEST

START_TEST(who_is_not_steady_is_never_quiet)
{
	struct fed f = start();

	speak(&f, 50, 5000); /* for no minute */
	ck_assert_int_eq(silence(&f, 5000), -1);
	f = start();
	for (int i = 0; i < 300; i++) /* too few to say what is usual */
		speak(&f, 1, i % 3 == 0);
	ck_assert_int_eq(silence(&f, 5000), -1);
	f = start();
	speak(&f, 500, 0);
	ck_assert_int_eq(silence(&f, 5000), -1);
}
END_TEST

/* A snapshot of 1,000 every 20 seconds: not between two, and after 80 seconds. */
START_TEST(bursts_are_steady_in_their_way)
{
	struct fed f = start();

	for (int i = 0; i < 20; i++) {
		speak(&f, 1, 1000);
		speak(&f, 19, 0);
	}
	ck_assert_int_eq(silence(&f, 200), 81 - 19);
	/* Every 5 minutes. */
	f = start();
	for (int i = 0; i < 6; i++) {
		speak(&f, 1, 100000);
		speak(&f, 299, 0);
	}
	ck_assert_int_eq(silence(&f, 800), -1);
}
END_TEST

/* A night without anything, and the day's first minutes: it is judged by the day. */
START_TEST(the_night_is_forgotten)
{
	struct fed f = start();

	speak(&f, 8 * 3600, 0);
	speak(&f, 200, 100);
	ck_assert_int_eq(silence(&f, 60), 11);
}
END_TEST

/* Who was slow and then fast is judged by the last minutes. */
START_TEST(the_last_minutes_count)
{
	struct fed f = start();

	for (int i = 0; i < 20; i++) {
		speak(&f, 1, 10);
		speak(&f, 29, 0);
	}
	speak(&f, 130, 1000);
	ck_assert_int_eq(silence(&f, 60), 11);
}
END_TEST

START_TEST(after_an_hour_it_is_no_news)
{
	struct fed f = start();

	speak(&f, 70, 100);
	ck_assert_int_eq(silence(&f, 60), 11);
	for (int i = 11; i < 3599; i++)
		ck_assert_int_eq(second(&f, 0), QUIET_SAME);
	ck_assert_int_eq(second(&f, 0), QUIET_FORGOTTEN);
	ck_assert(!f.quiet.is_quiet);
	speak(&f, 5000, 0);
	speak(&f, 130, 100); /* it begins anew, and nobody says that it speaks */
	ck_assert_int_eq(silence(&f, 60), 11);
}
END_TEST

/* A pause that was told is one of its usual ones, for a while. */
START_TEST(the_same_pause_again_is_no_news)
{
	struct fed f = start();

	speak(&f, 70, 100);
	ck_assert_int_eq(silence(&f, 20), 11);
	ck_assert_int_eq(second(&f, 100), QUIET_SPEAKS_AGAIN);
	speak(&f, 65, 100);
	ck_assert_int_eq(silence(&f, 20), -1);
	speak(&f, 200, 100);
	ck_assert_int_eq(silence(&f, 20), 11);
}
END_TEST

/* ---- who is looked at ---- */

static struct pair pair;
static struct quiet_watch *watch;

static void
setup(void)
{
	pair_init(&pair);
	watch = quiet_watch_new();
	ck_assert_ptr_nonnull(watch);
}

static void
teardown(void)
{
	quiet_watch_free(watch);
	pair_fini(&pair);
}

static struct relay_channel *
channel(size_t i)
{
	return (struct relay_channel *)(uintptr_t)relay_channel(pair.relay, i);
}

/* Seconds, in which each channel brings so much. */
static const char *
watched(int seconds, uint64_t kospi200, uint64_t kosdaq150)
{
	static struct trouble t;
	struct relay_view view = pair_relay_view(&pair);
	const struct relay_views views = {.lanes = &view, .count = 1, .quiet = watch};

	for (int i = 0; i < seconds; i++) {
		pair.now.mono = mono_add(pair.now.mono, NS_PER_S);
		counter_add(&channel(1)->book.captured, kospi200);
		counter_add(&channel(2)->book.captured, kosdaq150);
		quiet_watch_look(watch, &views, pair.now.mono);
	}
	t = (struct trouble){.text = ""};
	trouble_quiet(&t, &views);
	return t.text;
}

static void
expect_nothing_of_the_first(void)
{
	channel(1)->own.expect.rate_per_h = 0;
}

START_TEST(one_of_two_stops)
{
	expect_nothing_of_the_first();
	ck_assert_str_eq(watched(121, 5000, 100), "");
	ck_assert_str_eq(watched(10, 0, 100), "");
	ck_assert_str_eq(watched(2, 0, 100),
			 "; since 12 s nothing of kospi200 (it brought 5000/s)");
	ck_assert_str_eq(watched(120, 0, 100),
			 "; since 2 min nothing of kospi200 (it brought 5000/s)");
	ck_assert_str_eq(watched(1, 1, 100), "");
}
END_TEST

START_TEST(all_stop)
{
	expect_nothing_of_the_first();
	ck_assert_str_eq(watched(121, 5000, 100), "");
	ck_assert_str_eq(watched(12, 0, 0),
			 "; nothing captured since 12 s (before it was 5100/s)");
	ck_assert_str_eq(watched(1, 0, 3),
			 "; since 13 s nothing of kospi200 (it brought 5000/s)");
	gauge_set(&pair.capture.link_up, 0);
	ck_assert_str_eq(watched(1, 0, 3), "");
}
END_TEST

/* 2/s are expected of kospi200: whether it is silent, that says. */
START_TEST(what_is_expected_is_not_told)
{
	ck_assert_uint_gt(channel(1)->settings->expect.rate_per_h, 0);
	ck_assert_str_eq(watched(121, 5000, 2), "");
	ck_assert_str_eq(watched(20, 0, 2), "");
	ck_assert_str_eq(watched(100, 5000, 2), "");
	ck_assert_str_eq(watched(30, 5000, 0),
			 "; since 30 s nothing of kosdaq150 (it brought 2.0/s)");
}
END_TEST

START_TEST(what_is_not_captured_is_not_told)
{
	ck_assert_str_eq(watched(121, 0, 100), "");
	gauge_set(&channel(2)->is_idle, true);
	ck_assert_str_eq(watched(100, 0, 0), "");
	gauge_set(&channel(2)->is_idle, false);
	ck_assert_str_eq(watched(100, 0, 0), ""); /* it begins anew */
	ck_assert_str_eq(watched(121, 0, 100), "");
	ck_assert_str_ne(watched(20, 0, 0), "");
	gauge_set(&channel(2)->is_withdrawn, true);
	ck_assert_str_eq(watched(1, 0, 0), "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("quiet");
	TCase *rule = tcase_create("rule"), *who = tcase_create("who");

	tcase_add_test(rule, a_steady_channel_stops);
	tcase_add_test(rule, the_slower_the_longer);
	tcase_add_test(rule, who_is_not_steady_is_never_quiet);
	tcase_add_test(rule, bursts_are_steady_in_their_way);
	tcase_add_test(rule, the_night_is_forgotten);
	tcase_add_test(rule, the_last_minutes_count);
	tcase_add_test(rule, after_an_hour_it_is_no_news);
	tcase_add_test(rule, the_same_pause_again_is_no_news);
	tcase_add_checked_fixture(who, setup, teardown);
	tcase_add_test(who, one_of_two_stops);
	tcase_add_test(who, all_stop);
	tcase_add_test(who, what_is_expected_is_not_told);
	tcase_add_test(who, what_is_not_captured_is_not_told);
	suite_add_tcase(s, rule);
	suite_add_tcase(s, who);
	return suite_run(s);
}
