/* SPDX-License-Identifier: Apache-2.0 */
/* Channels that come, move and go while a bridge runs, both cores in one process. */
#include "change_rig.h"
#include "path/quota.h"
#include "suite.h"

/* ---- what the line loses ---- */

static bool
lose_first_changes(struct change_rig *x, unsigned int peer, unsigned int slot,
		   const struct wire_frame *f)
{
	(void)x, (void)peer, (void)slot;
	return f->type == WIRE_CHANGE && !(f->flags & WIRE_REPAIR);
}

/* The first of them, for as long as a test wants. */
static bool
lose_one_change(struct change_rig *x, unsigned int peer, unsigned int slot,
		const struct wire_frame *f)
{
	struct wire_change c;

	(void)x, (void)peer, (void)slot;
	return f->type == WIRE_CHANGE && wire_get_change(f, &c) && c.seq.n == 1;
}

/* The first datagram of channel 1, for as long as a test wants. */
static bool
lose_one_datagram(struct change_rig *x, unsigned int peer, unsigned int slot,
		  const struct wire_frame *f)
{
	struct wire_data d;

	(void)x, (void)peer, (void)slot;
	return f->type == WIRE_DATA && wire_get_data(f, &d) && d.channel == 1 &&
	       d.seq.n == 1;
}

/* ---- a channel comes ---- */

START_TEST(a_channel_comes)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = change_rig_kinds[_i], .names = "ab"});
	const struct peer_channel *c;

	change_rig_feed(x, 'a', 5);
	change_rig_list(x, 'c', 3);
	ck_assert(change_rig_reload(x));
	ck_assert_uint_eq(change_rig_id(x, 'c'), 3);
	/* At the same instant: its first datagram comes right behind the change. */
	change_rig_feed(x, 'c', 1);
	change_rig_feed(x, 'a', 5);
	change_rig_run(x, 5 * NS_PER_MS);
	change_rig_expect_all(x, 0, 'c');
	for (int i = 0; i < 50; i++) {
		change_rig_feed(x, 'c', 3);
		change_rig_feed(x, 'b', 2);
		change_rig_run(x, NS_PER_MS);
	}
	change_rig_settle(x);
	for (const char *name = "abc"; *name != '\0'; name++)
		change_rig_expect_all(x, 0, *name);
	change_rig_expect_place(x, 0, 'c', 3);
	c = change_rig_find(x, 0, 'c');
	ck_assert_uint_eq(c->first.n, 1);
	ck_assert_uint_eq(counter_get(&c->book.emitted), 151);
	ck_assert_uint_eq(counter_get(&c->book.expected), 151);
	ck_assert_uint_eq(counter_get(&change_rig_figures(x)->unknown_channel), 0);
	ck_assert_uint_eq(counter_get(&change_rig_figures(x)->greetings), 1);
	change_rig_free(x);
}
END_TEST

START_TEST(data_overtakes_its_change)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = PATH_DATAGRAM, .names = "a"});

	x->lose = lose_first_changes;
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 20);
	change_rig_exchange(x);
	ck_assert_uint_ge(counter_get(&change_rig_figures(x)->unknown_channel), 20);
	ck_assert_ptr_null(change_rig_find(x, 0, 'c'));
	change_rig_feed(x, 'a', 20);
	change_rig_settle(x);
	change_rig_expect_all(x, 0, 'c');
	change_rig_expect_all(x, 0, 'a');
	ck_assert_uint_eq(x->peers[0].lost, 0);
	ck_assert_uint_ge(counter_get(&change_rig_figures(x)->repaired), 21);
	ck_assert_uint_eq(counter_get(&change_rig_figures(x)->greetings), 1);
	change_rig_free(x);
}
END_TEST

