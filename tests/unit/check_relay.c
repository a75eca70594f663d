/* SPDX-License-Identifier: Apache-2.0 */
/* The relay's core in scripted conversations with peers of hand-made frames. */
#include <stdlib.h>
#include <string.h>

#include "relay_rig.h"

#define HELLO_AGAIN_NS (20 * NS_PER_MS)

static uint64_t
figure(const counter_t *c)
{
	return counter_get(c);
}

/* ---- greeting ---- */

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
	struct wire_greeting g = {.version = WIRE_VERSION,
				  .epoch = RIG_EPOCH,
				  .instance = RIG_INSTANCE,
				  .greeting = 1,
				  .total = RIG_CHANNELS};

	wire_set_name(&g.node, "vpc-0");
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
		ck_assert_uint_eq(figure(&relay_figures(x->relay)->protocol_errors),
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
		struct wr w;

		relay_rig_open(x, PATH_STREAM);
		w = frames_writer(&x->in);
		wr_u8(&w, cases[i].type);
		wr_u8(&w, cases[i].flags);
		wr_u16(&w, 0);
		frames_written(&x->in, &w);
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
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.sent), 1);
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.resent), 0);
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.copied), 1);
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
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.sent), 3);
	ck_assert_uint_eq(figure(&relay_figures(x->relay)->dropped[DROP_INTERFACE]),
			  70);
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
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.sent), 7);
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.resent), 3);
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.abandoned), 0);
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
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.shed_aged), 5);
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.sent), 2);
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
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.shed_aged), 3);
	relay_rig_capture(x, 1, 1, 10);
	relay_rig_hear(x);
	relay_rig_expect(x, "a1:1+3 1.4");
	/* of channel 2 nothing came after: the heartbeat says that it is past */
	relay_rig_request(x, 2, 1, 1);
	relay_rig_hear(x);
	relay_rig_expect(x, "a2:1+1");
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.shed_aged), 3);
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
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.shed_age), 3);
	/* what was shed can be repaired */
	relay_rig_request(x, 1, 1, 3);
	relay_rig_hear(x);
	relay_rig_expect(x, "1.1r 1.2r 1.3r");
	relay_rig_balance(x);
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.repaired), 3);
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.sent), 2);
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
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.shed_bytes), 30 - sent);
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
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.abandoned), 0);
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
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.abandoned), 3);
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
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.abandoned), 3);
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
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.abandoned), 0);
	relay_rig_free(x);
}
END_TEST

/* ---- requests ---- */

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
	ck_assert_uint_eq(figure(&relay_figures(x->relay)->requests), 1);
	ck_assert_uint_eq(figure(&relay_figures(x->relay)->requested), 10);
	ck_assert_uint_eq(figure(&relay_figures(x->relay)->answers_aged), 1);
	ck_assert_uint_eq(figure(&relay_figures(x->relay)->answers_never), 1);
	ck_assert_uint_eq(figure(&relay_figures(x->relay)->answers_throttled), 1);
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
	ck_assert_uint_ge(figure(&relay_figures(x->relay)->lingered), 3);
	relay_rig_wait(x, 1);
	relay_rig_request(x, 1, 1, 3);
	relay_rig_hear(x);
	relay_rig_expect(x, "1.1r 1.2r 1.3r");
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->book.repaired), 6);
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
	ck_assert_uint_eq(figure(&relay_figures(x->relay)->answers_aged), 1);
	relay_rig_free(x);
}
END_TEST

/* ---- heartbeats ---- */

/* Runs to the next heartbeat, and says how long after `since`. */
static int64_t
next_beat(struct relay_rig *x, mono_t since)
{
	mono_t limit = mono_add(x->now.mono, 2 * RIG_HEARTBEAT_NS);

	while (mono_before(x->now.mono, limit)) {
		int64_t ns = mono_sub(relay_deadline(x->relay), x->now.mono);

		relay_rig_wait(x, ns > 0 ? ns : 1);
		relay_rig_hear(x);
		if (frames_count(&x->out, WIRE_HEARTBEAT) > 0)
			return mono_sub(x->now.mono, since);
	}
	ck_abort_msg("no heartbeat");
}

