/* SPDX-License-Identifier: Apache-2.0 */
/* The peer's core in scripted conversations with a relay of hand-made frames. */
#include <stdlib.h>
#include <string.h>

#include "peer_rig.h"

#define RTT_GUESS_NS   (5 * NS_PER_MS) /* before one is measured */
#define RETRY_FLOOR_NS (200 * NS_PER_US)

static uint64_t
figure(const counter_t *c)
{
	return counter_get(c);
}

/* ---- greeting ---- */

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
	ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->sessions_opened), 1);
	peer_balance(x->peer);
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->book.expected), 20);
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->book.missing), 20);
	peer_rig_free(x);
}
END_TEST

START_TEST(a_greeting_in_two_frames)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	struct wire_channel c[RIG_CHANNELS];

	x->greeting = 1;
	for (uint16_t i = 0; i < RIG_CHANNELS; i++)
		c[i] = peer_rig_channel(i, 1, 1);
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

static enum wire_bye
said_bye(struct peer_rig *x)
{
	struct wire_frame f;
	struct wire_name text;
	uint8_t reason;

	peer_rig_hear(x);
	f = frames_last(&x->out, WIRE_BYE);
	ck_assert(wire_get_bye(&f, &reason, &text));
	ck_assert_str_eq(text.text, wire_bye_name(reason));
	return (enum wire_bye)reason;
}

/* Says BYE for this reason, takes nothing more, and has the path closed. */
static void
expect_sent_away(struct peer_rig *x, enum wire_bye reason)
{
	ck_assert_int_eq(said_bye(x), reason);
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
		struct wire_channel c = peer_rig_channel(1, 1, 1);

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
			c[ch] = peer_rig_channel(ch, 1, 1);
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
		struct wr w;

		peer_rig_open(x, PATH_STREAM);
		w = frames_writer(&x->in);
		wr_u8(&w, cases[i].type);
		wr_u8(&w, cases[i].flags);
		wr_u16(&w, 0);
		frames_written(&x->in, &w);
		ck_assert_int_eq(peer_rig_say(x), cases[i].breaks ? -1 : 4);
		ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->protocol_errors),
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
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->book.duplicate), 1);
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

/* ---- order, duplicates, late ones ---- */

START_TEST(in_order)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	const struct peer_book *b;

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 1);
	peer_rig_data(x, 1, 3);
	peer_rig_data(x, 2, 1);
	peer_rig_data(x, 1, 4);
	peer_rig_data(x, 1, 3);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.1 2.1");
	peer_rig_data(x, 1, 2);
	peer_rig_data(x, 1, 2);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.2 1.3 1.4");
	peer_rig_balance(x);
	b = &peer_rig_find(x, 1)->book;
	ck_assert_uint_eq(figure(&b->received), 6);
	ck_assert_uint_eq(figure(&b->emitted), 4);
	ck_assert_uint_eq(figure(&b->duplicate), 2);
	ck_assert_uint_eq(figure(&b->expected), 4);
	ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->gaps), 1);
	peer_rig_free(x);
}
END_TEST

START_TEST(on_arrival)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){.immediate = true});

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 1);
	peer_rig_data(x, 1, 3);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.1 1.3");
	peer_rig_repair(x, 1, 2);
	peer_rig_repair(x, 1, 2);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.2");
	ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->repaired), 1);
	ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->repairs), 2);
	ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->repairs_wasted), 1);
	peer_rig_free(x);
}
END_TEST

/* What is reported as settled will never be sent again: it must have gone out. */
START_TEST(nothing_is_reported_before_it_is_emitted)
{
	for (int immediate = 0; immediate < 2; immediate++) {
		struct peer_rig *x = peer_rig_new(
			(struct peer_options){.immediate = immediate != 0});

		peer_rig_open(x, PATH_STREAM);
		peer_rig_data(x, 1, 1);
		peer_rig_data(x, 1, 3);
		peer_rig_emit(x, 10, EMIT_SENT);
		peer_rig_data(x, 1, 2);
		peer_rig_heartbeat(x, 4, 4);
		peer_rig_hear(x);
		ck_assert_msg(peer_rig_reported(x) == 2,
			      "%s: 2 waits, all before %llu is reported",
			      immediate ? "immediate" : "ordered",
			      (unsigned long long)peer_rig_reported(x));
		peer_rig_emit(x, 10, EMIT_SENT);
		peer_rig_heartbeat(x, 4, 4);
		peer_rig_hear(x);
		ck_assert_uint_eq(peer_rig_reported(x), 4);
		peer_rig_free(x);
	}
}
END_TEST

/* ---- gaps ---- */