START_TEST(a_change_is_not_given_up)
{
	struct change_rig *x = change_rig_open((struct change_options){
		.kind = PATH_DATAGRAM, .names = "a", .give_up_ns = 20 * NS_PER_MS});

	x->lose = change_rig_lose_changes;
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	for (int i = 0; i < 50; i++) {
		change_rig_feed(x, 'c', 1);
		change_rig_feed(x, 'a', 1);
		change_rig_run(x, 10 * NS_PER_MS);
	}
	ck_assert_ptr_null(change_rig_find(x, 0, 'c'));
	x->lose = NULL;
	change_rig_settle(x);
	change_rig_expect_all(x, 0, 'c');
	change_rig_expect_all(x, 0, 'a');
	ck_assert_uint_eq(x->peers[0].lost, 0);
	change_rig_free(x);
}
END_TEST

START_TEST(more_changes_than_the_window_has)
{
	struct change_rig *x = change_rig_open((struct change_options){
		.kind = PATH_DATAGRAM, .names = "ab", .window = 64});

	x->lose = lose_one_change;
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	for (unsigned int i = 0; i < 300; i++) {
		change_rig_list(x, 'a', 1 + i % 5);
		ck_assert(change_rig_reload(x));
		change_rig_feed(x, 'a', 1);
		change_rig_run(x, NS_PER_MS);
	}
	change_rig_feed(x, 'c', 1);
	x->lose = NULL;
	change_rig_settle(x);
	change_rig_expect_all(x, 0, 'a');
	change_rig_expect_all(x, 0, 'c');
	ck_assert_uint_eq(x->peers[0].lost, 0);
	ck_assert_uint_eq(peer_book_lost(&peer_channel(x->peers[0].peer, 0, 0)->book),
			  0);
	change_rig_feed(x, 'a', 1);
	change_rig_run(x, 5 * NS_PER_MS);
	change_rig_expect_place(x, 0, 'a', 1 + 299 % 5);
	change_rig_free(x);
}
END_TEST

/* Its data was sent to the same process, which could not read it: none is passed
 * over as if a predecessor had emitted it. */
START_TEST(a_greeting_tells_of_a_channel_whose_data_came)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = PATH_DATAGRAM, .names = "a"});

	x->lose = change_rig_lose_changes;
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 20);
	change_rig_run(x, 5 * NS_PER_MS);
	ck_assert_uint_ge(counter_get(&change_rig_figures(x)->unknown_channel), 20);
	change_rig_down(x, 0, 0);
	change_rig_run(x, 5 * NS_PER_MS);
	x->lose = NULL;
	change_rig_up(x, 0, 0);
	change_rig_settle(x);
	change_rig_feed(x, 'c', 1);
	change_rig_settle(x);
	change_rig_expect_all(x, 0, 'c');
	ck_assert_uint_eq(change_rig_find(x, 0, 'c')->first.n, 1);
	change_rig_free(x);
}
END_TEST

/* ---- a channel moves ---- */

START_TEST(a_channel_moves)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = change_rig_kinds[_i], .names = "ab"});
	struct channel_settings *a = &x->file[0];

	change_rig_feed(x, 'a', 3);
	change_rig_run(x, 5 * NS_PER_MS);
	change_rig_expect_place(x, 0, 'a', 0);
	change_rig_list(x, 'a', 1);
	change_rig_feed(x, 'a', 1); /* the file is not reloaded yet */
	ck_assert_uint_eq(x->missed[0], 1);
	ck_assert(change_rig_reload(x));
	ck_assert_uint_eq(change_rig_id(x, 'a'), 1);
	change_rig_feed(x, 'a', 3);
	change_rig_feed(x, 'b', 3);
	change_rig_run(x, 5 * NS_PER_MS);
	change_rig_expect_place(x, 0, 'a', 1);
	change_rig_expect_place(x, 0, 'b', 0);
	/* Only the source: the address stays, and the change is told. */
	a->source = 0x0a000009;
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'a', 3);
	change_rig_settle(x);
	ck_assert_uint_eq(change_rig_find(x, 0, 'a')->source, 0x0a000009);
	ck_assert_uint_eq(counter_get(&relay_channel(x->relay, 0)->book.captured), 2);
	change_rig_expect_all(x, 0, 'a');
	change_rig_expect_all(x, 0, 'b');
	change_rig_expect_place(x, 0, 'a', 1);
	/* Once more, and nothing has changed: nothing is told. */
	ck_assert(change_rig_reload(x));
	ck_assert_uint_eq(counter_get(&relay_channel(x->relay, 0)->book.captured), 2);
	change_rig_free(x);
}
END_TEST

