/* SPDX-License-Identifier: Apache-2.0 */
/* The peer's core in scripted conversations with a relay of hand-made frames: how
 * they begin. */
#include "peer_rig.h"
#include "suite.h"

START_TEST(a_greeting_is_answered)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	struct wire_greeting g;
	struct wire_resume e;
	struct wire_frame f;
	struct rd r;

	peer_rig_up(x, PATH_STREAM);
	ck_assert_int_eq(peer_session_state(x->peer, 0), SESSION_GREETING);
	peer_rig_hear(x);
	ck_assert_uint_eq(x->out.len, 0);
	peer_rig_hello(x, 90, 70);
	peer_rig_hear(x);
	f = frames_last(&x->out, WIRE_WELCOME);
	ck_assert(wire_get_greeting(&f, &g, &r));
	ck_assert_uint_eq(g.version, WIRE_VERSION);
	ck_assert_uint_eq(g.epoch, RIG_EPOCH);
	ck_assert_uint_eq(g.instance, RIG_INSTANCE);
	ck_assert_uint_eq(g.greeting, 1);
	ck_assert_str_eq(g.node.text, "vpc");
	ck_assert_uint_eq(g.count, RIG_CHANNELS);
	for (unsigned int i = 0; i < RIG_CHANNELS; i++) {
		ck_assert(wire_get_resume(&r, &e));
		ck_assert_uint_eq(e.id, i);
		ck_assert_uint_eq(e.next.n, 70);
	}
	ck_assert_int_eq(peer_session_state(x->peer, 0), SESSION_OPEN);
	ck_assert_uint_eq(peer_session_epoch(x->peer, 0), RIG_EPOCH);
	ck_assert_uint_eq(x->epochs, 1);
	ck_assert_uint_eq(x->epoch_before, 0);
	ck_assert_uint_eq(counter_get(&peer_figures(x->peer, 0)->sessions_opened), 1);
	peer_balance(x->peer);
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->book.expected), 20);
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->book.missing), 20);
	peer_rig_free(x);
}
END_TEST

START_TEST(a_greeting_in_two_frames)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	struct wire_channel c[RIG_CHANNELS];

	x->greeting = 1;
	for (uint16_t i = 0; i < RIG_CHANNELS; i++)
		c[i] = core_rig_announced(i, 1, 1);
	peer_rig_up(x, PATH_STREAM);
	frames_hello(&x->in, peer_rig_greeting(x), c, 2);
	ck_assert_int_gt(peer_rig_say(x), 0);
	peer_rig_hear(x);
	ck_assert_uint_eq(frames_count(&x->out, WIRE_WELCOME), 1);
	ck_assert_int_eq(peer_session_state(x->peer, 0), SESSION_GREETING);
	frames_hello(&x->in, peer_rig_greeting(x), c + 2, 1);
	ck_assert_int_gt(peer_rig_say(x), 0);
	peer_rig_hear(x);
	ck_assert_uint_eq(frames_count(&x->out, WIRE_WELCOME), 1);
	ck_assert_int_eq(peer_session_state(x->peer, 0), SESSION_OPEN);
	peer_rig_free(x);
}
END_TEST

/* Says BYE for this reason, takes nothing more, and has the path closed. */
static void
expect_sent_away(struct peer_rig *x, enum wire_bye reason)
{
	ck_assert_int_eq(peer_rig_said_bye(x), reason);
	peer_rig_hear(x);
	ck_assert_uint_eq(x->out.len, 0);
	peer_rig_wait(x, NS_PER_MS);
	ck_assert_uint_eq(x->closes, 1);
	ck_assert_int_eq(x->closed_for, reason);
	peer_path_down(x->peer, x->now, 0, 0);
	ck_assert_int_eq(peer_session_state(x->peer, 0), SESSION_DOWN);
}

START_TEST(another_version_is_sent_away)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	struct wire_greeting g = peer_rig_greeting(x);

	g.version = WIRE_VERSION + 1;
	peer_rig_up(x, PATH_STREAM);
	frames_hello(&x->in, g, NULL, 0);
	ck_assert_int_gt(peer_rig_say(x), 0);
	expect_sent_away(x, WIRE_BYE_VERSION);
	ck_assert_uint_eq(x->epochs, 0);
	peer_rig_free(x);
}
END_TEST