START_TEST(a_gap_is_requested_until_it_is_filled)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 1);
	peer_rig_data(x, 1, 5);
	peer_rig_wait(x, 1);
	peer_rig_data(x, 2, 2);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "1:2+3 2:1+1");
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "");
	peer_rig_repair(x, 1, 3);
	peer_rig_repair(x, 2, 1);
	peer_rig_wait(x, RTT_GUESS_NS + RETRY_FLOOR_NS - 1);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "");
	peer_rig_wait(x, 1);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "1:2+1 1:4+1");
	peer_rig_repair(x, 1, 4);
	peer_rig_repair(x, 1, 2);
	peer_rig_wait(x, 10 * RTT_GUESS_NS);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "");
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.1 2.1 2.2 1.2 1.3 1.4 1.5");
	ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->repaired), 4);
	ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->requests), 4);
	ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->requested), 6);
	peer_rig_free(x);
}
END_TEST

START_TEST(a_first_request_is_held_off)
{
	struct peer_rig *x =
		peer_rig_new((struct peer_options){.reorder_ns = 2 * NS_PER_MS});

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 2);
	peer_rig_data(x, 2, 2);
	ck_assert_int_le(peer_deadline(x->peer).ns, x->now.mono.ns + 2 * NS_PER_MS);
	peer_rig_wait(x, 2 * NS_PER_MS - 1);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "");
	peer_rig_data(x, 2, 1);
	peer_rig_wait(x, 1);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "1:1+1");
	peer_rig_data(x, 1, 1);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_free(x);
}
END_TEST

/* More gaps than one frame has room for: all are asked for at once. */
START_TEST(many_gaps_are_requested_at_once)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){.window = 1024});
	uint8_t buf[1400];
	size_t n;

	peer_rig_open(x, PATH_DATAGRAM);
	for (uint64_t seq = 2; seq <= 800; seq += 2) {
		peer_rig_data(x, 1, seq);
	}
	while ((n = peer_fill(x->peer, x->now, 0, 0, buf, sizeof buf, sizeof buf)) >
	       0) {
		memcpy(x->out.bytes + x->out.len, buf, n);
		x->out.len += n;
	}
	ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->requested), 400);
	peer_rig_free(x);
}
END_TEST

START_TEST(a_lost_tail_is_found_by_the_heartbeat)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_DATAGRAM);
	peer_rig_data(x, 1, 1);
	peer_rig_heartbeat(x, 6, 4); /* 4 and 5 are on their way */
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "1:2+2");
	peer_balance(x->peer);
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->book.missing), 4);
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->book.expected), 5);
	peer_rig_free(x);
}
END_TEST

START_TEST(a_gap_is_given_up_by_age)
{
	struct peer_rig *x =
		peer_rig_new((struct peer_options){.give_up_ns = 100 * NS_PER_MS});

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 3);
	peer_rig_hear(x);
	for (int64_t ns = 0; ns < 100 * NS_PER_MS - NS_PER_MS; ns += NS_PER_MS) {
		peer_rig_wait(x, NS_PER_MS);
		peer_rig_heartbeat(x, 4, 4);
		peer_rig_hear(x);
		ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 0);
	}
	ck_assert_uint_gt(figure(&peer_figures(x->peer, 0)->requests), 5);
	peer_rig_wait(x, NS_PER_MS);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.3");
	ck_assert_uint_eq(x->lost[LOST_GIVE_UP], 2);
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->book.lost_give_up), 2);
	peer_rig_data(x, 1, 2);
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 0);
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->book.late), 1);
	peer_rig_free(x);
}
END_TEST

/* A line that is dark answers nothing, and may come back: the history still has it. */
START_TEST(nothing_is_given_up_in_the_dark)
{
	struct peer_rig *x =
		peer_rig_new((struct peer_options){.give_up_ns = 100 * NS_PER_MS});

	peer_rig_open(x, PATH_DATAGRAM);
	peer_rig_data(x, 1, 3);
	for (int ms = 0; ms < 500; ms++) {
		peer_rig_wait(x, NS_PER_MS);
		peer_rig_hear(x);
	}
	ck_assert_uint_eq(x->lost[LOST_GIVE_UP], 0);
	/* it comes back, and knows nothing of them */
	for (int ms = 0; ms < 110; ms++) {
		peer_rig_heartbeat(x, 4, 4);
		peer_rig_wait(x, NS_PER_MS);
		peer_rig_hear(x);
	}
	ck_assert_uint_eq(x->lost[LOST_GIVE_UP], 2);
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 1);
	peer_rig_free(x);
}
END_TEST