START_TEST(the_operator_of_the_peer_says_where_to)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = change_rig_kinds[_i], .names = "ab"});
	struct output_settings *o = change_rig_output(x, 0, 'a');

	o->group = 0xef000001;
	change_rig_reload_peer(x, 0);
	change_rig_feed(x, 'a', 1);
	change_rig_run(x, 5 * NS_PER_MS);
	change_rig_expect_at(x, 0, 'a', 0xef000001, change_rig_port('a', 0));
	/* It moves at the exchange: the group is the operator's, the port is not. */
	change_rig_list(x, 'a', 2);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'a', 1);
	change_rig_run(x, 5 * NS_PER_MS);
	change_rig_expect_at(x, 0, 'a', 0xef000001, change_rig_port('a', 2));
	o->port = 777;
	change_rig_reload_peer(x, 0);
	change_rig_feed(x, 'a', 1);
	change_rig_run(x, 5 * NS_PER_MS);
	change_rig_expect_at(x, 0, 'a', 0xef000001, 777);
	/* He no longer has an opinion: as captured. */
	x->peers[0].settings.output_count = 0;
	change_rig_reload_peer(x, 0);
	change_rig_feed(x, 'a', 1);
	change_rig_settle(x);
	change_rig_expect_place(x, 0, 'a', 2);
	change_rig_expect_all(x, 0, 'a');
	change_rig_free(x);
}
END_TEST

START_TEST(two_channels_swap_their_addresses)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = change_rig_kinds[_i], .names = "ab"});
	struct channel_settings *a = &x->file[0], *b = &x->file[1];

	for (unsigned int i = 0; i < 5; i++) {
		struct channel_settings was = *a;

		change_rig_feed(x, 'a', 3);
		change_rig_feed(x, 'b', 4);
		change_rig_run(x, 2 * NS_PER_MS);
		a->group = b->group;
		a->port = b->port;
		b->group = was.group;
		b->port = was.port;
		ck_assert(change_rig_reload(x));
		change_rig_feed(x, 'a', 3);
		change_rig_feed(x, 'b', 4);
		change_rig_run(x, 2 * NS_PER_MS);
		change_rig_expect_at(x, 0, 'a', a->group, a->port);
		change_rig_expect_at(x, 0, 'b', b->group, b->port);
	}
	change_rig_settle(x);
	change_rig_expect_all(x, 0, 'a');
	change_rig_expect_all(x, 0, 'b');
	ck_assert_uint_eq(x->missed[0] + x->missed[1], 0);
	change_rig_free(x);
}
END_TEST

/* The flow of a place that it moved to, and nobody else's. */
static void
expect_flow(const struct change_rig *x, char name, uint64_t packets)
{
	const struct peer_channel *c = change_rig_find(x, 0, name);
	const struct quota_flow *f = quota_at(peer_quota(x->peers[0].peer), c->flow);

	ck_assert_int_eq(gauge_get(&f->group), c->out_group);
	ck_assert_int_eq(gauge_get(&f->port), c->out_port);
	ck_assert_uint_eq(f->meter.windows[METER_1S].packets, packets);
}

