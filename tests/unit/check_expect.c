/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/expect.h"
#include "suite.h"

#include <check.h>
#include <stdlib.h>

#define MIN_S  60LL
#define HOUR_S 3600LL
#define DAY_S  86400LL
/* 2026-11-23, a Monday, 00:00 UTC */
#define MONDAY_S 1795392000LL

static struct expect_settings settings;
static struct expect expect;
static struct now now;
static uint64_t captured;

/* As "rate: 1/s" has it. */
static void
setup(void)
{
	settings = (struct expect_settings){
		.rate_per_h = 3600, .over_ns = 10 * NS_PER_S, .days = DAYS_ALL};
	expect = (struct expect){0};
	now = (struct now){.mono = {5000 * NS_PER_S}, .utc = {MONDAY_S * NS_PER_S}};
	captured = 77;
}

static bool
is_in(int64_t utc_s)
{
	return expect_in_hours(&settings, (utc_t){utc_s * NS_PER_S}, 0);
}

static enum expect_verdict
look(void)
{
	return expect_look(&expect, &settings, now, 0, captured);
}

/* A look every second, n datagrams before each; the last thing that was told. */
static enum expect_verdict
pass(unsigned int seconds, uint64_t n)
{
	enum expect_verdict last = EXPECT_SAME, verdict;

	while (seconds-- > 0) {
		now.mono.ns += NS_PER_S;
		now.utc.ns += NS_PER_S;
		captured += n;
		verdict = look();
		if (verdict != EXPECT_SAME)
			last = verdict;
	}
	return last;
}

/* ---- hours ---- */

START_TEST(without_hours_it_is_always)
{
	for (int64_t t = MONDAY_S - 9 * DAY_S; t < MONDAY_S + 9 * DAY_S; t += 1801)
		ck_assert(is_in(t));
	ck_assert(is_in(-1)); /* a clock that was never set */
	ck_assert(is_in(0));
}
END_TEST

START_TEST(hours_begin_and_end_by_the_minute)
{
	settings.hours = (struct hours){9 * 60, 15 * 60 + 30};
	ck_assert(!is_in(MONDAY_S + 9 * HOUR_S - 1));
	ck_assert(is_in(MONDAY_S + 9 * HOUR_S));
	ck_assert(is_in(MONDAY_S + 15 * HOUR_S + 30 * MIN_S - 1));
	ck_assert(!is_in(MONDAY_S + 15 * HOUR_S + 30 * MIN_S));
	settings.hours = (struct hours){0, 24 * 60};
	ck_assert(is_in(MONDAY_S));
	ck_assert(is_in(MONDAY_S + DAY_S - 1));
}
END_TEST

START_TEST(a_zone_moves_hours_and_days)
{
	settings.hours = (struct hours){9 * 60, 15 * 60 + 30};
	settings.days = 1; /* Mondays in Seoul: 00:00 to 06:30 UTC */
	settings.zone_min = 9 * 60;
	ck_assert(!is_in(MONDAY_S - 1));
	ck_assert(is_in(MONDAY_S));
	ck_assert(is_in(MONDAY_S + 6 * HOUR_S + 30 * MIN_S - 1));
	ck_assert(!is_in(MONDAY_S + 6 * HOUR_S + 30 * MIN_S));
	ck_assert(!is_in(MONDAY_S + DAY_S));
	settings.zone_min = -(9 * 60 + 30); /* 18:30 UTC */
	ck_assert(!is_in(MONDAY_S + 18 * HOUR_S + 30 * MIN_S - 1));
	ck_assert(is_in(MONDAY_S + 18 * HOUR_S + 30 * MIN_S));
	ck_assert(is_in(MONDAY_S + DAY_S + HOUR_S - 1)); /* still Monday there */
	ck_assert(!is_in(MONDAY_S + DAY_S + HOUR_S));
}
END_TEST

START_TEST(local_is_what_the_host_says)
{
	settings.hours = (struct hours){9 * 60, 10 * 60};
	settings.zone_min = ZONE_LOCAL;
	ck_assert(expect_in_hours(&settings, (utc_t){MONDAY_S * NS_PER_S}, 9 * HOUR_S));
	ck_assert(
		!expect_in_hours(&settings, (utc_t){MONDAY_S * NS_PER_S}, 10 * HOUR_S));
	ck_assert(!expect_in_hours(&settings, (utc_t){MONDAY_S * NS_PER_S}, 0));
}
END_TEST