START_TEST(verdicts_end_the_waiting)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 6);
	peer_rig_verdict(x, WIRE_AGED, 1, 3, 0);
	peer_rig_verdict(x, WIRE_NEVER, 4, 100, 0);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.6");
	ck_assert_uint_eq(x->lost[LOST_AGED], 3);
	ck_assert_uint_eq(x->lost[LOST_NEVER], 2);
	ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->verdicts_aged), 1);
	ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->verdicts_never), 1);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "");
	/* NEVER invents nothing: 7 is still to come */
	peer_rig_data(x, 1, 7);
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 1);
	peer_rig_free(x);
}
END_TEST

START_TEST(aged_beyond_what_was_seen)
{
	static const uint64_t counts[] = {1, 10, 255, 256, 257, 5000};

	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		struct peer_rig *x = peer_rig_new((struct peer_options){0});

		peer_rig_open(x, PATH_STREAM);
		peer_rig_data(x, 1, 1);
		peer_rig_verdict(x, WIRE_AGED, 2, counts[i], 0);
		peer_rig_data(x, 1, counts[i] + 2);
		ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 2);
		ck_assert_uint_eq(x->lost[LOST_AGED], counts[i]);
		peer_rig_hear(x);
		peer_rig_expect_requests(x, "");
		peer_rig_free(x);
	}
}
END_TEST

START_TEST(throttled_is_asked_again_later)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 2);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "1:1+1");
	peer_rig_wait(x, NS_PER_MS);
	peer_rig_verdict(x, WIRE_THROTTLED, 1, 1, 150000);
	peer_rig_wait(x, 150 * NS_PER_MS - 1);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "");
	peer_rig_wait(x, 1);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "1:1+1");
	/* give_up counts from the relay's word on */
	peer_rig_wait(x, 50 * NS_PER_MS - 1);
	ck_assert_uint_eq(x->lost[LOST_GIVE_UP], 0);
	peer_rig_heartbeat(x, 3, 3);
	peer_rig_wait(x, 1);
	ck_assert_uint_eq(x->lost[LOST_GIVE_UP], 1);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_free(x);
}
END_TEST

/* A relay can name any time: an hour's worth of it must not stop a channel. */
START_TEST(throttled_for_ever_does_not_block)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 2);
	peer_rig_hear(x);
	peer_rig_verdict(x, WIRE_THROTTLED, 1, 1, UINT32_MAX);
	peer_rig_wait(x, 5 * NS_PER_S);
	peer_rig_hear(x);
	ck_assert(frames_count(&x->out, WIRE_REQUEST) > 0 || x->lost[LOST_GIVE_UP] > 0);
	peer_rig_free(x);
}
END_TEST

START_TEST(the_window_moves_on)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){.window = 64});

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 2);
	peer_rig_data(x, 1, 64);
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 0);
	peer_rig_data(x, 1, 65);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.2");
	ck_assert_uint_eq(x->lost[LOST_WINDOW], 1);
	peer_rig_data(x, 1, 1000);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.64 1.65");
	peer_balance(x->peer);
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->book.expected), 1000);
	peer_rig_free(x);
}
END_TEST

/* ---- reports ---- */

START_TEST(a_heartbeat_is_answered_at_once)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	struct wire_timing t = {.sent_mono_ns = 77, .sent_utc_ns = 88};
	struct wire_books b = {.channel = 1,
			       .next = {2},
			       .sent = {2},
			       .count = 3,
			       .figures = {5, 4, 1}};
	struct wire_frame f;
	uint16_t count;
	struct rd r;

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 1);
	peer_rig_emit(x, 1, EMIT_SENT);
	frames_books(&x->in, WIRE_HEARTBEAT, WIRE_BOOKS, t, &b, 1);
	ck_assert_int_gt(peer_rig_say(x), 0);
	peer_rig_wait(x, 3 * NS_PER_MS);
	peer_rig_hear(x);
	f = frames_last(&x->out, WIRE_REPORT);
	ck_assert(f.flags & WIRE_BOOKS);
	ck_assert(wire_get_timing(&f, &t, &count, &r));
	ck_assert_int_eq(t.sent_mono_ns, x->now.mono.ns);
	ck_assert_int_eq(t.sent_utc_ns, x->now.utc.ns);
	ck_assert_int_eq(t.echo_mono_ns, 77);
	ck_assert_int_eq(t.hold_ns, 3 * NS_PER_MS);
	ck_assert_uint_eq(count, 1);
	ck_assert(wire_get_books(&f, &r, &b));
	ck_assert_uint_eq(b.channel, 1);
	ck_assert_uint_eq(b.next.n, 2);
	ck_assert_uint_eq(b.count, PEER_FIGURES);
	ck_assert_uint_eq(b.figures[0], 1); /* received */
	ck_assert_uint_eq(b.figures[1], 1); /* emitted */
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->relay.owed), 5);
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->relay.sent), 4);
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->relay.shed_age), 1);
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->relay.shed_bytes), 0);
	peer_rig_free(x);
}
END_TEST

