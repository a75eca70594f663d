/* SPDX-License-Identifier: Apache-2.0 */
/* Channels that come, move and go while a bridge runs, both cores in one process. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "change_rig.h"
#include "path/quota.h"
#include "seeded.h"
#include "suite.h"

static const enum path_kind kinds[] = {PATH_STREAM, PATH_DATAGRAM};

static struct change_rig *
open_rig(struct change_options options)
{
	struct change_rig *x = change_rig_new(options);

	for (unsigned int i = 0; i < x->options.peers; i++)
		change_rig_up(x, i, 0);
	change_rig_settle(x);
	return x;
}

static uint64_t
figure(const counter_t *c)
{
	return counter_get(c);
}

static const struct peer_figures *
figures(const struct change_rig *x)
{
	return peer_figures(x->peers[0].peer, 0);
}

static void
expect_place(const struct change_rig *x, unsigned int peer, char name,
	     unsigned int place)
{
	change_rig_expect_at(x, peer, name, change_rig_group(name, place),
			     change_rig_port(name, place));
}

/* ---- what the line loses ---- */

static bool
lose_first_changes(struct change_rig *x, unsigned int peer, unsigned int slot,
		   const struct wire_frame *f)
{
	(void)x, (void)peer, (void)slot;
	return f->type == WIRE_CHANGE && !(f->flags & WIRE_REPAIR);
}

static bool
lose_all_changes(struct change_rig *x, unsigned int peer, unsigned int slot,
		 const struct wire_frame *f)
{
	(void)x, (void)peer, (void)slot;
	return f->type == WIRE_CHANGE;
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
	struct change_rig *x =
		open_rig((struct change_options){.kind = kinds[_i], .names = "ab"});
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
	expect_place(x, 0, 'c', 3);
	c = change_rig_find(x, 0, 'c');
	ck_assert_uint_eq(c->first.n, 1);
	ck_assert_uint_eq(figure(&c->book.emitted), 151);
	ck_assert_uint_eq(figure(&c->book.expected), 151);
	ck_assert_uint_eq(figure(&figures(x)->unknown_channel), 0);
	ck_assert_uint_eq(figure(&figures(x)->greetings), 1);
	change_rig_free(x);
}
END_TEST

START_TEST(data_overtakes_its_change)
{
	struct change_rig *x =
		open_rig((struct change_options){.kind = PATH_DATAGRAM, .names = "a"});

	x->lose = lose_first_changes;
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 20);
	change_rig_exchange(x);
	ck_assert_uint_ge(figure(&figures(x)->unknown_channel), 20);
	ck_assert_ptr_null(change_rig_find(x, 0, 'c'));
	change_rig_feed(x, 'a', 20);
	change_rig_settle(x);
	change_rig_expect_all(x, 0, 'c');
	change_rig_expect_all(x, 0, 'a');
	ck_assert_uint_eq(x->peers[0].lost, 0);
	ck_assert_uint_ge(figure(&figures(x)->repaired), 21);
	ck_assert_uint_eq(figure(&figures(x)->greetings), 1);
	change_rig_free(x);
}
END_TEST

