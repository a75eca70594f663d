/* SPDX-License-Identifier: Apache-2.0 */
/* The relay's core in scripted conversations with peers of hand-made frames: how
 * they begin. */
#include "relay_rig.h"
#include "suite.h"

#define HELLO_AGAIN_NS (20 * NS_PER_MS)

START_TEST(a_path_is_greeted)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});
	struct wire_greeting g;
	struct wire_channel c;
	struct wire_frame f;
	struct rd r;

	relay_rig_capture(x, 2, 5, 10);
	ck_assert_int_eq(relay_rig_state(x), SESSION_DOWN);
	relay_rig_up(x, 0, 3, PATH_STREAM);
	ck_assert_int_eq(relay_rig_state(x), SESSION_GREETING);
	relay_rig_hear_on(x, 0, 3);
	f = frames_last(&x->out, WIRE_HELLO);
	ck_assert_uint_eq(x->out.len, WIRE_HEADER_BYTES + f.len); /* and nothing else */
	ck_assert(wire_get_greeting(&f, &g, &r));
	ck_assert_uint_eq(g.version, WIRE_VERSION);
	ck_assert_uint_eq(g.epoch, RIG_EPOCH);
	ck_assert_uint_eq(g.instance, 0);
	ck_assert_uint_eq(g.greeting, 1);
	ck_assert_uint_eq(g.total, RIG_CHANNELS);
	ck_assert_uint_eq(g.slot, 3);
	ck_assert_str_eq(g.node.text, "colo");
	ck_assert_uint_eq(g.count, RIG_CHANNELS);
	ck_assert(wire_get_channel(&r, &c));
	ck_assert_uint_eq(c.id, 0);
	ck_assert_uint_eq(c.group, 0);
	ck_assert(wire_get_channel(&r, &c));
	ck_assert(wire_get_channel(&r, &c));
	ck_assert_uint_eq(c.id, 2);
	ck_assert_uint_eq(c.group, 0xe9250002);
	ck_assert_uint_eq(c.port, 30002);
	ck_assert_str_eq(c.name.text, "ch2");
	ck_assert_uint_eq(c.next.n, 6);
	ck_assert_uint_eq(c.oldest.n, 1);
	ck_assert_uint_eq(c.fresh.n, 1);
	relay_rig_free(x);
}
END_TEST

/* Over a stream HELLO is said once, over a datagram path until it is answered. */
START_TEST(hello_is_said_again_where_it_may_be_lost)
{
	for (int kind = PATH_STREAM; kind <= PATH_DATAGRAM; kind++) {
		struct relay_rig *x = relay_rig_new((struct relay_options){0});

		relay_rig_up(x, 0, 0, (enum path_kind)kind);
		relay_rig_hear(x);
		ck_assert_uint_eq(frames_count(&x->out, WIRE_HELLO), 1);
		relay_rig_wait(x, HELLO_AGAIN_NS - 1);
		relay_rig_hear(x);
		ck_assert_uint_eq(frames_count(&x->out, WIRE_HELLO), 0);
		relay_rig_wait(x, 1);
		relay_rig_hear(x);
		ck_assert_uint_eq(frames_count(&x->out, WIRE_HELLO),
				  kind == PATH_DATAGRAM);
		relay_rig_free(x);
	}
}
END_TEST

START_TEST(a_long_greeting_takes_several_frames)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});
	uint16_t channels = 0;
	uint8_t buf[256];
	struct wire_greeting g;
	struct wire_frame f;
	struct rd r;
	size_t size;

	relay_rig_up(x, 0, 0, PATH_STREAM);
	for (unsigned int i = 0; i < RIG_CHANNELS; i++) {
		size_t n =
			relay_fill(x->relay, x->now, 0, 0, buf, sizeof buf, sizeof buf);

		ck_assert_int_eq(wire_next(buf, n, &f, &size), WIRE_WHOLE);
		ck_assert(wire_get_greeting(&f, &g, &r));
		channels = (uint16_t)(channels + g.count);
		if (channels == RIG_CHANNELS)
			break;
	}
	ck_assert_uint_eq(channels, RIG_CHANNELS);
	ck_assert_uint_eq(
		relay_fill(x->relay, x->now, 0, 0, buf, sizeof buf, sizeof buf), 0);
	relay_rig_free(x);
}
END_TEST

static struct wire_greeting
good_welcome(void)
{
	struct wire_greeting g = core_rig_greeting("vpc-0", RIG_CHANNELS);

	g.epoch = RIG_EPOCH;
	g.instance = RIG_INSTANCE;
	return g;
}