START_TEST(progress_is_told_without_a_heartbeat)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 1);
	peer_rig_emit(x, 1, EMIT_SENT);
	peer_rig_hear(x);
	peer_rig_wait(x, 50 * NS_PER_MS);
	peer_rig_hear(x);
	ck_assert_uint_eq(peer_rig_reported(x), 2);
	/* and then at rest only to show that we are here */
	peer_rig_wait(x, RIG_HEARTBEAT_NS - 1);
	peer_rig_hear(x);
	ck_assert_uint_eq(frames_count(&x->out, WIRE_REPORT), 0);
	peer_rig_wait(x, 1);
	peer_rig_hear(x);
	ck_assert_uint_eq(frames_count(&x->out, WIRE_REPORT), 1);
	ck_assert_uint_eq(peer_rig_reported(x), 0);
	peer_rig_free(x);
}
END_TEST

START_TEST(marks_are_read)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_STREAM);
	frames_mark(&x->in, &(struct wire_mark){.seq = {2}, .cause = 1, .count = 70});
	frames_mark(&x->in, &(struct wire_mark){.seq = {1}, .cause = 0, .count = 3});
	frames_mark(&x->in, &(struct wire_mark){.seq = {3}, .cause = 99, .count = 5});
	frames_mark(&x->in, &(struct wire_mark){.seq = {3}, .cause = 0, .count = 5});
	ck_assert_int_gt(peer_rig_say(x), 0);
	ck_assert_uint_eq(x->marks[DROP_KERNEL_RING], 3);
	ck_assert_uint_eq(x->marks[DROP_INTERFACE], 70);
	ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->dropped[DROP_INTERFACE]),
			  70);
	ck_assert_uint_eq(figure(&peer_rig_find(x, 0)->book.emitted), 3);
	ck_assert_uint_eq(figure(&peer_rig_find(x, 0)->book.duplicate), 1);
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 0);
	peer_rig_free(x);
}
END_TEST

START_TEST(an_unknown_channel_is_counted)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 9, 1);
	ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->unknown_channel), 1);
	peer_rig_put_data(x, 0, 0, 1, 10); /* the lane's own carries marks only */
	ck_assert_int_eq(peer_rig_say(x), -1);
	peer_rig_free(x);
}
END_TEST

/* ---- paths, epochs ---- */

START_TEST(a_reconnect_resumes)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	struct wire_greeting g;
	struct wire_frame f;
	struct wire_resume e;
	struct rd r;

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 1);
	peer_rig_data(x, 1, 3);
	peer_path_down(x->peer, x->now, 0, 0);
	ck_assert_int_eq(peer_session_state(x->peer, 0), SESSION_DOWN);
	/* no request and no give_up while nobody could answer */
	peer_rig_wait(x, 10 * NS_PER_S);
	peer_rig_up(x, PATH_STREAM);
	peer_rig_hello(x, 9, 4);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "");
	f = frames_last(&x->out, WIRE_WELCOME);
	ck_assert(wire_get_greeting(&f, &g, &r));
	for (unsigned int i = 0; i < RIG_CHANNELS; i++) {
		ck_assert(wire_get_resume(&r, &e));
		ck_assert_uint_eq(e.next.n, e.id == 1 ? 2 : 1);
	}
	peer_rig_wait(x, 500 * NS_PER_MS);
	ck_assert_uint_eq(x->lost[LOST_GIVE_UP], 0);
	for (uint64_t seq = 2; seq < 9; seq++)
		peer_rig_data(x, 1, seq);
	peer_rig_emit(x, 20, EMIT_SENT);
	peer_rig_expect(x, "1.1 1.2 1.3 1.4 1.5 1.6 1.7 1.8");
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->book.duplicate), 1);
	ck_assert_uint_eq(x->epochs, 1);
	peer_rig_free(x);
}
END_TEST

START_TEST(what_the_catch_up_passed_is_requested)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_DATAGRAM);
	peer_rig_data(x, 1, 3);
	peer_path_down(x->peer, x->now, 0, 0);
	peer_rig_up(x, PATH_DATAGRAM);
	peer_rig_hello(x, 4, 4);
	peer_rig_hear(x);
	peer_rig_heartbeat(x, 4, 1);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "");
	peer_rig_heartbeat(x, 4, 3);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "1:1+2");
	peer_rig_free(x);
}
END_TEST

