/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timer of an event loop: never early, once, and at the deadline set last. How
 * late it is depends on the machine and is not asserted.
 */
#include <check.h>
#include <event2/event.h>
#include <stdlib.h>

#include "path/alarm.h"
#include "suite.h"

struct rig {
	struct event_base *base;
	struct alarm alarm;
	mono_t rang[8];
	size_t times;
	mono_t next[8]; /* what ring() sets, by turn; 0: nothing */
};

static struct rig rig;

static void
on_ring(void *arg)
{
	struct rig *r = arg;
	mono_t next;

	ck_assert_uint_lt(r->times, 8);
	next = r->next[r->times];
	r->rang[r->times++] = clock_now().mono;
	if (next.ns != 0)
		alarm_set(&r->alarm, next);
}

static void
set_up(void)
{
	rig = (struct rig){.base = event_base_new()};
	ck_assert_ptr_nonnull(rig.base);
	ck_assert_int_eq(alarm_init(&rig.alarm, rig.base, on_ring, &rig), 0);
}

static void
tear_down(void)
{
	alarm_fini(&rig.alarm);
	event_base_free(rig.base);
}

static mono_t
in_ms(int64_t ms)
{
	return mono_add(clock_now().mono, ms * NS_PER_MS);
}

/* Until nothing is set. */
static void
run(void)
{
	ck_assert_int_ne(event_base_dispatch(rig.base), -1);
}

static void
assert_rang(size_t i, mono_t due)
{
	ck_assert_uint_gt(rig.times, i);
	ck_assert(!mono_before(rig.rang[i], due));
}

START_TEST(rings_once_and_not_early)
{
	mono_t due = in_ms(3);

	alarm_set(&rig.alarm, due);
	run();
	ck_assert_uint_eq(rig.times, 1);
	assert_rang(0, due);
}
END_TEST

START_TEST(what_is_past_rings_at_once)
{
	alarm_set(&rig.alarm, (mono_t){0});
	run();
	ck_assert_uint_eq(rig.times, 1);
}
END_TEST

START_TEST(nothing_set_is_nothing_to_wait_for)
{
	run();
	ck_assert_uint_eq(rig.times, 0);
}
END_TEST

/* A later deadline is not told to the kernel: the wake-up of the former one finds it. */
START_TEST(deadline_moves_away)
{
	mono_t early = in_ms(1), late = in_ms(10);

	alarm_set(&rig.alarm, early);
	alarm_set(&rig.alarm, late);
	ck_assert_int_eq(rig.alarm.armed.ns, early.ns);
	run();
	ck_assert_uint_eq(rig.times, 1);
	assert_rang(0, late);
}
END_TEST

START_TEST(deadline_comes_nearer)
{
	mono_t late = in_ms(60000), early = in_ms(1);

	alarm_set(&rig.alarm, late);
	alarm_set(&rig.alarm, early);
	run();
	ck_assert_uint_eq(rig.times, 1);
	assert_rang(0, early);
	ck_assert(mono_before(rig.rang[0], late));
}
END_TEST

START_TEST(taken_back)
{
	alarm_set(&rig.alarm, in_ms(1));
	alarm_set(&rig.alarm, MONO_NEVER);
	run();
	ck_assert_uint_eq(rig.times, 0);
	/* What the kernel still had does not ring the next one early. */
	rig.next[0] = in_ms(8);
	alarm_set(&rig.alarm, in_ms(4));
	run();
	ck_assert_uint_eq(rig.times, 2);
	assert_rang(1, rig.next[0]);
}
END_TEST

START_TEST(set_again_from_within)
{
	for (int i = 0; i < 4; i++)
		rig.next[i] = in_ms(2 * (i + 1));
	alarm_set(&rig.alarm, in_ms(1));
	run();
	ck_assert_uint_eq(rig.times, 5);
	for (size_t i = 0; i < 4; i++)
		assert_rang(i + 1, rig.next[i]);
}
END_TEST

START_TEST(ended_while_set)
{
	struct alarm never = {0};

	alarm_set(&rig.alarm, in_ms(1));
	alarm_fini(&rig.alarm);
	alarm_fini(&never);
	run();
	ck_assert_uint_eq(rig.times, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("alarm");
	TCase *tc = tcase_create("alarm");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, rings_once_and_not_early);
	tcase_add_test(tc, what_is_past_rings_at_once);
	tcase_add_test(tc, nothing_set_is_nothing_to_wait_for);
	tcase_add_test(tc, deadline_moves_away);
	tcase_add_test(tc, deadline_comes_nearer);
	tcase_add_test(tc, taken_back);
	tcase_add_test(tc, set_again_from_within);
	tcase_add_test(tc, ended_while_set);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