START_TEST(a_change_is_not_given_up)
{
	struct change_rig *x = open_rig((struct change_options){
		.kind = PATH_DATAGRAM, .names = "a", .give_up_ns = 20 * NS_PER_MS});

	x->lose = lose_all_changes;
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
	struct change_rig *x = open_rig((struct change_options){
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
	expect_place(x, 0, 'a', 1 + 299 % 5);
	change_rig_free(x);
}
END_TEST

/* Its data was sent to the same process, which could not read it: none is passed
 * over as if a predecessor had emitted it. */
START_TEST(a_greeting_tells_of_a_channel_whose_data_came)
{
	struct change_rig *x =
		open_rig((struct change_options){.kind = PATH_DATAGRAM, .names = "a"});

	x->lose = lose_all_changes;
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 20);
	change_rig_run(x, 5 * NS_PER_MS);
	ck_assert_uint_ge(figure(&figures(x)->unknown_channel), 20);
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
	struct change_rig *x =
		open_rig((struct change_options){.kind = kinds[_i], .names = "ab"});
	struct channel_settings *a = &x->file[0];

	change_rig_feed(x, 'a', 3);
	change_rig_run(x, 5 * NS_PER_MS);
	expect_place(x, 0, 'a', 0);
	change_rig_list(x, 'a', 1);
	change_rig_feed(x, 'a', 1); /* the file is not reloaded yet */
	ck_assert_uint_eq(x->missed[0], 1);
	ck_assert(change_rig_reload(x));
	ck_assert_uint_eq(change_rig_id(x, 'a'), 1);
	change_rig_feed(x, 'a', 3);
	change_rig_feed(x, 'b', 3);
	change_rig_run(x, 5 * NS_PER_MS);
	expect_place(x, 0, 'a', 1);
	expect_place(x, 0, 'b', 0);
	/* Only the source: the address stays, and the change is told. */
	a->source = 0x0a000009;
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'a', 3);
	change_rig_settle(x);
	ck_assert_uint_eq(change_rig_find(x, 0, 'a')->source, 0x0a000009);
	ck_assert_uint_eq(figure(&relay_channel(x->relay, 0)->book.captured), 2);
	change_rig_expect_all(x, 0, 'a');
	change_rig_expect_all(x, 0, 'b');
	expect_place(x, 0, 'a', 1);
	/* Once more, and nothing has changed: nothing is told. */
	ck_assert(change_rig_reload(x));
	ck_assert_uint_eq(figure(&relay_channel(x->relay, 0)->book.captured), 2);
	change_rig_free(x);
}
END_TEST

START_TEST(the_operator_of_the_peer_says_where_to)
{
	struct change_rig *x =
		open_rig((struct change_options){.kind = kinds[_i], .names = "ab"});
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
	expect_place(x, 0, 'a', 2);
	change_rig_expect_all(x, 0, 'a');
	change_rig_free(x);
}
END_TEST

