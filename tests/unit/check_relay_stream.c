/* SPDX-License-Identifier: Apache-2.0 */
/* The relay's core in scripted conversations with peers of hand-made frames: live
 * data, catch-up, and another process at the other end. */
#include "relay_rig.h"
#include "suite.h"

/* ---- live data and catch-up ---- */

START_TEST(live_data_in_order)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});
	struct wire_frame f;
	struct wire_mark m;

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 2, 10);
	relay_rig_capture(x, 2, 1, 0);
	relay_dropped(x->relay, x->now, DROP_INTERFACE, 70);
	relay_rig_capture(x, 1, 1, 10);
	relay_rig_hear(x);
	relay_rig_expect(x, "1.1 1.2 2.1 0.1 1.3");
	f = frames_last(&x->out, WIRE_MARK);
	ck_assert(wire_get_mark(&f, &m));
	ck_assert_uint_eq(m.cause, DROP_INTERFACE);
	ck_assert_uint_eq(m.count, 70);
	relay_rig_hear(x);
	relay_rig_expect(x, "");
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.sent), 3);
	ck_assert_uint_eq(
		counter_get(&relay_figures(x->relay)->dropped[DROP_INTERFACE]), 70);
	relay_rig_free(x);
}
END_TEST

START_TEST(the_longest_datagram)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 1, 1);
	relay_rig_capture(x, 1, 3, DATAGRAM_BYTES_MAX);
	relay_rig_capture(x, 1, 1, 1);
	relay_rig_hear(x);
	relay_rig_expect(x, "1.1 1.2 1.3 1.4 1.5");
	relay_rig_free(x);
}
END_TEST

START_TEST(resume_where_the_peer_says)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 5, 10);
	relay_rig_hear(x);
	relay_path_down(x->relay, x->now, 0, 0);
	ck_assert_int_eq(relay_rig_state(x), SESSION_DOWN);
	relay_rig_capture(x, 1, 2, 10);
	relay_rig_up(x, 0, 0, PATH_STREAM);
	relay_rig_capture(x, 2, 2, 10);
	relay_rig_welcome_on(x, 0, 0, 3);
	relay_rig_hear(x);
	relay_rig_expect(x, "1.3 1.4 1.5 1.6 1.7 2.1 2.2");
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.sent), 7);
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.resent), 3);
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.abandoned), 0);
	relay_rig_free(x);
}
END_TEST

START_TEST(resume_below_what_is_left)
{
	struct relay_rig *x =
		relay_rig_new((struct relay_options){.age_ns = 100 * NS_PER_MS});

	relay_rig_capture(x, 1, 5, 10);
	relay_rig_wait(x, 200 * NS_PER_MS);
	relay_rig_capture(x, 1, 2, 10);
	relay_rig_up(x, 0, 0, PATH_STREAM);
	relay_rig_welcome_on(x, 0, 0, 0);
	relay_rig_hear(x);
	relay_rig_expect(x, "a1:1+5 1.6 1.7");
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.shed_aged), 5);
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.sent), 2);
	relay_rig_free(x);
}
END_TEST

/* It ages away under a path that takes nothing. */
START_TEST(aged_before_it_was_sent)
{
	struct relay_rig *x =
		relay_rig_new((struct relay_options){.age_ns = 100 * NS_PER_MS});

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 3, 10);
	relay_rig_capture(x, 2, 1, 10);
	relay_rig_wait(x, 200 * NS_PER_MS);
	relay_rig_balance(x);
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.shed_aged), 3);
	relay_rig_capture(x, 1, 1, 10);
	relay_rig_hear(x);
	relay_rig_expect(x, "a1:1+3 1.4");
	/* of channel 2 nothing came after: the heartbeat says that it is past */
	relay_rig_request(x, 2, 1, 1);
	relay_rig_hear(x);
	relay_rig_expect(x, "a2:1+1");
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.shed_aged), 3);
	relay_rig_free(x);
}
END_TEST

START_TEST(shed_by_age)
{
	struct relay_rig *x =
		relay_rig_new((struct relay_options){.shed_age_ns = 20 * NS_PER_MS});

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 3, 10);
	relay_rig_wait(x, 10 * NS_PER_MS);
	relay_rig_capture(x, 1, 2, 10);
	relay_rig_wait(x, 11 * NS_PER_MS);
	relay_rig_hear(x);
	relay_rig_expect(x, "1.4 1.5");
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.shed_age), 3);
	/* what was shed can be repaired */
	relay_rig_request(x, 1, 1, 3);
	relay_rig_hear(x);
	relay_rig_expect(x, "1.1r 1.2r 1.3r");
	relay_rig_balance(x);
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.repaired), 3);
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.sent), 2);
	relay_rig_free(x);
}
END_TEST