START_TEST(the_ladder)
{
	static const int64_t ladder_ms[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 456, 656};
	struct relay_rig *x = relay_rig_new((struct relay_options){0});
	mono_t since;

	relay_rig_open(x, PATH_STREAM);
	for (int again = 0; again < 2; again++) {
		relay_rig_capture(x, 1, 1, 10);
		relay_rig_hear(x);
		since = x->now.mono;
		for (size_t i = 0; i < sizeof ladder_ms / sizeof ladder_ms[0]; i++)
			ck_assert_int_eq(next_beat(x, since), ladder_ms[i] * NS_PER_MS);
	}
	relay_rig_free(x);
}
END_TEST

/* While data flows there is one all the same: round trips are measured with it. */
START_TEST(heartbeats_under_load)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});
	unsigned int beats = 0;

	relay_rig_open(x, PATH_STREAM);
	for (int i = 0; i < 4000; i++) {
		relay_rig_capture(x, 1, 1, 10);
		relay_rig_hear(x);
		beats += frames_count(&x->out, WIRE_HEARTBEAT);
		relay_rig_wait(x, NS_PER_MS / 2);
	}
	ck_assert_uint_ge(beats, 9);
	ck_assert_uint_le(beats, 12);
	relay_rig_free(x);
}
END_TEST

static unsigned int
entries(const struct wire_frame *f, struct wire_books *books)
{
	struct wire_timing t;
	uint16_t count;
	struct rd r;

	ck_assert(wire_get_timing(f, &t, &count, &r));
	ck_assert_uint_le(count, RIG_CHANNELS);
	for (uint16_t i = 0; i < count; i++)
		ck_assert(wire_get_books(f, &r, &books[i]));
	return count;
}

START_TEST(a_heartbeat_lists_what_is_not_settled)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});
	struct wire_books books[RIG_CHANNELS];
	struct wire_frame f;

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 3, 10);
	relay_rig_hear(x);
	next_beat(x, x->now.mono);
	f = frames_last(&x->out, WIRE_HEARTBEAT);
	ck_assert_uint_eq(entries(&f, books), 1);
	ck_assert_uint_eq(books[0].channel, 1);
	ck_assert_uint_eq(books[0].next.n, 4);
	ck_assert_uint_eq(books[0].sent.n, 4);
	relay_rig_report(x, 3);
	next_beat(x, x->now.mono);
	f = frames_last(&x->out, WIRE_HEARTBEAT);
	ck_assert_uint_eq(entries(&f, books), 1);
	relay_rig_report(x, 4);
	next_beat(x, x->now.mono);
	f = frames_last(&x->out, WIRE_HEARTBEAT);
	ck_assert_uint_eq(entries(&f, books), 0);
	relay_rig_free(x);
}
END_TEST

START_TEST(the_books_are_told)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});
	struct wire_books books[RIG_CHANNELS] = {0};
	struct wire_frame f = {.flags = 0};
	mono_t limit;

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 3, 10);
	relay_rig_hear(x);
	limit = mono_add(x->now.mono, 3 * NS_PER_S);
	while (!(f.flags & WIRE_BOOKS) && mono_before(x->now.mono, limit)) {
		next_beat(x, x->now.mono);
		f = frames_last(&x->out, WIRE_HEARTBEAT);
	}
	ck_assert(f.flags & WIRE_BOOKS);
	ck_assert_uint_gt(entries(&f, books), 0);
	ck_assert_uint_eq(books[0].channel, 1);
	ck_assert_uint_eq(books[0].count, SENT_FIGURES);
	ck_assert_uint_eq(books[0].figures[0], 3); /* owed */
	ck_assert_uint_eq(books[0].figures[1], 3); /* sent */
	relay_rig_answer_on(x, 0, 0, NS_PER_MS);
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->peer.emitted), 3);
	relay_rig_free(x);
}
END_TEST

START_TEST(silence_closes_a_path)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});

	relay_rig_open(x, PATH_STREAM);
	relay_rig_wait(x, RIG_TIMEOUT_NS - 1);
	ck_assert_uint_eq(x->closes, 0);
	relay_rig_wait(x, 1);
	ck_assert_uint_eq(x->closes, 1);
	ck_assert_int_eq(x->closed_for, WIRE_BYE_TIMEOUT);
	ck_assert_uint_eq(figure(&relay_figures(x->relay)->path_timeouts), 1);
	relay_rig_free(x);
}
END_TEST

