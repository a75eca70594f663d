/* SPDX-License-Identifier: Apache-2.0 */
/* Channels that come, move and go while a bridge runs, both cores in one process: at
 * any moment of a session, and of its history. */
#include "change_rig.h"
#include "suite.h"

/* ---- at any moment of a session ---- */

START_TEST(changes_while_nobody_is_there)
{
	struct change_rig *x = change_rig_new(
		(struct change_options){.kind = change_rig_kinds[_i], .names = "ab"});

	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 3);
	change_rig_up(x, 0, 0);
	change_rig_settle(x);
	change_rig_expect_all(x, 0, 'c');
	change_rig_down(x, 0, 0);
	change_rig_list(x, 'a', 1);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'a', 3);
	change_rig_list(x, 'a', 2);
	change_rig_list(x, 'd', 2);
	change_rig_unlist(x, 'b');
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'a', 3);
	change_rig_feed(x, 'd', 3);
	change_rig_run(x, 50 * NS_PER_MS);
	change_rig_up(x, 0, 0);
	change_rig_settle(x);
	for (const char *name = "abcd"; *name != '\0'; name++)
		change_rig_expect_all(x, 0, *name);
	/* The greeting knew all of it; the changes came again, in their order. */
	change_rig_expect_place(x, 0, 'a', 2);
	change_rig_expect_place(x, 0, 'd', 2);
	ck_assert_int_eq(gauge_get(&change_rig_find(x, 0, 'b')->is_withdrawn), 1);
	ck_assert_uint_eq(change_rig_find(x, 0, 'a')->group, change_rig_group('a', 2));
	change_rig_free(x);
}
END_TEST

/* HELLO is on its way, and the relay is told of more. */
START_TEST(changes_while_greeting)
{
	struct change_rig *x = change_rig_new(
		(struct change_options){.kind = change_rig_kinds[_i], .names = "ab"});
	struct peer *p = x->peers[0].peer;
	size_t n;

	change_rig_up(x, 0, 0);
	n = relay_fill(x->relay, x->now, 0, 0, x->buf, 1400, 1400);
	ck_assert_uint_gt(n, 0);
	ck_assert_int_eq(peer_input(p, x->now, 0, 0, x->buf, n), (long)n);
	change_rig_list(x, 'a', 1);
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 2);
	change_rig_feed(x, 'a', 2);
	/* Now the answer to the first HELLO comes: it is no answer any more. */
	n = peer_fill(p, x->now, 0, 0, x->buf, 1400, 1400);
	ck_assert_uint_gt(n, 0);
	ck_assert_int_eq(relay_input(x->relay, x->now, 0, 0, x->buf, n), (long)n);
	ck_assert_int_eq(change_rig_state(x, 0), SESSION_GREETING);
	change_rig_settle(x);
	ck_assert_uint_eq(relay_session(x->relay, 0)->greeting.number, 2);
	change_rig_expect_all(x, 0, 'a');
	change_rig_expect_all(x, 0, 'c');
	change_rig_expect_place(x, 0, 'a', 1);
	change_rig_free(x);
}
END_TEST

/* A HELLO that the line held back must not take a change back. */
START_TEST(a_late_hello_moves_nothing_back)
{
	struct change_rig *x = change_rig_new(
		(struct change_options){.kind = PATH_DATAGRAM, .names = "ab"});
	struct peer *p = x->peers[0].peer;
	static uint8_t hello[1400];
	size_t n;

	change_rig_up(x, 0, 0);
	n = relay_fill(x->relay, x->now, 0, 0, hello, sizeof hello, sizeof hello);
	ck_assert_uint_gt(n, 0);
	ck_assert_int_eq(peer_input(p, x->now, 0, 0, hello, n), (long)n);
	change_rig_settle(x);
	change_rig_list(x, 'a', 1);
	change_rig_unlist(x, 'b');
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'a', 2);
	change_rig_run(x, 20 * NS_PER_MS);
	change_rig_expect_place(x, 0, 'a', 1);
	ck_assert_int_eq(peer_input(p, x->now, 0, 0, hello, n), (long)n);
	change_rig_feed(x, 'a', 2);
	change_rig_settle(x);
	change_rig_expect_place(x, 0, 'a', 1);
	ck_assert_int_eq(gauge_get(&change_rig_find(x, 0, 'b')->is_withdrawn), 1);
	change_rig_expect_all(x, 0, 'a');
	change_rig_free(x);
}
END_TEST