/* One thing is wrong with each. */
START_TEST(a_bad_welcome_breaks_the_protocol)
{
	for (int wrong = 0; wrong < 6; wrong++) {
		struct relay_rig *x = relay_rig_new((struct relay_options){0});
		struct wire_resume r = {.id = 1, .next = SEQ_FIRST};
		struct wire_greeting g = good_welcome();

		if (wrong == 0)
			g.version++;
		if (wrong == 1)
			g.epoch++;
		if (wrong == 2)
			g.instance = 0;
		if (wrong == 3)
			r.id = RIG_CHANNELS;
		if (wrong == 4)
			r.next = (seq_t){2}; /* nothing has that number yet */
		relay_rig_up(x, 0, 0, PATH_STREAM);
		relay_rig_hear(x);
		frames_welcome(&x->in, g, &r, 1);
		if (wrong == 5)
			ck_assert_int_gt(relay_rig_say(x), 0); /* none of these */
		else
			ck_assert_int_eq(relay_rig_say(x), -1);
		ck_assert_uint_eq(
			counter_get(&relay_figures(x->relay)->protocol_errors),
			wrong < 5);
		ck_assert_int_eq(relay_rig_state(x), SESSION_GREETING);
		relay_rig_free(x);
	}
}
END_TEST

START_TEST(an_echo_of_an_earlier_greeting_is_ignored)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});
	struct wire_resume all[RIG_CHANNELS] = {
		{0, SEQ_FIRST}, {1, SEQ_FIRST}, {2, SEQ_FIRST}};

	relay_rig_up(x, 0, 0, PATH_DATAGRAM);
	relay_rig_hear(x);
	relay_path_down(x->relay, x->now, 0, 0);
	relay_rig_up(x, 0, 0, PATH_DATAGRAM);
	relay_rig_hear(x);
	frames_welcome(&x->in, good_welcome(), all, RIG_CHANNELS);
	ck_assert_int_gt(relay_rig_say(x), 0);
	ck_assert_int_eq(relay_rig_state(x), SESSION_GREETING);
	relay_rig_free(x);
}
END_TEST

/* A change that waits behind a mark which was shed holds up its channel. */
START_TEST(nothing_of_channel_0_is_shed)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){.shed_bytes = 1000});

	relay_rig_capture(x, 1, 20, 100);
	relay_dropped(x->relay, x->now, DROP_KERNEL_RING, 3);
	relay_rig_capture(x, 1, 20, 100);
	relay_rig_up(x, 0, 0, PATH_STREAM);
	relay_rig_welcome_on(x, 0, 0, 0);
	relay_rig_hear(x);
	ck_assert_uint_eq(frames_count(&x->out, WIRE_MARK), 1);
	ck_assert_uint_gt(counter_get(&relay_rig_outlet(x, 1)->book.shed_bytes), 20);
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 0)->book.shed_bytes), 0);
	relay_rig_free(x);
}
END_TEST

START_TEST(what_only_a_relay_says)
{
	static const struct {
		uint8_t type, flags;
		bool breaks;
	} cases[] = {{WIRE_HELLO, 0, true},
		     {WIRE_DATA, 0, true},
		     {WIRE_MARK, 0, true},
		     {WIRE_HEARTBEAT, 0, true},
		     {WIRE_VERDICT, 0, true},
		     {0, 0, true},
		     {WIRE_CHANGE, 0, true},
		     {WIRE_DEMAND + 1, 0, true},
		     {WIRE_DEMAND + 1, WIRE_OPTIONAL, false},
		     {255, WIRE_OPTIONAL, false}};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct relay_rig *x = relay_rig_new((struct relay_options){0});

		relay_rig_open(x, PATH_STREAM);
		frames_empty(&x->in, cases[i].type, cases[i].flags);
		ck_assert_int_eq(relay_rig_say(x), cases[i].breaks ? -1 : 4);
		relay_rig_free(x);
	}
}
END_TEST

/* Numbers that were not given out yet; channels that are not there. */
START_TEST(a_bad_report_or_request_breaks_the_protocol)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});
	struct wire_timing t = {.sent_mono_ns = 1};
	struct wire_books ahead = {.channel = 1, .next = {3}};
	struct wire_books elsewhere = {.channel = RIG_CHANNELS, .next = {1}};
	struct wire_range range = {.channel = RIG_CHANNELS, .first = {1}, .count = 1};

	relay_rig_capture(x, 1, 1, 10);
	relay_rig_open(x, PATH_STREAM);
	frames_books(&x->in, WIRE_REPORT, 0, t, &ahead, 1);
	ck_assert_int_eq(relay_rig_say(x), -1);
	frames_books(&x->in, WIRE_REPORT, 0, t, &elsewhere, 1);
	ck_assert_int_eq(relay_rig_say(x), -1);
	frames_request(&x->in, &range, 1);
	ck_assert_int_eq(relay_rig_say(x), -1);
	relay_rig_report(x, 2);
	relay_rig_free(x);
}
END_TEST