/* Another epoch: the numbers begin anew, the books go on, and data flows. */
START_TEST(a_relay_restart)
{
	for (uint32_t greetings = 1; greetings < 4; greetings++) {
		struct peer_rig *x = peer_rig_new((struct peer_options){0});
		const struct peer_book *b;

		peer_rig_open(x, PATH_STREAM);
		for (uint32_t i = 1; i < greetings; i++) {
			peer_path_down(x->peer, x->now, 0, 0);
			peer_rig_open(x, PATH_STREAM);
		}
		peer_rig_data(x, 1, 1);
		peer_rig_data(x, 1, 4);
		peer_rig_heartbeat(x, 7, 5);
		peer_path_down(x->peer, x->now, 0, 0);
		x->epoch++;
		x->greeting = 0;
		peer_rig_up(x, PATH_STREAM);
		peer_rig_hello(x, 1, 1);
		peer_rig_hear(x);
		ck_assert_msg(peer_session_state(x->peer, 0) == SESSION_OPEN,
			      "not open after a restart; greetings before: %u",
			      greetings);
		ck_assert_uint_eq(x->epochs, 2);
		ck_assert_uint_eq(x->epoch_before, RIG_EPOCH);
		ck_assert_uint_eq(x->lost[LOST_RESTART], 4); /* 2, 3, 5, 6 */
		peer_rig_data(x, 1, 1);
		peer_rig_data(x, 1, 2);
		peer_rig_emit(x, 10, EMIT_SENT);
		peer_rig_expect(x, "1.1 1.4 1.1 1.2");
		peer_rig_balance(x);
		b = &peer_rig_find(x, 1)->book;
		ck_assert_uint_eq(figure(&b->expected), 8);
		ck_assert_uint_eq(figure(&b->emitted), 4);
		ck_assert_uint_eq(peer_channel_count(x->peer, 0), RIG_CHANNELS);
		peer_rig_free(x);
	}
}
END_TEST

START_TEST(channels_of_a_former_epoch_make_room)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){.channels_max = 2});
	struct wire_channel c[RIG_CHANNELS];

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 1);
	peer_rig_emit(x, 1, EMIT_SENT);
	x->epoch++;
	x->greeting = 5;
	for (uint16_t i = 0; i < RIG_CHANNELS; i++)
		c[i] = peer_rig_channel(i, 1, 1);
	wire_set_name(&c[1].name, "new");
	frames_hello(&x->in, peer_rig_greeting(x), c, RIG_CHANNELS);
	ck_assert_int_gt(peer_rig_say(x), 0);
	peer_rig_hear(x);
	ck_assert_int_eq(peer_session_state(x->peer, 0), SESSION_OPEN);
	ck_assert_str_eq(peer_rig_find(x, 1)->name, "new");
	peer_rig_data(x, 1, 1);
	ck_assert_uint_eq(peer_rig_emit(x, 1, EMIT_SENT), 1);
	peer_rig_free(x);
}
END_TEST

START_TEST(silence_closes_a_path)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_STREAM);
	peer_rig_wait(x, RIG_TIMEOUT_NS - 1);
	ck_assert_uint_eq(x->closes, 0);
	peer_rig_data(x, 1, 1);
	peer_rig_wait(x, RIG_TIMEOUT_NS - 1);
	ck_assert_uint_eq(x->closes, 0);
	peer_rig_wait(x, 1);
	ck_assert_uint_eq(x->closes, 1);
	ck_assert_int_eq(x->closed_for, WIRE_BYE_TIMEOUT);
	ck_assert_uint_eq(figure(&peer_figures(x->peer, 0)->path_timeouts), 1);
	peer_rig_emit(x, 1, EMIT_SENT);
	peer_rig_free(x);
}
END_TEST

START_TEST(the_relay_says_bye)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_STREAM);
	frames_bye(&x->in, WIRE_BYE_DRAINED);
	ck_assert_int_gt(peer_rig_say(x), 0);
	ck_assert_uint_eq(x->byes, 1);
	ck_assert_uint_eq(x->bye_reason, WIRE_BYE_DRAINED);
	ck_assert_int_eq(peer_session_state(x->peer, 0), SESSION_CLOSED);
	peer_rig_free(x);
}
END_TEST

/* ---- the interface, memory ---- */