START_TEST(changes_while_a_second_path_joins)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = change_rig_kinds[_i], .names = "ab"});
	const struct relay_session *s = relay_session(x->relay, 0);
	size_t n;

	change_rig_up(x, 0, 1);
	/* Its HELLO is on the way. */
	n = relay_fill(x->relay, x->now, 0, 1, x->buf, 1400, 1400);
	ck_assert_uint_gt(n, 0);
	ck_assert_int_eq(peer_input(x->peers[0].peer, x->now, 0, 1, x->buf, n),
			 (long)n);
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 3);
	change_rig_settle(x);
	ck_assert_uint_eq(s->open_paths, 2);
	ck_assert_uint_eq(s->greeting.number, 1);
	change_rig_list(x, 'd', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'd', 3);
	change_rig_settle(x);
	/* Each brings it alone as well. */
	for (unsigned int dark = 0; dark < RIG_PATHS; dark++) {
		x->peers[0].dark[dark] = true;
		change_rig_list(x, 'a', 1 + dark);
		change_rig_list(x, (char)('e' + dark), 0);
		ck_assert(change_rig_reload(x));
		change_rig_feed(x, (char)('e' + dark), 3);
		change_rig_feed(x, 'a', 3);
		change_rig_run(x, 20 * NS_PER_MS);
		change_rig_expect_place(x, 0, 'a', 1 + dark);
		x->peers[0].dark[dark] = false;
		change_rig_run(x, 20 * NS_PER_MS);
	}
	change_rig_settle(x);
	for (const char *name = "abcdef"; *name != '\0'; name++)
		change_rig_expect_all(x, 0, *name);
	change_rig_free(x);
}
END_TEST

START_TEST(changes_for_two_peers)
{
	struct change_rig *x = change_rig_new((struct change_options){
		.kind = change_rig_kinds[_i], .peers = 2, .names = "ab"});

	change_rig_up(x, 0, 0);
	change_rig_run(x, 50 * NS_PER_MS);
	change_rig_list(x, 'c', 0);
	change_rig_list(x, 'a', 1);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 3);
	change_rig_feed(x, 'a', 3);
	change_rig_run(x, 50 * NS_PER_MS);
	change_rig_up(x, 1, 0);
	change_rig_settle(x);
	change_rig_unlist(x, 'b');
	change_rig_list(x, 'c', 1);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 3);
	change_rig_settle(x);
	for (unsigned int i = 0; i < 2; i++) {
		for (const char *name = "ac"; *name != '\0'; name++)
			change_rig_expect_all(x, i, *name);
		change_rig_expect_place(x, i, 'a', 1);
		change_rig_expect_place(x, i, 'c', 1);
		ck_assert_int_eq(gauge_get(&change_rig_find(x, i, 'b')->is_withdrawn),
				 1);
	}
	change_rig_free(x);
}
END_TEST

START_TEST(a_peer_restarts_in_between)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = change_rig_kinds[_i], .names = "ab"});

	change_rig_list(x, 'c', 0);
	change_rig_list(x, 'a', 1);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 3);
	change_rig_settle(x);
	change_rig_restart_peer(x, 0);
	change_rig_list(x, 'c', 1);
	change_rig_list(x, 'd', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 3);
	change_rig_feed(x, 'd', 3);
	change_rig_up(x, 0, 0);
	change_rig_settle(x);
	change_rig_list(x, 'd', 1);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'd', 3);
	change_rig_feed(x, 'a', 3);
	change_rig_settle(x);
	for (const char *name = "acd"; *name != '\0'; name++) {
		change_rig_expect_all(x, 0, *name);
		change_rig_expect_place(x, 0, *name, 1);
	}
	change_rig_free(x);
}
END_TEST

START_TEST(the_relay_restarts)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = change_rig_kinds[_i], .names = "ab"});
	const struct peer_channel *a = change_rig_find(x, 0, 'a');

	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 3);
	change_rig_feed(x, 'a', 3);
	change_rig_settle(x);
	change_rig_unlist(x, 'b');
	change_rig_list(x, 'd', 0);
	change_rig_restart_relay(x); /* the ids are others: c is 2, d is 3 */
	change_rig_up(x, 0, 0);
	change_rig_feed(x, 'c', 3);
	change_rig_settle(x);
	ck_assert_uint_eq(change_rig_find(x, 0, 'c')->id, 2);
	ck_assert_ptr_eq(change_rig_find(x, 0, 'a'), a);
	change_rig_list(x, 'b', 1);
	change_rig_list(x, 'a', 1);
	ck_assert(change_rig_reload(x));
	ck_assert_uint_eq(change_rig_id(x, 'b'), 4);
	change_rig_feed(x, 'a', 3);
	change_rig_feed(x, 'b', 3);
	change_rig_feed(x, 'd', 3);
	change_rig_settle(x);
	for (const char *name = "abcd"; *name != '\0'; name++)
		change_rig_expect_all(x, 0, *name);
	change_rig_expect_place(x, 0, 'a', 1);
	change_rig_expect_place(x, 0, 'b', 1);
	change_rig_free(x);
}
END_TEST

/* ---- what the history no longer has ---- */