/* There is room for a flow of each channel, and each is measured by itself. */
START_TEST(a_channel_moves_thousands_of_times)
{
	struct change_rig *x = change_rig_open((struct change_options){
		.kind = PATH_STREAM, .names = "ab", .peer_channels = 3});
	const struct quota *q = peer_quota(x->peers[0].peer);

	for (uint32_t i = 0; i < 3000; i++) {
		x->file[0].group = 0xe9260000 + i;
		ck_assert(change_rig_reload(x));
		change_rig_feed(x, 'a', 1 + i % 3);
		change_rig_feed(x, 'b', 1);
		change_rig_run(x, RIG_STEP_NS);
		change_rig_expect_at(x, 0, 'a', 0xe9260000 + i, x->file[0].port);
		expect_flow(x, 'a', 1 + i % 3);
	}
	ck_assert_uint_le(quota_count_flows(q), 4);
	change_rig_settle(x);
	change_rig_expect_all(x, 0, 'a');
	change_rig_expect_all(x, 0, 'b');
	change_rig_free(x);
}
END_TEST

/* What waits at the quota of one address must not be overtaken at the other's. */
START_TEST(a_channel_moves_that_waits_for_its_quota)
{
	struct change_rig *x = change_rig_open((struct change_options){
		.kind = PATH_STREAM, .names = "ab", .flow_pps = 2000});
	struct output_settings *o;

	change_rig_feed(x, 'a', 200);
	change_rig_feed(x, 'b', 100);
	change_rig_run(x, 5 * NS_PER_MS);
	ck_assert_uint_lt(x->peers[0].receivers[0].count, 200);
	change_rig_list(x, 'a', 1);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'a', 100);
	change_rig_run(x, 3 * NS_PER_MS);
	change_rig_expect_place(x, 0, 'a', 1);
	/* To where the other one goes, and back. */
	o = change_rig_output(x, 0, 'a');
	o->group = change_rig_group('b', 0);
	o->port = change_rig_port('b', 0);
	change_rig_reload_peer(x, 0);
	change_rig_feed(x, 'a', 20);
	change_rig_feed(x, 'b', 20);
	change_rig_run(x, 3 * NS_PER_MS);
	x->peers[0].settings.output_count = 0;
	change_rig_reload_peer(x, 0);
	change_rig_feed(x, 'a', 20);
	change_rig_settle(x);
	change_rig_expect_all(x, 0, 'a');
	change_rig_expect_all(x, 0, 'b');
	change_rig_free(x);
}
END_TEST

/* The same, of what is held behind a gap when it moves. */
START_TEST(a_channel_moves_that_waits_for_a_repair)
{
	struct change_rig *x = change_rig_open((struct change_options){
		.kind = PATH_DATAGRAM, .names = "ab", .flow_pps = 2000});

	x->lose = lose_one_datagram;
	change_rig_feed(x, 'a', 30);
	change_rig_run(x, 5 * NS_PER_MS);
	change_rig_list(x, 'a', 1);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'a', 30);
	change_rig_run(x, 5 * NS_PER_MS);
	ck_assert_uint_eq(x->peers[0].receivers[0].count, 0);
	x->lose = NULL;
	change_rig_settle(x);
	change_rig_feed(x, 'a', 30);
	change_rig_settle(x);
	change_rig_expect_all(x, 0, 'a');
	change_rig_expect_place(x, 0, 'a', 1);
	change_rig_free(x);
}
END_TEST

/* ---- a channel goes ---- */

START_TEST(a_channel_goes_and_comes_back)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = change_rig_kinds[_i], .names = "ab"});
	const struct peer_channel *c = change_rig_find(x, 0, 'a');

	change_rig_feed(x, 'a', 7);
	change_rig_unlist(x, 'a');
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'b', 7);
	change_rig_settle(x);
	ck_assert_int_eq(gauge_get(&c->is_withdrawn), 1);
	ck_assert_int_eq(gauge_get(&relay_channel(x->relay, 1)->is_withdrawn), 1);
	change_rig_expect_all(x, 0, 'a');
	/* While it is gone a greeting says so too. */
	change_rig_down(x, 0, 0);
	change_rig_up(x, 0, 0);
	change_rig_settle(x);
	ck_assert_int_eq(gauge_get(&c->is_withdrawn), 1);
	change_rig_list(x, 'a', 4);
	ck_assert(change_rig_reload(x));
	ck_assert_uint_eq(change_rig_id(x, 'a'), 1);
	change_rig_feed(x, 'a', 5);
	change_rig_settle(x);
	ck_assert_ptr_eq(change_rig_find(x, 0, 'a'), c);
	ck_assert_int_eq(gauge_get(&c->is_withdrawn), 0);
	ck_assert_uint_eq(counter_get(&c->book.expected), 12);
	ck_assert_uint_eq(counter_get(&c->book.emitted), 12);
	ck_assert_uint_eq(counter_get(&relay_channel(x->relay, 1)->book.captured), 12);
	change_rig_expect_all(x, 0, 'a');
	change_rig_expect_place(x, 0, 'a', 4);
	change_rig_free(x);
}
END_TEST