/* ---- capture files, and the end ---- */

START_TEST(a_file_waits_for_its_peers_and_for_room)
{
	struct relay_rig *x =
		relay_rig_new((struct relay_options){.file = true, .remotes = 2});
	unsigned int captured = 0;

	ck_assert(!relay_may_capture(x->relay));
	relay_rig_open(x, PATH_STREAM);
	ck_assert(!relay_may_capture(x->relay));
	relay_rig_up(x, 1, 0, PATH_STREAM);
	relay_rig_welcome_on(x, 1, 0, 0);
	for (; relay_may_capture(x->relay); captured++)
		relay_rig_capture(x, 1, 1, DATAGRAM_BYTES_MAX);
	ck_assert_uint_gt(captured, 40);
	ck_assert_uint_eq(figure(&relay_channel(x->relay, 1)->book.refused), 0);
	ck_assert_uint_eq(figure(&relay_channel(x->relay, 1)->book.captured), captured);
	relay_rig_wait(x, 60 * NS_PER_S); /* nothing ages */
	for (unsigned int remote = 0; remote < 2; remote++) {
		ck_assert(!relay_may_capture(x->relay));
		x->out.len = 0;
		for (unsigned int n = 0; n < captured;) {
			x->out.len = relay_fill(x->relay, x->now, remote, 0,
						x->out.bytes, RIG_LIMIT, RIG_CAP);
			ck_assert_uint_gt(x->out.len, 0);
			n += frames_count(&x->out, WIRE_DATA);
			if (frames_count(&x->out, WIRE_HEARTBEAT) > 0)
				relay_rig_answer_on(x, remote, 0, 0);
		}
		relay_rig_wait(x, NS_PER_MS);
		relay_rig_hear_on(x, remote, 0);
		relay_rig_answer_on(x, remote, 0, NS_PER_MS);
	}
	ck_assert(relay_may_capture(x->relay));
	relay_rig_free(x);
}
END_TEST

/* Answers every heartbeat until BYE; returns its reason. */
static unsigned int
run_to_bye(struct relay_rig *x, unsigned int remote)
{
	mono_t limit = mono_add(x->now.mono, 10 * NS_PER_S);
	struct wire_frame f;
	struct wire_name text;
	uint8_t reason;

	while (mono_before(x->now.mono, limit)) {
		relay_rig_hear_on(x, remote, 0);
		if (frames_count(&x->out, WIRE_BYE) > 0) {
			f = frames_last(&x->out, WIRE_BYE);
			ck_assert(wire_get_bye(&f, &reason, &text));
			return reason;
		}
		if (frames_count(&x->out, WIRE_HEARTBEAT) > 0)
			relay_rig_answer_on(x, remote, 0, 100 * NS_PER_US);
		else
			relay_rig_wait(x, NS_PER_MS);
	}
	ck_abort_msg("no BYE");
}

START_TEST(a_drained_file_ends_with_the_final_books)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){.file = true});

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 10, 10);
	relay_drain(x->relay, true);
	ck_assert_int_eq(relay_rig_state(x), SESSION_DRAINING);
	ck_assert(!relay_drained(x->relay));
	relay_rig_wait(x, 300 * NS_PER_MS);
	relay_rig_hear(x); /* sent, but not settled: no BYE */
	ck_assert_uint_eq(frames_count(&x->out, WIRE_BYE), 0);
	ck_assert_uint_eq(run_to_bye(x, 0), WIRE_BYE_DRAINED);
	ck_assert(relay_drained(x->relay));
	ck_assert_int_eq(relay_rig_state(x), SESSION_CLOSED);
	for (uint16_t ch = 0; ch < RIG_CHANNELS; ch++)
		ck_assert(relay_rig_outlet(x, ch)->books_answered);
	ck_assert_uint_eq(figure(&relay_rig_outlet(x, 1)->peer.emitted), 10);
	relay_rig_free(x);
}
END_TEST