START_TEST(two_channels_swap_their_addresses)
{
	struct change_rig *x =
		open_rig((struct change_options){.kind = kinds[_i], .names = "ab"});
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
	struct change_rig *x = open_rig((struct change_options){
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
	struct change_rig *x = open_rig((struct change_options){
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
	expect_place(x, 0, 'a', 1);
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
	struct change_rig *x = open_rig((struct change_options){
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
	expect_place(x, 0, 'a', 1);
	change_rig_free(x);
}
END_TEST

/* ---- a channel goes ---- */

START_TEST(a_channel_goes_and_comes_back)
{
	struct change_rig *x =
		open_rig((struct change_options){.kind = kinds[_i], .names = "ab"});
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
	ck_assert_uint_eq(figure(&c->book.expected), 12);
	ck_assert_uint_eq(figure(&c->book.emitted), 12);
	ck_assert_uint_eq(figure(&relay_channel(x->relay, 1)->book.captured), 12);
	change_rig_expect_all(x, 0, 'a');
	expect_place(x, 0, 'a', 4);
	change_rig_free(x);
}
END_TEST

START_TEST(what_goes_is_captured_no_more)
{
	struct change_rig *x =
		open_rig((struct change_options){.kind = PATH_STREAM, .names = "ab"});
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
	ck_assert_uint_eq(figure(&change_rig_find(x, 0, 'a')->book.received), 0);
	change_rig_free(x);
}
END_TEST

START_TEST(a_channel_is_renamed)
{
	struct change_rig *x =
		open_rig((struct change_options){.kind = kinds[_i], .names = "ab"});
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
	ck_assert_uint_eq(figure(&change_rig_find(x, 0, 'a')->book.expected), 4);
	ck_assert_int_eq(gauge_get(&change_rig_find(x, 0, 'a')->is_withdrawn), 1);
	ck_assert_uint_eq(figure(&change_rig_find(x, 0, 'e')->book.expected), 3);
	ck_assert_uint_eq(change_rig_find(x, 0, 'e')->first.n, 1);
	change_rig_free(x);
}
END_TEST

/* ---- at any moment of a session ---- */

START_TEST(changes_while_nobody_is_there)
{
	struct change_rig *x = change_rig_new(
		(struct change_options){.kind = kinds[_i], .names = "ab"});

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
	expect_place(x, 0, 'a', 2);
	expect_place(x, 0, 'd', 2);
	ck_assert_int_eq(gauge_get(&change_rig_find(x, 0, 'b')->is_withdrawn), 1);
	ck_assert_uint_eq(change_rig_find(x, 0, 'a')->group, change_rig_group('a', 2));
	change_rig_free(x);
}
END_TEST

/* HELLO is on its way, and the relay is told of more. */
START_TEST(changes_while_greeting)
{
	struct change_rig *x = change_rig_new(
		(struct change_options){.kind = kinds[_i], .names = "ab"});
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
	expect_place(x, 0, 'a', 1);
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
	expect_place(x, 0, 'a', 1);
	ck_assert_int_eq(peer_input(p, x->now, 0, 0, hello, n), (long)n);
	change_rig_feed(x, 'a', 2);
	change_rig_settle(x);
	expect_place(x, 0, 'a', 1);
	ck_assert_int_eq(gauge_get(&change_rig_find(x, 0, 'b')->is_withdrawn), 1);
	change_rig_expect_all(x, 0, 'a');
	change_rig_free(x);
}
END_TEST

START_TEST(changes_while_a_second_path_joins)
{
	struct change_rig *x =
		open_rig((struct change_options){.kind = kinds[_i], .names = "ab"});
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
		expect_place(x, 0, 'a', 1 + dark);
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
	struct change_rig *x = change_rig_new(
		(struct change_options){.kind = kinds[_i], .peers = 2, .names = "ab"});

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
		expect_place(x, i, 'a', 1);
		expect_place(x, i, 'c', 1);
		ck_assert_int_eq(gauge_get(&change_rig_find(x, i, 'b')->is_withdrawn),
				 1);
	}
	change_rig_free(x);
}
END_TEST

START_TEST(a_peer_restarts_in_between)
{
	struct change_rig *x =
		open_rig((struct change_options){.kind = kinds[_i], .names = "ab"});

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
		expect_place(x, 0, *name, 1);
	}
	change_rig_free(x);
}
END_TEST

START_TEST(the_relay_restarts)
{
	struct change_rig *x =
		open_rig((struct change_options){.kind = kinds[_i], .names = "ab"});
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
	expect_place(x, 0, 'a', 1);
	expect_place(x, 0, 'b', 1);
	change_rig_free(x);
}
END_TEST

/* ---- what the history no longer has ---- */

START_TEST(a_change_that_left_the_history_is_greeted)
{
	struct change_rig *x = open_rig((struct change_options){
		.kind = kinds[_i], .names = "ab", .history_age_ns = 200 * NS_PER_MS});

	change_rig_feed(x, 'a', 2);
	change_rig_settle(x);
	x->lose = lose_all_changes; /* for a stream that is a dark path's backlog */
	x->peers[0].dark[0] = true;
	change_rig_list(x, 'a', 1);
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'c', 5);
	change_rig_run(x, 700 * NS_PER_MS);
	ck_assert_ptr_null(change_rig_find(x, 0, 'c'));
	ck_assert_uint_ge(relay_session(x->relay, 0)->greeting.number, 2);
	if (kinds[_i] == PATH_STREAM) {
		/* A stream that loses is dead: it is dialled anew. */
		change_rig_down(x, 0, 0);
		change_rig_up(x, 0, 0);
	}
	x->peers[0].dark[0] = false;
	change_rig_run(x, 500 * NS_PER_MS);
	change_rig_feed(x, 'c', 5);
	change_rig_feed(x, 'a', 5);
	change_rig_settle(x);
	expect_place(x, 0, 'a', 1);
	expect_place(x, 0, 'c', 0);
	ck_assert_uint_eq(x->peers[0].receivers[2].count, 5);
	ck_assert_uint_eq(figure(&change_rig_find(x, 0, 'c')->book.lost_aged), 5);
	change_rig_expect_all(x, 0, 'a');
	change_rig_free(x);
}
END_TEST

START_TEST(a_change_that_aged_is_told_while_draining)
{
	struct change_rig *x =
		open_rig((struct change_options){.kind = PATH_DATAGRAM,
						 .names = "a",
						 .history_age_ns = 200 * NS_PER_MS});

	x->lose = lose_all_changes;
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
		.kind = kinds[_i], .names = "a", .history_bytes = 64 << 10});

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
	ck_assert_uint_gt(figure(&relay_channel(x->relay, 1)->book.refused), 0);
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	ck_assert_uint_eq(figure(&relay_channel(x->relay, 0)->book.refused), 1);
	x->peers[0].dark[0] = false;
	ck_assert_uint_eq(relay_session(x->relay, 0)->greeting.number, 2);
	change_rig_run(x, 500 * NS_PER_MS);
	ck_assert_ptr_nonnull(change_rig_find(x, 0, 'c'));
	change_rig_free(x);
}
END_TEST

/* ---- how many ---- */

START_TEST(there_is_no_room_for_more)
{
	struct change_rig *x = open_rig((struct change_options){
		.kind = PATH_STREAM, .names = "ab", .capacity = 3});

	ck_assert_uint_eq(relay_channel_capacity(x->relay), 4);
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	change_rig_list(x, 'd', 0);
	ck_assert(!change_rig_reload(x));
	/* One that went keeps its place. */
	change_rig_unlist(x, 'a');
	ck_assert(!change_rig_reload(x));
	change_rig_unlist(x, 'd');
	ck_assert(change_rig_reload(x));
	change_rig_list(x, 'a', 1);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'a', 3);
	change_rig_feed(x, 'c', 3);
	change_rig_settle(x);
	change_rig_expect_all(x, 0, 'a');
	change_rig_expect_all(x, 0, 'c');
	change_rig_free(x);
}
END_TEST

