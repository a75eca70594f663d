/* SPDX-License-Identifier: Apache-2.0 */
/* The peer's core in scripted conversations with a relay of hand-made frames: what
 * arrives, what is missing, and what is said of both. */
#include <string.h>

#include "peer_rig.h"
#include "suite.h"

#define RTT_GUESS_NS   (5 * NS_PER_MS) /* before one is measured */
#define RETRY_FLOOR_NS (200 * NS_PER_US)

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
	ck_assert_uint_eq(counter_get(&b->received), 6);
	ck_assert_uint_eq(counter_get(&b->emitted), 4);
	ck_assert_uint_eq(counter_get(&b->duplicate), 2);
	ck_assert_uint_eq(counter_get(&b->expected), 4);
	ck_assert_uint_eq(counter_get(&peer_figures(x->peer, 0)->gaps), 1);
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
	ck_assert_uint_eq(counter_get(&peer_figures(x->peer, 0)->repaired), 1);
	ck_assert_uint_eq(counter_get(&peer_figures(x->peer, 0)->repairs), 2);
	ck_assert_uint_eq(counter_get(&peer_figures(x->peer, 0)->repairs_wasted), 1);
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
	ck_assert_uint_eq(counter_get(&peer_figures(x->peer, 0)->repaired), 4);
	ck_assert_uint_eq(counter_get(&peer_figures(x->peer, 0)->requests), 4);
	ck_assert_uint_eq(counter_get(&peer_figures(x->peer, 0)->requested), 6);
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
	ck_assert_uint_eq(counter_get(&peer_figures(x->peer, 0)->requested), 400);
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
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->book.missing), 4);
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->book.expected), 5);
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
	ck_assert_uint_gt(counter_get(&peer_figures(x->peer, 0)->requests), 5);
	peer_rig_wait(x, NS_PER_MS);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.3");
	ck_assert_uint_eq(x->lost[LOST_GIVE_UP], 2);
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->book.lost_give_up), 2);
	peer_rig_data(x, 1, 2);
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 0);
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->book.late), 1);
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
	ck_assert_uint_eq(counter_get(&peer_figures(x->peer, 0)->verdicts_aged), 1);
	ck_assert_uint_eq(counter_get(&peer_figures(x->peer, 0)->verdicts_never), 1);
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
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->book.expected), 1000);
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
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->relay.owed), 5);
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->relay.sent), 4);
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->relay.shed_age), 1);
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->relay.shed_bytes), 0);
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
	ck_assert_uint_eq(
		counter_get(&peer_figures(x->peer, 0)->dropped[DROP_INTERFACE]), 70);
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 0)->book.emitted), 3);
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 0)->book.duplicate), 1);
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 0);
	peer_rig_free(x);
}
END_TEST

START_TEST(an_unknown_channel_is_counted)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_STREAM);
	peer_rig_data(x, 9, 1);
	ck_assert_uint_eq(counter_get(&peer_figures(x->peer, 0)->unknown_channel), 1);
	peer_rig_put_data(x, 0, 0, 1, 10); /* the lane's own carries marks only */
	ck_assert_int_eq(peer_rig_say(x), -1);
	peer_rig_free(x);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("peer");
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
	return suite_run(s);
}