START_TEST(stale_is_not_emitted)
{
	struct peer_rig *x =
		peer_rig_new((struct peer_options){.max_age_ns = 50 * NS_PER_MS});

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 1);
	peer_rig_wait(x, 30 * NS_PER_MS);
	peer_rig_data(x, 1, 2);
	peer_rig_wait(x, 20 * NS_PER_MS);
	peer_rig_data(x, 1, 3);
	ck_assert_uint_eq(peer_rig_emit(x, 1, EMIT_SENT), 1); /* 50 ms is not more */
	peer_rig_wait(x, 31 * NS_PER_MS);
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 1);
	peer_rig_expect(x, "1.1 1.3");
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->book.stale), 1);
	peer_rig_free(x);
}
END_TEST

/* Ages are told by the relay's clock, which is half a second behind. */
START_TEST(staleness_knows_the_clocks_apart)
{
	struct peer_rig *x =
		peer_rig_new((struct peer_options){.max_age_ns = 50 * NS_PER_MS});
	struct wire_timing t;

	peer_rig_open(x, PATH_STREAM);
	peer_rig_heartbeat(x, 1, 1);
	peer_rig_hear(x);
	peer_rig_wait(x, 4 * NS_PER_MS);
	t = (struct wire_timing){.sent_mono_ns = 1,
				 .sent_utc_ns = x->now.utc.ns - 500 * NS_PER_MS -
						2 * NS_PER_MS,
				 .echo_mono_ns = x->now.mono.ns - 4 * NS_PER_MS};
	frames_books(&x->in, WIRE_HEARTBEAT, 0, t, NULL, 0);
	ck_assert_int_gt(peer_rig_say(x), 0);
	ck_assert_int_eq(timing_offset_ns(peer_path_timing(x->peer, 0, 0)),
			 500 * NS_PER_MS);
	x->now.utc.ns -= 520 * NS_PER_MS;
	peer_rig_put_data(x, 0, 1, 1, 10);
	x->now.utc.ns += 520 * NS_PER_MS;
	ck_assert_int_gt(peer_rig_say(x), 0);
	ck_assert_uint_eq(peer_rig_emit(x, 1, EMIT_SENT), 1);
	peer_rig_free(x);
}
END_TEST

/* Whatever a relay says of its clock. */
START_TEST(times_that_cannot_be)
{
	static const int64_t times[] = {INT64_MIN, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
	struct peer_rig *x = peer_rig_new((struct peer_options){.max_age_ns = 1});
	uint64_t seq = 1;

	peer_rig_open(x, PATH_DATAGRAM);
	for (size_t i = 0; i < 36; i++) {
		struct wire_timing t = {.sent_mono_ns = 1,
					.sent_utc_ns = times[i / 6],
					.echo_mono_ns = x->now.mono.ns - 1};
		struct wire_data d = {.channel = 1,
				      .seq = {seq},
				      .captured = {times[i % 6]},
				      .payload = (const uint8_t *)"0123456789",
				      .len = 10};

		frames_books(&x->in, WIRE_HEARTBEAT, 0, t, NULL, 0);
		(void)peer_rig_say(x);
		frames_data(&x->in, 0, &d);
		/* refused, or stale, or emitted; but nothing overflows */
		if (peer_rig_say(x) > 0)
			seq++;
		peer_rig_emit(x, 1, EMIT_ERROR);
	}
	ck_assert_uint_gt(seq, 1);
	peer_rig_free(x);
}
END_TEST

/* However far a relay counts, and however often, the books hold. */
START_TEST(numbers_that_cannot_be)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	for (uint32_t i = 0; i < 5; i++) {
		x->epoch++;
		x->greeting = i * 7;
		peer_rig_open(x, PATH_STREAM);
		peer_rig_data(x, 1, 1);
		peer_rig_emit(x, 1, EMIT_SENT);
		peer_rig_verdict(x, WIRE_AGED, 2, WIRE_SEQ_MAX, 0);
		peer_rig_verdict(x, WIRE_AGED, WIRE_SEQ_MAX, WIRE_SEQ_MAX, 0);
		peer_rig_heartbeat(x, WIRE_SEQ_MAX, WIRE_SEQ_MAX);
		peer_rig_balance(x);
		peer_path_down(x->peer, x->now, 0, 0);
	}
	peer_rig_free(x);
}
END_TEST

START_TEST(refused_by_the_interface)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	const struct peer_book *b;

	peer_rig_open(x, PATH_STREAM);
	for (uint64_t seq = 1; seq <= 6; seq++)
		peer_rig_data(x, 1, seq);
	ck_assert_uint_eq(peer_rig_emit(x, 1, EMIT_OVERSIZE), 1);
	ck_assert_uint_eq(peer_rig_emit(x, 2, EMIT_ERROR), 2);
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 3);
	peer_rig_expect(x, "1.4 1.5 1.6");
	b = &peer_rig_find(x, 1)->book;
	ck_assert_uint_eq(figure(&b->refused_oversize), 1);
	ck_assert_uint_eq(figure(&b->refused_error), 2);
	ck_assert_uint_eq(figure(&b->emitted), 3);
	peer_rig_free(x);
}
END_TEST

