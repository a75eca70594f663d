/* SPDX-License-Identifier: Apache-2.0 */
/* What the main thread may ask of a lane: messages, and calls that it waits for. */
#include <check.h>
#include <event2/event.h>
#include <stdlib.h>

#include "path/lane.h"
#include "suite.h"

#define CALLS 20000

struct fixture {
	struct lane lane;
	_Atomic unsigned int messages; /* bits that came */
	unsigned long called;
	pthread_t caller;
	bool end_at_call;
};

static mono_t
deadline(void *arg)
{
	(void)arg;
	return MONO_NEVER;
}

static void
tick(void *arg)
{
	(void)arg;
}

static void
message(void *arg, unsigned int bits)
{
	struct fixture *f = arg;

	f->messages |= bits;
	if (bits & LANE_STOP)
		lane_end(&f->lane, 3);
}

static const struct lane_ops ops = {
	.deadline = deadline, .tick = tick, .message = message};

static struct fixture *
start(void)
{
	struct fixture *f = calloc(1, sizeof *f);

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(lane_init(&f->lane, &ops, f), 0);
	return f;
}

static void
end(struct fixture *f)
{
	lane_fini(&f->lane);
	free(f);
}

static void
count(void *arg)
{
	struct fixture *f = arg;

	f->called++;
	f->caller = pthread_self();
	if (f->end_at_call)
		lane_end(&f->lane, 3);
}

START_TEST(a_call_runs_on_the_lane_and_is_waited_for)
{
	struct fixture *f = start();

	ck_assert_int_eq(lane_start(&f->lane, "lane"), 0);
	for (unsigned long i = 1; i <= CALLS; i++) {
		lane_call(&f->lane, count, f);
		ck_assert_uint_eq(f->called, i);
		ck_assert(!pthread_equal(f->caller, pthread_self()));
	}
	lane_tell(&f->lane, LANE_STOP);
	ck_assert_int_eq(lane_join(&f->lane), 3);
	ck_assert_uint_eq(f->messages, LANE_STOP);
	end(f);
}
END_TEST

START_TEST(messages_and_calls_do_not_take_each_other_away)
{
	struct fixture *f = start();

	ck_assert_int_eq(lane_start(&f->lane, "lane"), 0);
	for (unsigned long i = 0; i < CALLS; i++) {
		f->messages = 0;
		lane_tell(&f->lane, LANE_DRAIN);
		lane_call(&f->lane, count, f);
		/* It came before the call, or with it; by the next call at the latest. */
		if (f->messages == 0)
			lane_call(&f->lane, count, f);
		ck_assert_uint_eq(f->messages, LANE_DRAIN);
	}
	lane_tell(&f->lane, LANE_STOP);
	ck_assert_int_eq(lane_join(&f->lane), 3);
	end(f);
}
END_TEST

START_TEST(no_lane_no_waiting)
{
	struct fixture *f = start();

	lane_call(&f->lane, count, f);
	ck_assert(pthread_equal(f->caller, pthread_self()));
	ck_assert_int_eq(lane_start(&f->lane, "lane"), 0);
	lane_tell(&f->lane, LANE_STOP);
	ck_assert_int_eq(lane_join(&f->lane), 3);
	lane_call(&f->lane, count, f);
	ck_assert_uint_eq(f->called, 2);
	end(f);
}
END_TEST

/* Neither waits for ever, whichever comes first. */
START_TEST(a_call_meets_the_end)
{
	for (unsigned int i = 0; i < 2000; i++) {
		struct fixture *f = start();

		ck_assert_int_eq(lane_start(&f->lane, "lane"), 0);
		f->end_at_call = i % 2;
		if (!f->end_at_call)
			lane_tell(&f->lane, LANE_STOP);
		for (unsigned int j = 0; j < i % 7; j++)
			sched_yield();
		lane_call(&f->lane, count, f);
		lane_call(&f->lane, count, f);
		ck_assert_uint_eq(f->called, 2);
		ck_assert_int_eq(lane_join(&f->lane), 3);
		end(f);
	}
}
END_TEST

START_TEST(a_turn_has_one_time)
{
	struct fixture *f = start();
	struct now first = lane_turn(&f->lane), next;

	while (mono_sub(clock_now().mono, first.mono) < NS_PER_MS)
		;
	ck_assert_int_eq(lane_turn(&f->lane).mono.ns, first.mono.ns);
	lane_turn_end(&f->lane);
	ck_assert_uint_eq(counter_get(&f->lane.heartbeat), 1);
	next = lane_turn(&f->lane);
	ck_assert_int_gt(next.mono.ns, first.mono.ns);
	while (mono_sub(clock_now().mono, next.mono) < NS_PER_MS)
		;
	/* Left and not ended: what comes then is another turn, and this was none. */
	lane_turn_leave(&f->lane);
	ck_assert_int_gt(lane_turn(&f->lane).mono.ns, next.mono.ns);
	ck_assert_uint_eq(counter_get(&f->lane.heartbeat), 1);
	end(f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lane");
	TCase *t = tcase_create("lane");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_call_runs_on_the_lane_and_is_waited_for);
	tcase_add_test(t, messages_and_calls_do_not_take_each_other_away);
	tcase_add_test(t, no_lane_no_waiting);
	tcase_add_test(t, a_turn_has_one_time);
	tcase_add_test(t, a_call_meets_the_end);
	suite_add_tcase(s, t);
	return suite_run(s);
}