START_TEST(a_drain_survives_a_reconnect)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){.file = true});

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 10, 10);
	relay_drain(x->relay, true);
	relay_rig_hear(x);
	relay_rig_report(x, 11);
	relay_rig_wait(x, NS_PER_MS);
	relay_rig_hear(x); /* the final books are lost with the connection */
	ck_assert(frames_last(&x->out, WIRE_HEARTBEAT).flags & WIRE_BOOKS);
	relay_path_down(x->relay, x->now, 0, 0);
	ck_assert(!relay_drained(x->relay));
	relay_rig_up(x, 0, 0, PATH_STREAM);
	relay_rig_welcome_on(x, 0, 0, 11);
	ck_assert_int_eq(relay_rig_state(x), SESSION_DRAINING);
	ck_assert_uint_eq(run_to_bye(x, 0), WIRE_BYE_DRAINED);
	ck_assert(relay_drained(x->relay));
	relay_rig_free(x);
}
END_TEST

/* Who has all closes its path; the others are waited for, but not it again. */
START_TEST(peers_are_drained_one_after_the_other)
{
	struct relay_rig *x =
		relay_rig_new((struct relay_options){.file = true, .remotes = 2});

	relay_rig_open(x, PATH_STREAM);
	relay_rig_up(x, 1, 0, PATH_STREAM);
	relay_rig_welcome_on(x, 1, 0, 0);
	relay_rig_capture(x, 1, 10, 10);
	relay_drain(x->relay, true);
	ck_assert_uint_eq(run_to_bye(x, 0), WIRE_BYE_DRAINED);
	relay_path_down(x->relay, x->now, 0, 0);
	ck_assert(!relay_drained(x->relay));
	ck_assert_uint_eq(run_to_bye(x, 1), WIRE_BYE_DRAINED);
	ck_assert(relay_drained(x->relay));
	relay_path_down(x->relay, x->now, 1, 0);
	ck_assert(relay_drained(x->relay));
	relay_rig_free(x);
}
END_TEST

START_TEST(who_is_not_patient_waits_for_nobody)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});

	ck_assert(!relay_drained(x->relay));
	relay_drain(x->relay, true);
	ck_assert(!relay_drained(x->relay));
	relay_drain(x->relay, false);
	ck_assert(relay_drained(x->relay));
	relay_rig_free(x);
}
END_TEST

START_TEST(a_drain_that_takes_too_long)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 1, 10, 10);
	relay_drain(x->relay, false);
	relay_rig_hear(x);
	ck_assert(!relay_drained(x->relay));
	relay_give_up_drain(x->relay);
	ck_assert_uint_eq(run_to_bye(x, 0), WIRE_BYE_SHUTDOWN);
	ck_assert(relay_drained(x->relay));
	relay_rig_free(x);
}
END_TEST

/* A peer that is connected but never answers HELLO. */
START_TEST(a_drain_that_takes_too_long_while_greeting)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});

	relay_rig_up(x, 0, 0, PATH_STREAM);
	relay_rig_hear(x);
	relay_drain(x->relay, false);
	relay_give_up_drain(x->relay);
	relay_rig_wait(x, NS_PER_MS);
	relay_rig_hear(x);
	ck_assert(relay_drained(x->relay));
	relay_rig_free(x);
}
END_TEST

/* ---- */

static void
add_greeting(Suite *s)
{
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
}

static void
add_stream(Suite *s)
{
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
}

static void
add_requests(Suite *s)
{
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
}

static void
add_life(Suite *s)
{
	TCase *t = tcase_create("life");

	tcase_add_test(t, the_ladder);
	tcase_add_test(t, heartbeats_under_load);
	tcase_add_test(t, a_heartbeat_lists_what_is_not_settled);
	tcase_add_test(t, the_books_are_told);
	tcase_add_test(t, silence_closes_a_path);
	tcase_add_test(t, a_file_waits_for_its_peers_and_for_room);
	tcase_add_test(t, a_drained_file_ends_with_the_final_books);
	tcase_add_test(t, a_drain_survives_a_reconnect);
	tcase_add_test(t, peers_are_drained_one_after_the_other);
	tcase_add_test(t, who_is_not_patient_waits_for_nobody);
	tcase_add_test(t, a_drain_that_takes_too_long);
	tcase_add_test(t, a_drain_that_takes_too_long_while_greeting);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
}

int
main(void)
{
	Suite *s = suite_create("relay");
	SRunner *sr;
	int failed;

	add_greeting(s);
	add_stream(s);
	add_requests(s);
	add_life(s);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