START_TEST(what_goes_is_captured_no_more)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = PATH_STREAM, .names = "ab"});
	struct channel_settings *a = &x->file[0];
	size_t count = x->count;

	/* The exchange goes on sending to it. */
	a->name[0] = 'd';
	ck_assert(change_rig_reload(x));
	a->name[0] = 'a';
	x->count = count;
	change_rig_feed(x, 'b', 2);
	change_rig_settle(x);
	/* A name is a channel: another name at the same address is a new one. */
	ck_assert_uint_eq(change_rig_id(x, 'd'), 3);
	ck_assert_int_eq(gauge_get(&change_rig_find(x, 0, 'a')->is_withdrawn), 1);
	a->name[0] = 'd';
	change_rig_unlist(x, 'd');
	ck_assert(change_rig_reload(x));
	change_rig_list(x, 'a', 0);
	change_rig_feed(x, 'a', 3);
	ck_assert_uint_eq(x->missed[0], 3);
	change_rig_settle(x);
	ck_assert_uint_eq(counter_get(&change_rig_find(x, 0, 'a')->book.received), 0);
	change_rig_free(x);
}
END_TEST

START_TEST(a_channel_is_renamed)
{
	struct change_rig *x = change_rig_open(
		(struct change_options){.kind = change_rig_kinds[_i], .names = "ab"});
	struct channel_settings *a = &x->file[0];

	change_rig_feed(x, 'a', 4);
	change_rig_run(x, 5 * NS_PER_MS);
	a->name[0] = 'e';
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'e', 3);
	change_rig_settle(x);
	change_rig_expect_at(x, 0, 'e', a->group, a->port);
	change_rig_expect_all(x, 0, 'a');
	change_rig_expect_all(x, 0, 'e');
	ck_assert_uint_eq(counter_get(&change_rig_find(x, 0, 'a')->book.expected), 4);
	ck_assert_int_eq(gauge_get(&change_rig_find(x, 0, 'a')->is_withdrawn), 1);
	ck_assert_uint_eq(counter_get(&change_rig_find(x, 0, 'e')->book.expected), 3);
	ck_assert_uint_eq(change_rig_find(x, 0, 'e')->first.n, 1);
	change_rig_free(x);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("change");
	TCase *t = tcase_create("what changes");

	tcase_add_loop_test(t, a_channel_comes, 0, 2);
	tcase_add_test(t, data_overtakes_its_change);
	tcase_add_test(t, a_change_is_not_given_up);
	tcase_add_test(t, more_changes_than_the_window_has);
	tcase_add_test(t, a_greeting_tells_of_a_channel_whose_data_came);
	tcase_add_loop_test(t, a_channel_moves, 0, 2);
	tcase_add_loop_test(t, the_operator_of_the_peer_says_where_to, 0, 2);
	tcase_add_loop_test(t, two_channels_swap_their_addresses, 0, 2);
	tcase_add_test(t, a_channel_moves_thousands_of_times);
	tcase_add_test(t, a_channel_moves_that_waits_for_its_quota);
	tcase_add_test(t, a_channel_moves_that_waits_for_a_repair);
	tcase_add_loop_test(t, a_channel_goes_and_comes_back, 0, 2);
	tcase_add_test(t, what_goes_is_captured_no_more);
	tcase_add_loop_test(t, a_channel_is_renamed, 0, 2);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