START_TEST(another_node_is_sent_away)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	struct wire_greeting g = peer_rig_greeting(x);

	wire_set_name(&g.node, "colo-b");
	peer_rig_up(x, PATH_STREAM);
	frames_hello(&x->in, g, NULL, 0);
	ck_assert_int_gt(peer_rig_say(x), 0);
	expect_sent_away(x, WIRE_BYE_NODE);
	ck_assert_uint_eq(x->epochs, 0);
	peer_rig_free(x);
}
END_TEST

START_TEST(too_many_channels_are_sent_away)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){.channels_max = 1});

	peer_rig_up(x, PATH_STREAM);
	peer_rig_hello(x, 1, 1);
	expect_sent_away(x, WIRE_BYE_CHANNELS);
	peer_rig_free(x);
}
END_TEST

/* Within an epoch a number has one name, and no fewer datagrams than before. */
START_TEST(a_changed_announcement_is_sent_away)
{
	for (int i = 0; i < 2; i++) {
		struct peer_rig *x = peer_rig_new((struct peer_options){0});
		struct wire_channel c = core_rig_announced(1, 1, 1);

		peer_rig_open(x, PATH_STREAM);
		peer_rig_data(x, 1, 1);
		if (i == 0)
			wire_set_name(&c.name, "other");
		/* Numbers that go back are told from late ones when no path was open. */
		peer_path_down(x->peer, x->now, 0, 0);
		peer_path_up(x->peer, x->now, 0, 0, PATH_STREAM, 1400);
		x->greeting++;
		frames_hello(&x->in, peer_rig_greeting(x), &c, 1);
		ck_assert_int_gt(peer_rig_say(x), 0);
		expect_sent_away(x, WIRE_BYE_PROTOCOL);
		ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 1);
		peer_rig_free(x);
	}
}
END_TEST

/* A relay that was broken into must not aim the peer at a host. */
START_TEST(nothing_is_emitted_to_what_is_no_group)
{
	static const uint32_t groups[] = {0x0a000005, 0x7f000001, 0xffffffff, 0,
					  0xe0000001};

	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
		struct peer_rig *x = peer_rig_new((struct peer_options){0});
		struct wire_channel c[RIG_CHANNELS];
		struct outgoing out[EMIT_BATCH];

		x->greeting = 1;
		for (uint16_t ch = 0; ch < RIG_CHANNELS; ch++)
			c[ch] = core_rig_announced(ch, 1, 1);
		c[1].group = groups[i];
		peer_rig_up(x, PATH_STREAM);
		frames_hello(&x->in, peer_rig_greeting(x), c, RIG_CHANNELS);
		(void)peer_rig_say(x);
		peer_rig_hear(x);
		peer_rig_put_data(x, 0, 1, 1, 10);
		(void)peer_rig_say(x);
		ck_assert_msg(peer_ready(x->peer, x->now, out, EMIT_BATCH) == 0,
			      "emits to %08x", groups[i]);
		peer_rig_free(x);
	}
}
END_TEST

START_TEST(what_only_a_peer_says)
{
	static const struct {
		uint8_t type, flags;
		bool breaks;
	} cases[] = {{WIRE_WELCOME, 0, true},
		     {WIRE_REQUEST, 0, true},
		     {WIRE_REPORT, 0, true},
		     {0, 0, true},
		     {WIRE_DEMAND + 1, 0, true},
		     {WIRE_DEMAND + 1, WIRE_OPTIONAL, false},
		     {255, 0, true},
		     {255, WIRE_OPTIONAL, false}};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct peer_rig *x = peer_rig_new((struct peer_options){0});

		peer_rig_open(x, PATH_STREAM);
		frames_empty(&x->in, cases[i].type, cases[i].flags);
		ck_assert_int_eq(peer_rig_say(x), cases[i].breaks ? -1 : 4);
		ck_assert_uint_eq(
			counter_get(&peer_figures(x->peer, 0)->protocol_errors),
			cases[i].breaks);
		peer_rig_free(x);
	}
}
END_TEST

START_TEST(a_part_of_a_frame_waits)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	size_t whole;

	peer_rig_open(x, PATH_STREAM);
	peer_rig_put_data(x, 0, 1, 1, 10);
	whole = x->in.len;
	for (size_t len = 0; len < whole; len++)
		ck_assert_int_eq(peer_input(x->peer, x->now, 0, 0, x->in.bytes, len),
				 0);
	ck_assert_int_eq(peer_rig_say(x), (long)whole);
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 1);
	peer_rig_free(x);
}
END_TEST