START_TEST(over_midnight_the_day_is_the_one_of_the_beginning)
{
	settings.hours = (struct hours){18 * 60, 5 * 60};
	settings.days = 0x1f;        /* mon-fri */
	ck_assert(!is_in(MONDAY_S)); /* Sunday's, which is none */
	ck_assert(!is_in(MONDAY_S + 5 * HOUR_S - 1));
	ck_assert(!is_in(MONDAY_S + 18 * HOUR_S - 1));
	ck_assert(is_in(MONDAY_S + 18 * HOUR_S));
	ck_assert(is_in(MONDAY_S + DAY_S)); /* midnight itself */
	ck_assert(is_in(MONDAY_S + DAY_S + 5 * HOUR_S - 1));
	ck_assert(!is_in(MONDAY_S + DAY_S + 5 * HOUR_S));
	ck_assert(is_in(MONDAY_S + 5 * DAY_S + HOUR_S)); /* Friday's, on Saturday */
	ck_assert(!is_in(MONDAY_S + 5 * DAY_S + 20 * HOUR_S));
	ck_assert(!is_in(MONDAY_S + 6 * DAY_S + HOUR_S));
}
END_TEST

START_TEST(weekends_are_off)
{
	settings.days = 0x1f;
	for (int day = -7; day < 7; day++) {
		bool weekday = (day + 7) % 7 < 5;

		ck_assert(is_in(MONDAY_S + day * DAY_S) == weekday);
		ck_assert(is_in(MONDAY_S + (day + 1) * DAY_S - 1) == weekday);
	}
}
END_TEST

/* ---- intervals ---- */

START_TEST(nothing_is_expected_of_the_others)
{
	settings.rate_per_h = 0;
	ck_assert_int_eq(pass(100, 0), EXPECT_SAME);
	ck_assert_int_eq(expect.state, EXPECT_NONE);
}
END_TEST

START_TEST(who_brings_the_rate_speaks)
{
	look();
	ck_assert_int_eq(pass(9, 1), EXPECT_SAME);
	ck_assert_int_eq(expect.state, EXPECT_MEASURED);
	ck_assert_int_eq(expect.measured_ns, 0);
	ck_assert_int_eq(pass(1, 1), EXPECT_SAME);
	ck_assert_int_eq(expect.state, EXPECT_SPEAKS);
	ck_assert_uint_eq(expect.measured, 10);
	ck_assert_int_eq(expect.measured_ns, 10 * NS_PER_S);
	ck_assert_int_eq(pass(1000, 1), EXPECT_SAME);
	ck_assert_int_eq(expect.state, EXPECT_SPEAKS);
}
END_TEST

START_TEST(one_below_the_rate_is_silent_and_told_once)
{
	look();
	pass(10, 1);
	captured--;
	ck_assert_int_eq(pass(10, 1), EXPECT_FELL_SILENT);
	ck_assert_int_eq(expect.state, EXPECT_SILENT);
	ck_assert_uint_eq(expect.measured, 9);
	ck_assert_int_eq(pass(100, 0), EXPECT_SAME);
	ck_assert_int_eq(expect.state, EXPECT_SILENT);
	ck_assert_uint_eq(expect.measured, 0);
}
END_TEST

START_TEST(who_never_spoke_is_silent_too)
{
	look();
	ck_assert_int_eq(pass(9, 0), EXPECT_SAME);
	ck_assert_int_eq(pass(1, 0), EXPECT_FELL_SILENT);
}
END_TEST

START_TEST(it_speaks_again_with_an_intervals_worth)
{
	look();
	pass(12, 0); /* silent, and 2 s into the next interval */
	captured += 8;
	ck_assert_int_eq(pass(1, 1), EXPECT_SAME);
	ck_assert_int_eq(pass(1, 1), EXPECT_SPEAKS_AGAIN);
	ck_assert_int_eq(expect.state, EXPECT_SPEAKS);
	ck_assert_uint_eq(expect.measured, 10);
	ck_assert_int_eq(pass(9, 0), EXPECT_SAME);
	ck_assert_int_eq(pass(1, 0), EXPECT_FELL_SILENT);
}
END_TEST

/* The one who looks was stopped: what came meanwhile is held against that time. */
START_TEST(a_longer_interval_asks_for_more)
{
	look();
	now.mono.ns += 100 * NS_PER_S;
	captured += 99;
	ck_assert_int_eq(look(), EXPECT_FELL_SILENT);
	ck_assert_int_eq(expect.measured_ns, 100 * NS_PER_S);
	now.mono.ns += 100 * NS_PER_S;
	captured += 100;
	ck_assert_int_eq(look(), EXPECT_SPEAKS_AGAIN);
}
END_TEST

