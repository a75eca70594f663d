/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/watchdog.h"

#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "suite.h"

static struct watchdog lane;

static void
setup(void)
{
	lane = (struct watchdog){0};
}

START_TEST(what_moves_is_fed_for)
{
	for (uint64_t beat = 1; beat < 1000; beat += beat) {
		ck_assert_int_eq(watchdog_look(&lane, beat), WATCHDOG_MOVES);
		ck_assert(watchdog_is_content(WATCHDOG_MOVES));
	}
	/* the counter has come round */
	ck_assert_int_eq(watchdog_look(&lane, 0), WATCHDOG_MOVES);
}
END_TEST

START_TEST(one_late_look_is_no_hang)
{
	watchdog_look(&lane, 7);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(watchdog_look(&lane, 7 + (uint64_t)i), WATCHDOG_STILL);
		ck_assert(!watchdog_is_content(WATCHDOG_STILL));
		ck_assert_int_eq(watchdog_look(&lane, 8 + (uint64_t)i), WATCHDOG_MOVES);
	}
}
END_TEST

START_TEST(a_hang_is_told_once_at_half_the_time)
{
	watchdog_look(&lane, 7);
	for (int look = 1; look < 100; look++) {
		enum watchdog_verdict verdict = watchdog_look(&lane, 7);

		ck_assert_int_eq(verdict, look == WATCHDOG_LOOKS / 2 ? WATCHDOG_HANGS
								     : WATCHDOG_STILL);
		ck_assert(!watchdog_is_content(verdict));
	}
}
END_TEST

START_TEST(what_moves_again_may_hang_again)
{
	for (uint64_t beat = 1; beat < 4; beat++) {
		watchdog_look(&lane, beat);
		for (int look = 1; look < WATCHDOG_LOOKS / 2; look++)
			ck_assert_int_eq(watchdog_look(&lane, beat), WATCHDOG_STILL);
		ck_assert_int_eq(watchdog_look(&lane, beat), WATCHDOG_HANGS);
		ck_assert_int_eq(watchdog_look(&lane, beat + 1), WATCHDOG_MOVES_AGAIN);
		ck_assert(watchdog_is_content(WATCHDOG_MOVES_AGAIN));
		ck_assert_int_eq(watchdog_look(&lane, beat + 2), WATCHDOG_MOVES);
	}
}
END_TEST

/* A thread that never began to turn has not moved either. */
START_TEST(what_never_moved_hangs)
{
	for (int look = 1; look < WATCHDOG_LOOKS / 2; look++)
		ck_assert_int_eq(watchdog_look(&lane, 0), WATCHDOG_STILL);
	ck_assert_int_eq(watchdog_look(&lane, 0), WATCHDOG_HANGS);
}
END_TEST

/* From the last feed, a hang that begins right behind it leaves the time in which it is
 * told, and one that ends then is fed for in time. */
START_TEST(period)
{
	ck_assert_int_eq(watchdog_period_ns(0), 0);
	ck_assert_int_eq(watchdog_period_ns(10 * NS_PER_S), 2500 * NS_PER_MS);
	ck_assert_int_eq(watchdog_period_ns(1), WATCHDOG_LOOK_MIN_NS);
	for (int64_t ns = NS_PER_S; ns < 3600 * NS_PER_S; ns *= 2) {
		int64_t told_ns = (WATCHDOG_LOOKS / 2 + 1) * watchdog_period_ns(ns);

		ck_assert_int_lt(told_ns, ns);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("watchdog");
	TCase *t = tcase_create("watchdog");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, what_moves_is_fed_for);
	tcase_add_test(t, one_late_look_is_no_hang);
	tcase_add_test(t, a_hang_is_told_once_at_half_the_time);
	tcase_add_test(t, what_moves_again_may_hang_again);
	tcase_add_test(t, what_never_moved_hangs);
	tcase_add_test(t, period);
	suite_add_tcase(s, t);
	return suite_run(s);
}
