/* SPDX-License-Identifier: Apache-2.0 */
/* The peer's core in scripted conversations with a relay of hand-made frames: paths
 * and epochs that end, an interface and memory that are full, and the end of all. */
#include "peer_rig.h"
#include "suite.h"

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
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->book.duplicate), 1);
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
		ck_assert_uint_eq(counter_get(&b->expected), 8);
		ck_assert_uint_eq(counter_get(&b->emitted), 4);
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
		c[i] = core_rig_announced(i, 1, 1);
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
	ck_assert_uint_eq(counter_get(&peer_figures(x->peer, 0)->path_timeouts), 1);
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
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->book.stale), 1);
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
	ck_assert_uint_eq(counter_get(&b->refused_oversize), 1);
	ck_assert_uint_eq(counter_get(&b->refused_error), 2);
	ck_assert_uint_eq(counter_get(&b->emitted), 3);
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
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->book.held), 40);
	peer_rig_repair(x, 1, 1);
	peer_rig_hear(x);
	ck_assert_uint_eq(peer_rig_emit(x, 60, EMIT_SENT), 40);
	ck_assert_uint_gt(counter_get(&peer_rig_find(x, 1)->book.refused_memory), 0);
	/* the heartbeat tells of the rest, which then comes again */
	peer_rig_heartbeat(x, 51, 51);
	peer_rig_wait(x, 10 * NS_PER_MS);
	requested = counter_get(&peer_figures(x->peer, 0)->requested);
	peer_rig_hear(x);
	requested = counter_get(&peer_figures(x->peer, 0)->requested) - requested;
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
	ck_assert_int_eq(peer_rig_said_bye(x), WIRE_BYE_SHUTDOWN);
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
	ck_assert_int_eq(peer_rig_said_bye(x), WIRE_BYE_SHUTDOWN);
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
	ck_assert_int_eq(peer_rig_said_bye(x), WIRE_BYE_SHUTDOWN);
	peer_path_down(x->peer, x->now, 0, 0);
	peer_rig_up(x, PATH_STREAM);
	(void)peer_drained(x->peer);
	peer_rig_hear(x);
	ck_assert(peer_drained(x->peer));
	peer_rig_free(x);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("peer");
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
	return suite_run(s);
}