START_TEST(the_longest_datagram)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	struct outgoing out;

	peer_rig_open(x, PATH_STREAM);
	peer_rig_put_data(x, 0, 1, 1, DATAGRAM_BYTES_MAX);
	ck_assert_int_gt(peer_rig_say(x), 0);
	ck_assert_uint_eq(peer_ready(x->peer, x->now, &out, 1), 1);
	ck_assert_uint_eq(out.len, DATAGRAM_BYTES_MAX);
	ck_assert_uint_le(out.iov_count, EMIT_IOV_MAX);
	ck_assert_uint_eq(peer_rig_emit(x, 1, EMIT_SENT), 1);
	peer_rig_free(x);
}
END_TEST

/* While the interface takes nothing, a stream is left unread: nothing is lost. */
START_TEST(a_full_interface_stops_a_stream)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){.pool_chunks = 40});
	size_t waiting;

	peer_rig_open(x, PATH_STREAM);
	for (uint64_t seq = 1; seq <= 60; seq++)
		peer_rig_put_data(x, 0, 1, seq, 10);
	ck_assert_int_gt(peer_rig_say(x), 0);
	waiting = x->in.len;
	ck_assert_uint_gt(waiting, 0);
	ck_assert(!peer_may_read(x->peer, 0, 0));
	peer_rig_wait(x, 2 * RIG_TIMEOUT_NS);
	ck_assert_uint_eq(x->closes, 0); /* it is not the relay that is silent */
	ck_assert_uint_eq(peer_rig_emit(x, 60, EMIT_SENT), 40);
	ck_assert(peer_may_read(x->peer, 0, 0));
	ck_assert_int_eq(peer_rig_say(x), (long)waiting);
	ck_assert_uint_eq(peer_rig_emit(x, 60, EMIT_SENT), 20);
	for (size_t i = 0; i < 60; i++)
		ck_assert_uint_eq(x->emitted[i].seq, i + 1);
	peer_rig_free(x);
}
END_TEST

/* What waits behind a gap makes room for the gap itself. */
START_TEST(full_memory_does_not_stop_a_repair)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){.pool_chunks = 40});
	uint64_t requested;

	peer_rig_open(x, PATH_STREAM);
	for (uint64_t seq = 2; seq <= 50; seq++)
		peer_rig_data(x, 1, seq);
	peer_balance(x->peer);
	ck_assert_uint_eq(figure(&peer_rig_find(x, 1)->book.held), 40);
	peer_rig_repair(x, 1, 1);
	peer_rig_hear(x);
	ck_assert_uint_eq(peer_rig_emit(x, 60, EMIT_SENT), 40);
	ck_assert_uint_gt(figure(&peer_rig_find(x, 1)->book.refused_memory), 0);
	/* the heartbeat tells of the rest, which then comes again */
	peer_rig_heartbeat(x, 51, 51);
	peer_rig_wait(x, 10 * NS_PER_MS);
	requested = figure(&peer_figures(x->peer, 0)->requested);
	peer_rig_hear(x);
	requested = figure(&peer_figures(x->peer, 0)->requested) - requested;
	ck_assert_uint_eq(requested, 10);
	for (uint64_t seq = 41; seq <= 50; seq++)
		peer_rig_repair(x, 1, seq);
	ck_assert_uint_eq(peer_rig_emit(x, 60, EMIT_SENT), 10);
	for (size_t i = 0; i < 50; i++)
		ck_assert_uint_eq(x->emitted[i].seq, i + 1);
	peer_rig_free(x);
}
END_TEST

/* ---- the end ---- */

START_TEST(draining_ends_with_the_final_report)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	struct wire_frame f, last;

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 1);
	peer_rig_data(x, 1, 2);
	peer_rig_data(x, 1, 4);
	peer_drain(x->peer);
	peer_rig_data(x, 1, 3); /* not taken in any more */
	ck_assert(!peer_drained(x->peer));
	peer_rig_emit(x, 1, EMIT_SENT);
	ck_assert(!peer_drained(x->peer));
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.1 1.2");
	ck_assert(!peer_drained(x->peer)); /* BYE is to be said */
	ck_assert_int_eq(said_bye(x), WIRE_BYE_SHUTDOWN);
	ck_assert_uint_eq(peer_rig_reported(x), 3);
	f = frames_last(&x->out, WIRE_REPORT);
	last = frames_last(&x->out, WIRE_BYE);
	ck_assert(f.flags & WIRE_BOOKS);
	ck_assert(last.body > f.body);
	ck_assert(peer_drained(x->peer));
	ck_assert_int_eq(peer_session_state(x->peer, 0), SESSION_CLOSED);
	peer_rig_free(x);
}
END_TEST