START_TEST(byes_are_told)
{
	for (unsigned int reason = WIRE_BYE_DRAINED; reason <= WIRE_BYE_TIMEOUT;
	     reason++) {
		struct relay_rig *x = relay_rig_new((struct relay_options){0});

		relay_rig_up(x, 0, 0, PATH_STREAM);
		frames_bye(&x->in, (enum wire_bye)reason);
		ck_assert_int_gt(relay_rig_say(x), 0);
		ck_assert_uint_eq(x->byes, 1);
		ck_assert_uint_eq(x->bye_reason, reason);
		relay_rig_free(x);
	}
}
END_TEST

START_TEST(a_second_path_joins)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});
	struct wire_greeting g;
	struct wire_frame f;
	struct rd r;

	relay_rig_open(x, PATH_STREAM);
	relay_rig_up(x, 0, 1, PATH_STREAM);
	relay_rig_hear_on(x, 0, 1);
	f = frames_last(&x->out, WIRE_HELLO);
	ck_assert(wire_get_greeting(&f, &g, &r));
	ck_assert_uint_eq(g.total, 0);
	ck_assert_uint_eq(g.count, 0);
	relay_rig_capture(x, 1, 1, 10);
	relay_rig_hear_on(x, 0, 1);
	ck_assert_uint_eq(frames_count(&x->out, WIRE_DATA), 0);
	frames_welcome(&x->in, good_welcome(), NULL, 0);
	ck_assert_int_gt(relay_rig_say_on(x, 0, 1), 0);
	relay_rig_hear_on(x, 0, 1);
	relay_rig_expect(x, "1.1");
	relay_rig_hear(x);
	relay_rig_expect(x, "1.1");
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.sent), 1);
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.resent), 0);
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->book.copied), 1);
	relay_path_down(x->relay, x->now, 0, 0);
	ck_assert_int_eq(relay_rig_state(x), SESSION_OPEN);
	relay_rig_free(x);
}
END_TEST

/* The peer knows of no path to join: ours is dead, and we have not noticed. */
START_TEST(the_peer_asks_to_be_greeted)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});
	struct wire_greeting g = good_welcome();

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 3, 10);
	relay_rig_hear(x);
	relay_rig_up(x, 0, 1, PATH_STREAM);
	relay_rig_hear_on(x, 0, 1);
	g.greeting = 0;
	frames_welcome(&x->in, g, NULL, 0);
	ck_assert_int_gt(relay_rig_say_on(x, 0, 1), 0);
	relay_rig_welcome_on(x, 0, 1, 2);
	ck_assert_int_eq(relay_rig_state(x), SESSION_OPEN);
	relay_rig_hear_on(x, 0, 1);
	relay_rig_expect(x, "1.2 1.3");
	relay_rig_free(x);
}
END_TEST

/* The path that carried the session dies while another one is about to join it:
 * there is nothing to join any more, so that one greets. */
START_TEST(the_path_to_be_joined_dies)
{
	for (int kind = PATH_STREAM; kind <= PATH_DATAGRAM; kind++) {
		struct relay_rig *x = relay_rig_new((struct relay_options){0});

		relay_rig_open(x, (enum path_kind)kind);
		relay_rig_up(x, 0, 1, (enum path_kind)kind);
		relay_rig_hear_on(x, 0, 1);
		relay_path_down(x->relay, x->now, 0, 0);
		frames_welcome(&x->in, good_welcome(), NULL, 0);
		ck_assert_int_gt(relay_rig_say_on(x, 0, 1), 0);
		relay_rig_wait(x, HELLO_AGAIN_NS);
		relay_rig_welcome_on(x, 0, 1, 0);
		relay_rig_capture(x, 1, 1, 10);
		relay_rig_hear_on(x, 0, 1);
		relay_rig_expect(x, "1.1");
		relay_rig_free(x);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relay");
	TCase *t = tcase_create("greeting");

	tcase_add_test(t, a_path_is_greeted);
	tcase_add_test(t, hello_is_said_again_where_it_may_be_lost);
	tcase_add_test(t, a_long_greeting_takes_several_frames);
	tcase_add_test(t, a_bad_welcome_breaks_the_protocol);
	tcase_add_test(t, an_echo_of_an_earlier_greeting_is_ignored);
	tcase_add_test(t, what_only_a_relay_says);
	tcase_add_test(t, nothing_of_channel_0_is_shed);
	tcase_add_test(t, a_bad_report_or_request_breaks_the_protocol);
	tcase_add_test(t, byes_are_told);
	tcase_add_test(t, a_second_path_joins);
	tcase_add_test(t, the_peer_asks_to_be_greeted);
	tcase_add_test(t, the_path_to_be_joined_dies);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