START_TEST(nothing_is_taken_before_the_greeting)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_up(x, PATH_STREAM);
	peer_rig_data(x, 1, 1);
	peer_rig_heartbeat(x, 10, 10);
	peer_rig_verdict(x, WIRE_AGED, 1, 5, 0);
	peer_rig_hear(x);
	ck_assert_uint_eq(x->out.len, 0);
	ck_assert_uint_eq(peer_channel_count(x->peer, 0), 0);
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 0);
	peer_rig_free(x);
}
END_TEST

static void
say_join(struct peer_rig *x, unsigned int path, uint8_t relay_slot)
{
	struct wire_greeting g = peer_rig_greeting(x);

	g.total = 0;
	g.slot = relay_slot;
	frames_hello(&x->in, g, NULL, 0);
	ck_assert_int_gt(peer_rig_say_on(x, path), 0);
	peer_rig_hear_on(x, path);
}

/* Greeting 0 asks for a greeting, in the epoch of the HELLO. */
static void
expect_greet_me(const struct peer_rig *x)
{
	struct wire_frame f = frames_last(&x->out, WIRE_WELCOME);
	struct wire_greeting g;
	struct rd r;

	ck_assert(wire_get_greeting(&f, &g, &r));
	ck_assert_uint_eq(g.greeting, 0);
	ck_assert_uint_eq(g.count, 0);
	ck_assert_uint_eq(g.epoch, x->epoch);
	ck_assert_uint_eq(g.instance, RIG_INSTANCE);
}

START_TEST(a_second_path_joins)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_path_up(x->peer, x->now, 0, 3, PATH_STREAM, 1400);
	say_join(x, 3, 1);
	expect_greet_me(x); /* nothing is open yet that it could join */
	peer_rig_open(x, PATH_STREAM);
	say_join(x, 3, 1);
	ck_assert_uint_eq(frames_count(&x->out, WIRE_WELCOME), 1);
	peer_rig_put_data(x, 0, 1, 1, 10);
	ck_assert_int_gt(peer_rig_say_on(x, 3), 0);
	peer_rig_data(x, 1, 1);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.1");
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->book.duplicate), 1);
	/* one is enough for the session to live on */
	peer_path_down(x->peer, x->now, 0, 0);
	ck_assert_int_eq(peer_session_state(x->peer, 0), SESSION_OPEN);
	peer_path_down(x->peer, x->now, 0, 3);
	ck_assert_int_eq(peer_session_state(x->peer, 0), SESSION_DOWN);
	peer_rig_free(x);
}
END_TEST

/* Another process captured meanwhile, or the only path is gone. */
START_TEST(a_path_that_cannot_join_asks_to_be_greeted)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_STREAM);
	peer_path_up(x->peer, x->now, 0, 1, PATH_STREAM, 1400);
	x->epoch++;
	say_join(x, 1, 1);
	expect_greet_me(x);
	ck_assert_uint_eq(x->epochs, 1);
	x->epoch--;
	peer_path_down(x->peer, x->now, 0, 0);
	say_join(x, 1, 1);
	expect_greet_me(x);
	peer_rig_free(x);
}
END_TEST

START_TEST(a_newer_connection_takes_the_place)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_STREAM);
	peer_path_up(x->peer, x->now, 0, 1, PATH_STREAM, 1400);
	say_join(x, 1, 0);
	ck_assert_uint_eq(x->closes, 1);
	ck_assert_int_eq(x->closed_for, WIRE_BYE_REPLACED);
	peer_rig_free(x);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("peer");
	TCase *t = tcase_create("greeting");

	tcase_add_test(t, a_greeting_is_answered);
	tcase_add_test(t, a_greeting_in_two_frames);
	tcase_add_test(t, another_version_is_sent_away);
	tcase_add_test(t, another_node_is_sent_away);
	tcase_add_test(t, too_many_channels_are_sent_away);
	tcase_add_test(t, a_changed_announcement_is_sent_away);
	tcase_add_test(t, nothing_is_emitted_to_what_is_no_group);
	tcase_add_test(t, what_only_a_peer_says);
	tcase_add_test(t, a_part_of_a_frame_waits);
	tcase_add_test(t, nothing_is_taken_before_the_greeting);
	tcase_add_test(t, a_second_path_joins);
	tcase_add_test(t, a_path_that_cannot_join_asks_to_be_greeted);
	tcase_add_test(t, a_newer_connection_takes_the_place);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
