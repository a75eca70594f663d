/* SPDX-License-Identifier: Apache-2.0 */
/* Channels that come, move and go while a bridge runs, both cores in one process: more
 * than there is room for, and whatever an operator may do. */
#include "change_rig.h"
#include "seeded.h"
#include "suite.h"

/* ---- how many ---- */

START_TEST(there_is_no_room_for_more)
{
	struct change_rig *x = change_rig_open((struct change_options){
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
	struct change_rig *x =
		change_rig_new((struct change_options){.kind = change_rig_kinds[_i],
						       .peers = 2,
						       .names = "ab",
						       .peer_channels = 5});

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
	struct change_rig *x = change_rig_open((struct change_options){
		.kind = change_rig_kinds[_i], .names = "ab", .peer_channels = 2});

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
	change_rig_expect_place(x, 0, 'c', 0);
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
		.kind = change_rig_kinds[_i % 2],
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

int
main(void)
{
	Suite *s = suite_create("change");
	TCase *t = tcase_create("how many");

	tcase_add_test(t, there_is_no_room_for_more);
	tcase_add_loop_test(t, the_relay_knows_what_a_peer_takes, 0, 2);
	tcase_add_loop_test(t, a_peer_that_is_full_sends_the_relay_away, 0, 2);
	tcase_add_loop_test(t, many_changes, 0, 40);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