START_TEST(the_relay_knows_what_a_peer_takes)
{
	struct change_rig *x = change_rig_new((struct change_options){
		.kind = kinds[_i], .peers = 2, .names = "ab", .peer_channels = 5});

	ck_assert_uint_eq(relay_peer_capacity(x->relay, 0), 0);
	change_rig_up(x, 0, 0);
	change_rig_run(x, 50 * NS_PER_MS);
	ck_assert_uint_eq(relay_peer_capacity(x->relay, 0), 6); /* the marks, too */
	ck_assert_uint_eq(relay_peer_capacity(x->relay, 1), 0);
	x->peers[0].settings.recovery.channels = 3;
	change_rig_restart_peer(x, 0);
	ck_assert_uint_eq(relay_peer_capacity(x->relay, 0), 6); /* the last it said */
	change_rig_up(x, 0, 0);
	change_rig_run(x, 50 * NS_PER_MS);
	ck_assert_uint_eq(relay_peer_capacity(x->relay, 0), 4);
	change_rig_free(x);
}
END_TEST

START_TEST(a_peer_that_is_full_sends_the_relay_away)
{
	struct change_rig *x = open_rig((struct change_options){
		.kind = kinds[_i], .names = "ab", .peer_channels = 2});

	change_rig_feed(x, 'a', 3);
	change_rig_list(x, 'c', 0);
	ck_assert(change_rig_reload(x));
	change_rig_feed(x, 'a', 3);
	change_rig_feed(x, 'c', 3);
	change_rig_run(x, 50 * NS_PER_MS);
	ck_assert_uint_ge(x->peers[0].byes, 1);
	ck_assert_uint_eq(x->peers[0].reason, WIRE_BYE_CHANNELS);
	ck_assert(!x->peers[0].up[0]);
	ck_assert_ptr_null(change_rig_find(x, 0, 'c'));
	/* The operator makes room. */
	x->peers[0].settings.recovery.channels = 3;
	change_rig_restart_peer(x, 0);
	change_rig_up(x, 0, 0);
	change_rig_settle(x);
	change_rig_feed(x, 'c', 1);
	change_rig_settle(x);
	expect_place(x, 0, 'c', 0);
	change_rig_free(x);
}
END_TEST

/* ---- the end ---- */

START_TEST(a_channel_comes_amid_the_final_books)
{
	struct change_rig *x =
		open_rig((struct change_options){.kind = kinds[_i], .names = "a"});

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
	ck_assert_uint_eq(figure(&relay_session(x->relay, 0)->outlets[2].peer.emitted),
			  5);
	change_rig_free(x);
}
END_TEST

/* ---- whatever happens ---- */

