/* SPDX-License-Identifier: Apache-2.0 */
/* The relay's core in scripted conversations with peers of hand-made frames: its
 * heartbeats, capture files, and the end. */
#include "relay_rig.h"
#include "suite.h"

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
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->peer.emitted), 3);
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
	ck_assert_uint_eq(counter_get(&relay_figures(x->relay)->path_timeouts), 1);
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
	ck_assert_uint_eq(counter_get(&relay_channel(x->relay, 1)->book.refused), 0);
	ck_assert_uint_eq(counter_get(&relay_channel(x->relay, 1)->book.captured),
			  captured);
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
static enum wire_bye
run_to_bye(struct relay_rig *x, unsigned int remote)
{
	mono_t limit = mono_add(x->now.mono, 10 * NS_PER_S);

	while (mono_before(x->now.mono, limit)) {
		relay_rig_hear_on(x, remote, 0);
		if (frames_count(&x->out, WIRE_BYE) > 0)
			return frames_last_bye(&x->out);
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
	ck_assert_uint_eq(counter_get(&relay_rig_outlet(x, 1)->peer.emitted), 10);
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

int
main(void)
{
	Suite *s = suite_create("relay");
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
	return suite_run(s);
}