START_TEST(a_clock_that_is_set_is_no_interval)
{
	look();
	pass(10, 1);
	now.utc.ns += 3 * HOUR_S * NS_PER_S;
	ck_assert_int_eq(pass(10, 1), EXPECT_SAME);
	now.utc.ns -= 30 * DAY_S * NS_PER_S;
	ck_assert_int_eq(pass(10, 1), EXPECT_SAME);
	ck_assert_int_eq(expect.state, EXPECT_SPEAKS);
}
END_TEST

START_TEST(rates_below_one_a_second)
{
	settings.rate_per_h = 60; /* 1/min */
	settings.over_ns = 120 * NS_PER_S;
	ck_assert_uint_eq(expect_due(&settings, settings.over_ns), 2);
	ck_assert_uint_eq(expect_due(&settings, 59 * NS_PER_S), 0);
	look();
	captured += 2;
	ck_assert_int_eq(pass(120, 0), EXPECT_SAME);
	ck_assert_int_eq(expect.state, EXPECT_SPEAKS);
	captured += 1;
	ck_assert_int_eq(pass(120, 0), EXPECT_FELL_SILENT);
}
END_TEST

START_TEST(the_highest_rate_fits)
{
	settings.rate_per_h = 100000000ULL * 3600;
	settings.over_ns = 24 * HOUR_S * NS_PER_S;
	ck_assert_uint_eq(expect_due(&settings, settings.over_ns), 8640000000000ULL);
}
END_TEST

/* ---- both ---- */

START_TEST(outside_the_hours_nobody_is_silent)
{
	settings.hours = (struct hours){9 * 60, 10 * 60};
	look();
	ck_assert_int_eq(pass(60, 0), EXPECT_SAME);
	ck_assert_int_eq(expect.state, EXPECT_OFF);
	ck_assert(expect_rate_per_s(&expect, &settings) == 0);
	now.utc.ns = (MONDAY_S + 9 * HOUR_S - 1) * NS_PER_S;
	ck_assert_int_eq(pass(10, 0), EXPECT_SAME); /* the first was still outside */
	ck_assert_int_eq(expect.state, EXPECT_MEASURED);
	ck_assert(expect_rate_per_s(&expect, &settings) == 1);
	ck_assert_int_eq(pass(1, 0), EXPECT_FELL_SILENT);
	now.utc.ns = (MONDAY_S + 10 * HOUR_S - 1) * NS_PER_S;
	ck_assert_int_eq(pass(1, 0), EXPECT_EXCUSED);
	ck_assert_int_eq(expect.state, EXPECT_OFF);
	ck_assert_int_eq(pass(100, 0), EXPECT_SAME);
}
END_TEST

START_TEST(what_came_before_the_hours_does_not_count)
{
	settings.hours = (struct hours){9 * 60, 10 * 60};
	now.utc.ns = (MONDAY_S + 9 * HOUR_S - 30) * NS_PER_S;
	pass(29, 1000);
	ck_assert_int_eq(pass(10, 0), EXPECT_SAME);
	ck_assert_int_eq(pass(1, 0), EXPECT_FELL_SILENT);
	ck_assert_uint_eq(expect.measured, 0);
}
END_TEST

START_TEST(states_have_names)
{
	for (int i = 0; i < EXPECT_STATES; i++)
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(expect_state_name((enum expect_state)i),
					 expect_state_name((enum expect_state)k));
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *s = suite_create("expect");
	TCase *t = tcase_create("hours");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, without_hours_it_is_always);
	tcase_add_test(t, hours_begin_and_end_by_the_minute);
	tcase_add_test(t, a_zone_moves_hours_and_days);
	tcase_add_test(t, local_is_what_the_host_says);
	tcase_add_test(t, over_midnight_the_day_is_the_one_of_the_beginning);
	tcase_add_test(t, weekends_are_off);
	suite_add_tcase(s, t);
	t = tcase_create("intervals");
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, nothing_is_expected_of_the_others);
	tcase_add_test(t, who_brings_the_rate_speaks);
	tcase_add_test(t, one_below_the_rate_is_silent_and_told_once);
	tcase_add_test(t, who_never_spoke_is_silent_too);
	tcase_add_test(t, it_speaks_again_with_an_intervals_worth);
	tcase_add_test(t, a_longer_interval_asks_for_more);
	tcase_add_test(t, a_clock_that_is_set_is_no_interval);
	tcase_add_test(t, rates_below_one_a_second);
	tcase_add_test(t, the_highest_rate_fits);
	suite_add_tcase(s, t);
	t = tcase_create("both");
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, outside_the_hours_nobody_is_silent);
	tcase_add_test(t, what_came_before_the_hours_does_not_count);
	tcase_add_test(t, states_have_names);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return suite_run(make_suite());
}
