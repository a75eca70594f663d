/* SPDX-License-Identifier: Apache-2.0 */
/* The relay's core in scripted conversations with peers of hand-made frames: what
 * is asked for. */
#include "relay_rig.h"
#include "suite.h"

START_TEST(every_request_is_answered)
{
	struct relay_rig *x =
		relay_rig_new((struct relay_options){.age_ns = 100 * NS_PER_MS});

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 4, 10);
	relay_rig_hear(x);
	relay_rig_wait(x, 200 * NS_PER_MS);
	relay_rig_capture(x, 1, 2, 10);
	relay_rig_hear(x);
	relay_rig_capture(x, 1, 2, 10);
	relay_rig_request(x, 1, 1,
			  10); /* 1-4 aged, 5-6 sent, 7-8 not yet, 9-10 never */
	relay_rig_hear(x);
	relay_rig_expect(x, "n1:9+2 a1:1+4 t1:7+2 1.7 1.8 1.5r 1.6r");
	ck_assert_uint_eq(counter_get(&relay_figures(x->relay)->requests), 1);
	ck_assert_uint_eq(counter_get(&relay_figures(x->relay)->requested), 10);
	ck_assert_uint_eq(counter_get(&relay_figures(x->relay)->answers_aged), 1);
	ck_assert_uint_eq(counter_get(&relay_figures(x->relay)->answers_never), 1);
	ck_assert_uint_eq(counter_get(&relay_figures(x->relay)->answers_throttled), 1);
	relay_rig_free(x);
}
END_TEST

START_TEST(requests_that_ask_for_everything)
{
	static const struct {
		uint64_t first;
		const char *answer;
	} cases[] = {{1, "n1:4+4294967292 1.1r 1.2r 1.3r"},
		     {4, "n1:4+4294967295"},
		     {WIRE_SEQ_MAX, "n1:4611686018427387904+4294967295"}};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct relay_rig *x = relay_rig_new((struct relay_options){0});

		relay_rig_open(x, PATH_STREAM);
		relay_rig_capture(x, 1, 3, 10);
		relay_rig_hear(x);
		relay_rig_request(x, 1, cases[i].first, UINT32_MAX);
		relay_rig_hear(x);
		relay_rig_expect(x, cases[i].answer);
		relay_rig_free(x);
	}
}
END_TEST

/* Thousands of ranges in one frame: memory is bounded, and the relay goes on. */
START_TEST(a_storm_of_requests)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});
	static struct wire_range ranges[4600];

	for (size_t i = 0; i < 4600; i++)
		ranges[i] = (struct wire_range){
			.channel = 1, .first = {1 + i % 50}, .count = 100};
	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 40, 10);
	relay_rig_hear(x);
	for (int i = 0; i < 20; i++) {
		frames_request(&x->in, ranges, 4600);
		ck_assert_int_gt(relay_rig_say(x), 0);
	}
	relay_rig_hear(x);
	ck_assert_uint_gt(frames_count(&x->out, WIRE_VERDICT), 0);
	ck_assert_uint_le(relay_rig_count_data(x, true), 64);
	relay_rig_capture(x, 1, 1, 10);
	relay_rig_hear(x);
	ck_assert_uint_eq(relay_rig_count_data(x, false), 1);
	relay_rig_free(x);
}
END_TEST

START_TEST(live_goes_before_repairs)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 3, 10);
	relay_rig_hear(x);
	relay_rig_request(x, 1, 1, 2);
	relay_rig_capture(x, 1, 3, 10);
	relay_rig_hear(x);
	relay_rig_expect(x, "1.4 1.5 1.6 1.1r 1.2r");
	relay_rig_free(x);
}
END_TEST

START_TEST(one_repair_in_a_round_trip)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});

	relay_rig_up(x, 0, 0, PATH_STREAM);
	relay_rig_welcome_on(x, 0, 0, 0);
	relay_rig_capture(x, 1, 3, 10);
	relay_rig_hear(x);
	relay_rig_answer_on(x, 0, 0, 10 * NS_PER_MS);
	relay_rig_request(x, 1, 1, 2);
	relay_rig_request(x, 1, 2, 2);
	relay_rig_hear(x);
	relay_rig_expect(x, "1.1r 1.2r 1.3r");
	relay_rig_wait(x, 10 * NS_PER_MS - 1);
	relay_rig_request(x, 1, 1, 3);
	relay_rig_hear(x);
	relay_rig_expect(x, "");
	ck_assert_uint_ge(counter_get(&relay_figures(x->relay)->lingered), 3);
	relay_rig_wait(x, 1);
	relay_rig_request(x, 1, 1, 3);
	relay_rig_hear(x);
	relay_rig_expect(x, "1.1r 1.2r 1.3r");
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.repaired), 6);
	relay_rig_free(x);
}
END_TEST

START_TEST(repairs_have_a_budget)
{
	struct relay_rig *x =
		relay_rig_new((struct relay_options){.repair_rate = 1000});
	unsigned int repaired = 0;

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 500, 10);
	relay_rig_hear(x);
	relay_rig_request(x, 1, 1, 100);
	relay_rig_hear(x);
	ck_assert_uint_eq(relay_rig_count_data(x, true), 64); /* saved up */
	ck_assert_uint_eq(frames_count(&x->out, WIRE_VERDICT), 1);
	relay_rig_request(x, 1, 65, 50);
	for (int ms = 0; ms < 50; ms++) {
		relay_rig_hear(x);
		repaired += relay_rig_count_data(x, true);
		ck_assert_uint_le(repaired, (unsigned int)ms + 1);
		ck_assert_int_le(relay_deadline(x->relay).ns,
				 x->now.mono.ns + NS_PER_MS + 1);
		relay_rig_wait(x, NS_PER_MS);
	}
	relay_rig_hear(x);
	repaired += relay_rig_count_data(x, true);
	ck_assert_uint_eq(repaired, 50);
	relay_rig_free(x);
}
END_TEST

START_TEST(repairs_that_age_while_they_wait)
{
	struct relay_rig *x = relay_rig_new(
		(struct relay_options){.repair_rate = 1, .age_ns = 100 * NS_PER_MS});

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 128, 10);
	relay_rig_hear(x);
	relay_rig_request(x, 1, 1, 64);
	relay_rig_hear(x);
	ck_assert_uint_eq(relay_rig_count_data(x, true), 64);
	relay_rig_request(x, 1, 65, 64);
	relay_rig_hear(x);
	relay_rig_expect(x, "");
	relay_rig_wait(x, 200 * NS_PER_MS);
	relay_rig_hear(x);
	relay_rig_hear(x);
	relay_rig_wait(x, NS_PER_S);
	relay_rig_hear(x);
	ck_assert_uint_eq(counter_get(&relay_figures(x->relay)->answers_aged), 1);
	relay_rig_free(x);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relay");
	TCase *t = tcase_create("requests");

	tcase_add_test(t, every_request_is_answered);
	tcase_add_test(t, requests_that_ask_for_everything);
	tcase_add_test(t, a_storm_of_requests);
	tcase_add_test(t, live_goes_before_repairs);
	tcase_add_test(t, one_repair_in_a_round_trip);
	tcase_add_test(t, repairs_have_a_budget);
	tcase_add_test(t, repairs_that_age_while_they_wait);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