/* The successor resumes at the gap: what is beyond it must not come out twice. */
START_TEST(draining_an_immediate_channel_gives_up_its_gaps)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){.immediate = true});

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 1, 1);
	peer_rig_data(x, 1, 4);
	peer_drain(x->peer);
	peer_rig_emit(x, 10, EMIT_SENT);
	ck_assert(!peer_drained(x->peer));
	ck_assert_int_eq(said_bye(x), WIRE_BYE_SHUTDOWN);
	ck_assert_uint_eq(peer_rig_reported(x), 5);
	ck_assert_uint_eq(x->lost[LOST_DRAIN], 2);
	peer_rig_free(x);
}
END_TEST

START_TEST(draining_without_a_path)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_drain(x->peer);
	ck_assert(peer_drained(x->peer));
	peer_rig_free(x);
}
END_TEST

/* The relay dials again while we leave: that must not keep us. */
START_TEST(a_path_that_comes_while_draining)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_STREAM);
	peer_drain(x->peer);
	ck_assert(!peer_drained(x->peer));
	ck_assert_int_eq(said_bye(x), WIRE_BYE_SHUTDOWN);
	peer_path_down(x->peer, x->now, 0, 0);
	peer_rig_up(x, PATH_STREAM);
	(void)peer_drained(x->peer);
	peer_rig_hear(x);
	ck_assert(peer_drained(x->peer));
	peer_rig_free(x);
}
END_TEST

/* ---- */

static void
add_greeting(Suite *s)
{
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
}

static void
add_data(Suite *s)
{
	TCase *t = tcase_create("data");

	tcase_add_test(t, in_order);
	tcase_add_test(t, on_arrival);
	tcase_add_test(t, nothing_is_reported_before_it_is_emitted);
	tcase_add_test(t, a_gap_is_requested_until_it_is_filled);
	tcase_add_test(t, a_first_request_is_held_off);
	tcase_add_test(t, many_gaps_are_requested_at_once);
	tcase_add_test(t, a_lost_tail_is_found_by_the_heartbeat);
	tcase_add_test(t, a_gap_is_given_up_by_age);
	tcase_add_test(t, nothing_is_given_up_in_the_dark);
	tcase_add_test(t, verdicts_end_the_waiting);
	tcase_add_test(t, aged_beyond_what_was_seen);
	tcase_add_test(t, throttled_is_asked_again_later);
	tcase_add_test(t, throttled_for_ever_does_not_block);
	tcase_add_test(t, the_window_moves_on);
	tcase_add_test(t, a_heartbeat_is_answered_at_once);
	tcase_add_test(t, progress_is_told_without_a_heartbeat);
	tcase_add_test(t, marks_are_read);
	tcase_add_test(t, an_unknown_channel_is_counted);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
}

static void
add_life(Suite *s)
{
	TCase *t = tcase_create("life");

	tcase_add_test(t, a_reconnect_resumes);
	tcase_add_test(t, what_the_catch_up_passed_is_requested);
	tcase_add_test(t, a_relay_restart);
	tcase_add_test(t, channels_of_a_former_epoch_make_room);
	tcase_add_test(t, silence_closes_a_path);
	tcase_add_test(t, the_relay_says_bye);
	tcase_add_test(t, stale_is_not_emitted);
	tcase_add_test(t, staleness_knows_the_clocks_apart);
	tcase_add_test(t, times_that_cannot_be);
	tcase_add_test(t, numbers_that_cannot_be);
	tcase_add_test(t, refused_by_the_interface);
	tcase_add_test(t, the_longest_datagram);
	tcase_add_test(t, a_full_interface_stops_a_stream);
	tcase_add_test(t, full_memory_does_not_stop_a_repair);
	tcase_add_test(t, draining_ends_with_the_final_report);
	tcase_add_test(t, draining_an_immediate_channel_gives_up_its_gaps);
	tcase_add_test(t, draining_without_a_path);
	tcase_add_test(t, a_path_that_comes_while_draining);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
}

int
main(void)
{
	Suite *s = suite_create("peer");
	SRunner *sr;
	int failed;

	add_greeting(s);
	add_data(s);
	add_life(s);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