START_TEST(a_change_that_left_the_history_is_greeted)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = change_rig_kinds[_i],
					.names = "ab",
					.history_age_ns = 200 * NS_PER_MS});

	change_rig_feed(x, 'a', 2);
	change_rig_settle(x);
	x->lose =
		change_rig_lose_changes; /* for a stream that is a dark path's backlog */
	x->peers[0].dark[0] = true;
	change_rig_list(x, 'a', 1);
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 5);
	change_rig_run(x, 700 * NS_PER_MS);
	ck_assert_ptr_null(change_rig_find(x, 0, 'c'));
	ck_assert_uint_ge(relay_session(x->relay, 0)->greeting.number, 2);
	if (change_rig_kinds[_i] == PATH_STREAM) {
		/* A stream that loses is dead: it is dialled anew. */
		change_rig_down(x, 0, 0);
		change_rig_up(x, 0, 0);
	}
	x->peers[0].dark[0] = false;
	change_rig_run(x, 500 * NS_PER_MS);
	change_rig_feed(x, 'c', 5);
	change_rig_feed(x, 'a', 5);
	change_rig_settle(x);
	change_rig_expect_place(x, 0, 'a', 1);
	change_rig_expect_place(x, 0, 'c', 0);
	ck_assert_uint_eq(x->peers[0].receivers[2].count, 5);
	ck_assert_uint_eq(counter_get(&change_rig_find(x, 0, 'c')->book.lost_aged), 5);
	change_rig_expect_all(x, 0, 'a');
	change_rig_free(x);
}
END_TEST

START_TEST(a_change_that_aged_is_told_while_draining)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = PATH_DATAGRAM,
					.names = "a",
					.history_age_ns = 200 * NS_PER_MS});

	x->lose = change_rig_lose_changes;
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 5);
	change_rig_run(x, 10 * NS_PER_MS);
	relay_drain(x->relay, false);
	change_rig_run(x, NS_PER_S);
	ck_assert(relay_drained(x->relay));
	ck_assert_uint_eq(x->peers[0].lost, 5); /* and so they are known of */
	change_rig_free(x);
}
END_TEST

START_TEST(a_change_for_which_there_is_no_room)
{
	static char file[] = "bench.pcap";
	struct change_rig *x = change_rig_new((struct change_options){
		.kind = change_rig_kinds[_i], .names = "a", .history_bytes = 64 << 10});

	/* A file's history is pinned: what no peer has settled cannot go. */
	relay_free(x->relay);
	x->settings.capture.file = file;
	change_rig_restart_relay(
		(x->relay = relay_new(&x->settings, 0, 1, x->now, NULL, NULL), x));
	change_rig_up(x, 0, 0);
	change_rig_settle(x);
	x->peers[0].dark[0] = true;
	for (int i = 0; i < 1000; i++)
		change_rig_feed(x, 'a', 1);
	ck_assert_uint_gt(counter_get(&relay_channel(x->relay, 1)->book.refused), 0);
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	ck_assert_uint_eq(counter_get(&relay_channel(x->relay, 0)->book.refused), 1);
	x->peers[0].dark[0] = false;
	ck_assert_uint_eq(relay_session(x->relay, 0)->greeting.number, 2);
	change_rig_run(x, 500 * NS_PER_MS);
	ck_assert_ptr_nonnull(change_rig_find(x, 0, 'c'));
	change_rig_free(x);
}
END_TEST

/* ---- the end ---- */

START_TEST(a_channel_comes_amid_the_final_books)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = change_rig_kinds[_i], .names = "a"});

	change_rig_feed(x, 'a', 5);
	change_rig_settle(x);
	relay_drain(x->relay, true);
	relay_tick(x->relay, x->now);
	ck_assert(relay_session(x->relay, 0)->drain.final);
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 5);
	change_rig_run(x, NS_PER_S);
	ck_assert(relay_drained(x->relay));
	change_rig_expect_all(x, 0, 'c');
	ck_assert_uint_eq(
		counter_get(&relay_session(x->relay, 0)->outlets[2].peer.emitted), 5);
	change_rig_free(x);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("change");
	TCase *t = tcase_create("when it changes");

	tcase_add_loop_test(t, changes_while_nobody_is_there, 0, 2);
	tcase_add_loop_test(t, changes_while_greeting, 0, 2);
	tcase_add_test(t, a_late_hello_moves_nothing_back);
	tcase_add_loop_test(t, changes_while_a_second_path_joins, 0, 2);
	tcase_add_loop_test(t, changes_for_two_peers, 0, 2);
	tcase_add_loop_test(t, a_peer_restarts_in_between, 0, 2);
	tcase_add_loop_test(t, the_relay_restarts, 0, 2);
	tcase_add_loop_test(t, a_change_that_left_the_history_is_greeted, 0, 2);
	tcase_add_test(t, a_change_that_aged_is_told_while_draining);
	tcase_add_loop_test(t, a_change_for_which_there_is_no_room, 0, 2);
	tcase_add_loop_test(t, a_channel_comes_amid_the_final_books, 0, 2);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