START_TEST(shed_by_backlog)
{
	struct relay_rig *x =
		relay_rig_new((struct relay_options){.shed_bytes = 10000});
	unsigned int sent;

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 9, 1000);
	relay_rig_hear(x);
	ck_assert_uint_eq(relay_rig_count_data(x, false), 9);
	relay_rig_capture(x, 1, 30, 1000);
	relay_rig_hear(x);
	sent = relay_rig_count_data(x, false);
	ck_assert_uint_ge(sent, 8);
	ck_assert_uint_le(sent, 10);
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.shed_bytes),
			  30 - sent);
	relay_rig_free(x);
}
END_TEST

/* ---- the peer process changes ---- */

/* 1 to 5 are sent, of which the peer settled 1 and 2. */
static struct relay_rig *
half_settled(enum path_kind kind)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});

	relay_rig_open(x, kind);
	relay_rig_capture(x, 1, 5, 10);
	relay_rig_hear(x);
	relay_rig_report(x, 3);
	return x;
}

static void
next_instance(struct relay_rig *x)
{
	relay_path_down(x->relay, x->now, 0, 0);
	relay_rig_capture(x, 1, 1, 10);
	x->instance++;
	relay_rig_up(x, 0, 0, PATH_STREAM);
	relay_rig_welcome_on(x, 0, 0, 0);
	relay_rig_hear(x);
}

START_TEST(after_a_clean_bye_the_next_peer_goes_on)
{
	struct relay_rig *x = half_settled(PATH_STREAM);

	frames_bye(&x->in, WIRE_BYE_SHUTDOWN);
	ck_assert_int_gt(relay_rig_say(x), 0);
	next_instance(x);
	relay_rig_expect(x, "1.3 1.4 1.5 1.6");
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.abandoned), 0);
	ck_assert_uint_eq(x->restarts, 1);
	ck_assert_uint_eq(x->abandoned, 0);
	relay_rig_free(x);
}
END_TEST

/* What it may have emitted is not sent again: nothing is emitted twice. */
START_TEST(after_a_kill_the_rest_is_abandoned)
{
	struct relay_rig *x = half_settled(PATH_STREAM);

	next_instance(x);
	relay_rig_expect(x, "1.6");
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.abandoned), 3);
	ck_assert_uint_eq(x->restarts, 1);
	ck_assert_uint_eq(x->abandoned, 3);
	relay_rig_free(x);
}
END_TEST

/* Over a datagram path the last report may be missing. */
START_TEST(a_bye_over_a_datagram_path_is_not_enough)
{
	struct relay_rig *x = half_settled(PATH_DATAGRAM);

	frames_bye(&x->in, WIRE_BYE_SHUTDOWN);
	ck_assert_int_gt(relay_rig_say(x), 0);
	next_instance(x);
	relay_rig_expect(x, "1.6");
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.abandoned), 3);
	relay_rig_free(x);
}
END_TEST

START_TEST(the_same_peer_abandons_nothing)
{
	struct relay_rig *x = half_settled(PATH_STREAM);

	relay_path_down(x->relay, x->now, 0, 0);
	relay_rig_up(x, 0, 0, PATH_STREAM);
	relay_rig_welcome_on(x, 0, 0, 4);
	relay_rig_hear(x);
	relay_rig_expect(x, "1.4 1.5");
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.abandoned), 0);
	relay_rig_free(x);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relay");
	TCase *t = tcase_create("stream");

	tcase_add_test(t, live_data_in_order);
	tcase_add_test(t, the_longest_datagram);
	tcase_add_test(t, resume_where_the_peer_says);
	tcase_add_test(t, resume_below_what_is_left);
	tcase_add_test(t, aged_before_it_was_sent);
	tcase_add_test(t, shed_by_age);
	tcase_add_test(t, shed_by_backlog);
	tcase_add_test(t, after_a_clean_bye_the_next_peer_goes_on);
	tcase_add_test(t, after_a_kill_the_rest_is_abandoned);
	tcase_add_test(t, a_bye_over_a_datagram_path_is_not_enough);
	tcase_add_test(t, the_same_peer_abandons_nothing);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