#define FAITHFUL 2 /* the first names of a world are never changed */

/* What the operator may do to his file next. */
static void
change_at_random(struct change_rig *x, struct seeded *dice)
{
	for (uint64_t n = 1 + seeded_below(dice, 3); n > 0; n--) {
		char name = (char)('a' + FAITHFUL +
				   seeded_below(dice, RIG_NAMES - FAITHFUL));
		bool listed = false;

		for (size_t i = 0; i < x->count; i++)
			listed |= x->file[i].name[0] == name;
		if (listed && seeded_one_in(dice, 3))
			change_rig_unlist(x, name);
		else
			change_rig_list(x, name, (unsigned int)seeded_below(dice, 8));
	}
	ck_assert(change_rig_reload(x));
}

static bool
lose_at_random(struct change_rig *x, unsigned int peer, unsigned int slot,
	       const struct wire_frame *f)
{
	(void)peer, (void)slot, (void)f;
	return x->counted++ * 2654435761u % 1024 < 51; /* 5 % */
}

/* 200 reloads: who is not named in them notices nothing; who is loses nothing either;
 * and all comes out where the file had it. */
START_TEST(many_changes)
{
	struct seeded dice = seeded_init(_i);
	struct change_rig *x = change_rig_new((struct change_options){
		.kind = kinds[_i % 2],
		.names = "abcde",
		.peers = 1 + (unsigned int)seeded_below(&dice, 2)});

	if (x->options.kind == PATH_DATAGRAM && seeded_one_in(&dice, 2))
		x->lose = lose_at_random;
	x->counted = (unsigned int)seeded_below(&dice, 1000);
	for (unsigned int i = 0; i < x->options.peers; i++)
		change_rig_up(x, i, 0);
	for (int i = 0; i < 200; i++) {
		if (seeded_one_in(&dice, 10))
			change_rig_down(x, 0, 0);
		change_at_random(x, &dice);
		for (uint64_t n = seeded_below(&dice, 6); n > 0; n--) {
			size_t any = seeded_below(&dice, x->count);

			change_rig_feed(x, x->file[any].name[0],
					(unsigned int)seeded_below(&dice, 10));
			if (seeded_one_in(&dice, 2))
				change_rig_run(x, RIG_STEP_NS);
		}
		if (!x->peers[0].up[0])
			change_rig_up(x, 0, 0);
	}
	x->lose = NULL;
	change_rig_settle(x);
	for (unsigned int i = 0; i < x->options.peers; i++) {
		seeded_check(&dice, x->peers[i].lost == 0, "peer %u lost %lu", i,
			     (unsigned long)x->peers[i].lost);
		for (char name = 'a'; name < 'a' + RIG_NAMES; name++) {
			const struct receiver *r = &x->peers[i].receivers[name - 'a'];

			seeded_check(&dice, r->count == x->fed[name - 'a'],
				     "peer %u, %c: %lu of %lu", i, name,
				     (unsigned long)r->count,
				     (unsigned long)x->fed[name - 'a']);
		}
		for (size_t j = 0; j < x->count; j++) {
			const struct channel_settings *c = &x->file[j];
			const struct peer_channel *p =
				change_rig_find(x, i, c->name[0]);

			seeded_check(&dice,
				     p != NULL && p->group == c->group &&
					     p->out_port == c->port &&
					     !gauge_get(&p->is_withdrawn),
				     "peer %u has %s elsewhere", i, c->name);
		}
	}
	change_rig_free(x);
}
END_TEST

/* ---- ---- */

static void
add_what(Suite *s)
{
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
}

static void
add_when(Suite *s)
{
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
}

static void
add_how_many(Suite *s)
{
	TCase *t = tcase_create("how many");

	tcase_add_test(t, there_is_no_room_for_more);
	tcase_add_loop_test(t, the_relay_knows_what_a_peer_takes, 0, 2);
	tcase_add_loop_test(t, a_peer_that_is_full_sends_the_relay_away, 0, 2);
	tcase_add_loop_test(t, many_changes, 0, 40);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
}

int
main(void)
{
	Suite *s = suite_create("change");

	add_what(s);
	add_when(s);
	add_how_many(s);
	return suite_run(s);
}
