/* SPDX-License-Identifier: Apache-2.0 */
/* Which channels are wanted: what a peer says, what a relay makes of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/groups.h"
#include "ops/demand_watch.h"
#include "path/classify.h"
#include "peer_rig.h"
#include "relay_rig.h"
#include "suite.h"

#define AGAIN_NS      (200 * NS_PER_MS)
#define SUCCESSION_NS (5 * NS_PER_S)
#define CH1           0x02
#define CH2           0x04

/* ---- the relay ---- */

static void
put_demand(struct frames *to, uint32_t generation, const uint8_t *bits, size_t len)
{
	struct wire_demand d = {.generation = generation, .unwanted = bits, .len = len};
	struct wr w = frames_writer(to);

	ck_assert(wire_put_demand(&w, &d));
	frames_written(to, &w);
}

static long
demand(struct relay_rig *x, unsigned int remote, uint32_t generation, uint8_t unwanted)
{
	put_demand(&x->in, generation, &unwanted, 1);
	return relay_rig_say_on(x, remote, 0);
}

static bool
is_unwanted(const struct relay_rig *x, uint16_t channel)
{
	return gauge_get(&relay_channel(x->relay, channel)->is_unwanted) != 0;
}

/* The generation of the one answer that is heard; 0: there is none. */
static uint32_t
answered(struct relay_rig *x, unsigned int remote)
{
	struct wire_frame f = {.type = 0};
	struct wire_demand d = {.generation = 0};

	relay_rig_hear_on(x, remote, 0);
	ck_assert_uint_le(frames_count(&x->out, WIRE_DEMAND), 1);
	if (frames_find(&x->out, WIRE_DEMAND, 0, &f) > 0) {
		ck_assert(wire_get_demand(&f, &d));
		ck_assert_uint_eq(d.len, 0);
		ck_assert_uint_eq(f.flags, WIRE_OPTIONAL);
	}
	return d.generation;
}

START_TEST(relay_takes_what_is_said)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});

	relay_rig_open(x, _i == 0 ? PATH_STREAM : PATH_DATAGRAM);
	ck_assert(!is_unwanted(x, 1) && !is_unwanted(x, 2));
	ck_assert_uint_eq(answered(x, 0), 0);
	ck_assert_int_gt(demand(x, 0, 5, CH2), 0);
	ck_assert(!is_unwanted(x, 1) && is_unwanted(x, 2));
	ck_assert_uint_eq(answered(x, 0), 5);
	ck_assert_uint_eq(answered(x, 0), 0);
	/* Held back by the line. */
	ck_assert_int_gt(demand(x, 0, 4, CH1), 0);
	ck_assert(!is_unwanted(x, 1) && is_unwanted(x, 2));
	ck_assert_uint_eq(answered(x, 0), 0);
	/* Said again: it is answered again, and is no news. */
	ck_assert_int_gt(demand(x, 0, 5, CH2), 0);
	ck_assert_uint_eq(answered(x, 0), 5);
	ck_assert_uint_eq(counter_get(&relay_figures(x->relay)->demands), 1);
	/* What a shorter frame leaves out is wanted. */
	put_demand(&x->in, 6, NULL, 0);
	ck_assert_int_gt(relay_rig_say(x), 0);
	ck_assert(!is_unwanted(x, 1) && !is_unwanted(x, 2));
	relay_rig_free(x);
}
END_TEST

START_TEST(relay_unites)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){.remotes = 2});

	relay_rig_open(x, PATH_STREAM);
	ck_assert_int_gt(demand(x, 0, 1, CH1 | CH2), 0);
	/* The other peer was never heard: it wants everything. */
	ck_assert(!is_unwanted(x, 1) && !is_unwanted(x, 2));
	relay_rig_up(x, 1, 0, PATH_STREAM);
	relay_rig_welcome_on(x, 1, 0, 0);
	ck_assert(!is_unwanted(x, 1) && !is_unwanted(x, 2));
	ck_assert_int_gt(demand(x, 1, 1, CH2), 0);
	ck_assert(!is_unwanted(x, 1) && is_unwanted(x, 2));
	ck_assert_int_gt(demand(x, 1, 2, CH1 | CH2), 0);
	ck_assert(is_unwanted(x, 1) && is_unwanted(x, 2));
	ck_assert_int_gt(demand(x, 0, 2, CH2), 0);
	ck_assert(!is_unwanted(x, 1) && is_unwanted(x, 2));
	relay_rig_free(x);
}
END_TEST

/* An outage of the line is no reason to leave or to join anything. */
START_TEST(relay_remembers)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});

	relay_rig_open(x, PATH_STREAM);
	ck_assert_int_gt(demand(x, 0, 3, CH1), 0);
	relay_path_down(x->relay, x->now, 0, 0);
	relay_rig_wait(x, 2 * SUCCESSION_NS);
	ck_assert(is_unwanted(x, 1));
	relay_rig_open(x, PATH_STREAM);
	relay_rig_wait(x, RIG_TIMEOUT_NS / 2);
	ck_assert(is_unwanted(x, 1));
	ck_assert_int_gt(demand(x, 0, 2, 0), 0); /* of the same process, and old */
	ck_assert(is_unwanted(x, 1));
	relay_rig_free(x);
}
END_TEST

static void
replace_peer(struct relay_rig *x)
{
	relay_path_down(x->relay, x->now, 0, 0);
	x->instance++;
	relay_rig_open(x, PATH_STREAM);
	ck_assert(is_unwanted(x, 1));
}

/* Time passes, and the path does not die of it. */
static void
wait_up(struct relay_rig *x, int64_t ns)
{
	for (; ns > 0; ns -= RIG_TIMEOUT_NS / 2) {
		relay_rig_wait(x, RIG_TIMEOUT_NS / 2);
		relay_rig_report(x, 1);
	}
}

START_TEST(relay_hears_a_successor)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});

	relay_rig_open(x, PATH_STREAM);
	ck_assert_int_gt(demand(x, 0, 7, CH1), 0);
	replace_peer(x);
	ck_assert_int_gt(demand(x, 0, 1, CH1 | CH2), 0);
	ck_assert_uint_eq(answered(x, 0), 1);
	wait_up(x, 2 * SUCCESSION_NS);
	ck_assert(is_unwanted(x, 1) && is_unwanted(x, 2));
	/* One that does not say what it wants wants everything. */
	replace_peer(x);
	wait_up(x, SUCCESSION_NS - NS_PER_S);
	ck_assert(is_unwanted(x, 1) && is_unwanted(x, 2));
	wait_up(x, 2 * NS_PER_S);
	ck_assert(!is_unwanted(x, 1) && !is_unwanted(x, 2));
	relay_rig_free(x);
}
END_TEST

START_TEST(relay_refuses_nonsense)
{
	static const uint8_t marks[] = {0x01}, beyond[] = {0x08}, far[] = {0, 0, 0, 1};
	static const uint8_t zeros[WIRE_DEMAND_MAX];
	static const struct {
		uint32_t generation;
		const uint8_t *bits;
		size_t len;
		bool ok;
	} cases[] = {
		{1, marks, sizeof marks, false},
		{1, beyond, sizeof beyond, false},
		{1, far, sizeof far, false},
		{0, NULL, 0, false},
		{UINT32_MAX, zeros, sizeof zeros, true},
	};
	struct relay_rig *x = relay_rig_new((struct relay_options){0});

	relay_rig_open(x, PATH_STREAM);
	put_demand(&x->in, cases[_i].generation, cases[_i].bits, cases[_i].len);
	ck_assert_int_eq(relay_rig_say(x) >= 0, cases[_i].ok);
	ck_assert_uint_eq(counter_get(&relay_figures(x->relay)->protocol_errors),
			  !cases[_i].ok);
	ck_assert(!is_unwanted(x, 1) && !is_unwanted(x, 2));
	relay_rig_free(x);
}
END_TEST

START_TEST(frame_has_bounds)
{
	static const uint8_t bytes[4 + WIRE_DEMAND_MAX + 1] = {0, 0, 0, 1};
	struct wire_frame f = {.type = WIRE_DEMAND, .body = bytes};
	struct wire_demand d;

	for (f.len = 0; f.len < 4; f.len++)
		ck_assert(!wire_get_demand(&f, &d));
	ck_assert(wire_get_demand(&f, &d));
	ck_assert_uint_eq(d.len, 0);
	f.len = 4 + WIRE_DEMAND_MAX;
	ck_assert(wire_get_demand(&f, &d));
	f.len++;
	ck_assert(!wire_get_demand(&f, &d));
}
END_TEST

/* ---- the peer ---- */

/* Members in the groups of these channels: 1 and 2, a bit each. */
static void
set_members(struct peer_rig *x, unsigned int channels)
{
	uint32_t *groups = calloc(3, sizeof *groups);
	size_t count = 0;

	ck_assert_ptr_nonnull(groups);
	for (uint16_t id = 1; id <= 2; id++)
		if ((channels >> id & 1) != 0)
			groups[count++] = core_rig_announced(id, 1, 1).group;
	free(peer_set_demand(x->peer, groups, count));
}

/* "generation:bits" of the last DEMAND in what is heard; "" when there is none. */
static const char *
said(struct peer_rig *x, char text[64])
{
	struct wire_frame f = {.type = 0};
	struct wire_demand d;

	text[0] = '\0';
	peer_rig_hear(x);
	if (frames_find(&x->out, WIRE_DEMAND, 0, &f) == 0)
		return text;
	ck_assert_uint_eq(frames_count(&x->out, WIRE_DEMAND), 1);
	ck_assert_uint_eq(f.flags, WIRE_OPTIONAL);
	ck_assert(wire_get_demand(&f, &d));
	ck_assert_uint_le(d.len, 1);
	snprintf(text, 64, "%u:%02x", d.generation, d.len > 0 ? d.unwanted[0] : 0);
	return text;
}

static void
answer(struct peer_rig *x, uint32_t generation)
{
	put_demand(&x->in, generation, NULL, 0);
	ck_assert_int_gt(peer_rig_say(x), 0);
}

START_TEST(peer_that_does_not_ask_is_silent)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	char text[64];

	peer_rig_open(x, PATH_DATAGRAM);
	peer_rig_wait(x, RIG_TIMEOUT_NS / 2);
	ck_assert_str_eq(said(x, text), "");
	peer_rig_free(x);
}
END_TEST

START_TEST(peer_says_until_it_is_answered)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	char text[64];

	peer_rig_open(x, PATH_DATAGRAM);
	set_members(x, CH1);
	ck_assert_str_eq(said(x, text), "1:04");
	ck_assert_str_eq(said(x, text), "");
	/* The line lost it. */
	peer_rig_wait(x, AGAIN_NS);
	ck_assert_str_eq(said(x, text), "1:04");
	/* Another set before the answer, which is to the one of before. */
	set_members(x, 0);
	ck_assert_str_eq(said(x, text), "2:06");
	answer(x, 1);
	peer_rig_wait(x, AGAIN_NS);
	ck_assert_str_eq(said(x, text), "2:06");
	answer(x, 2);
	peer_rig_wait(x, 2 * AGAIN_NS);
	ck_assert_str_eq(said(x, text), "");
	/* The same again is no news. */
	set_members(x, 0);
	ck_assert_str_eq(said(x, text), "");
	set_members(x, CH1 | CH2);
	ck_assert_str_eq(said(x, text), "3:00");
	ck_assert_int_eq(gauge_get(&peer_rig_find(x, 1)->is_unwanted), 0);
	set_members(x, CH2);
	ck_assert_str_eq(said(x, text), "4:02");
	ck_assert_int_eq(gauge_get(&peer_rig_find(x, 1)->is_unwanted), 1);
	peer_rig_free(x);
}
END_TEST

/* A relay that was started again was never told. */
START_TEST(peer_says_after_each_greeting)
{
	struct peer_rig *x = peer_rig_new((struct peer_options){0});
	char text[64];

	set_members(x, CH2);
	peer_rig_up(x, PATH_STREAM);
	peer_rig_hello(x, 1, 1);
	ck_assert_str_eq(said(x, text), "1:02");
	answer(x, 1);
	peer_path_down(x->peer, x->now, 0, 0);
	x->epoch++;
	x->greeting = 1;
	peer_rig_up(x, PATH_STREAM);
	peer_rig_hello(x, 1, 1);
	ck_assert_str_eq(said(x, text), "1:02");
	peer_rig_free(x);
}
END_TEST

START_TEST(peer_refuses_nonsense)
{
	static const uint8_t bits[] = {CH1};
	struct peer_rig *x = peer_rig_new((struct peer_options){0});

	peer_rig_open(x, PATH_STREAM);
	put_demand(&x->in, 1, bits, sizeof bits);
	ck_assert_int_lt(peer_rig_say(x), 0);
	peer_rig_free(x);
}
END_TEST

/* ---- what is made of it ---- */

START_TEST(holds_before_it_leaves)
{
	mono_t now = {1000 * NS_PER_S}, since = {0};

	ck_assert(!demand_is_idle(false, false, &since, now));
	ck_assert(!demand_is_idle(true, false, &since, now));
	now = mono_add(now, DEMAND_HOLD_NS - 1);
	ck_assert(!demand_is_idle(true, false, &since, now));
	/* Wanted for a moment: the hold begins anew. */
	ck_assert(!demand_is_idle(false, false, &since, now));
	ck_assert(!demand_is_idle(true, false, &since, now));
	now = mono_add(now, DEMAND_HOLD_NS);
	ck_assert(demand_is_idle(true, false, &since, now));
	ck_assert(demand_is_idle(true, true, &since, now));
	/* Nothing is held before it is joined. */
	ck_assert(!demand_is_idle(false, true, &since, now));
}
END_TEST

START_TEST(members_make_groups)
{
	struct reply_member list[] = {
		{.group = 5, .is_member = true},
		{.group = 3, .is_source = true},
		{.group = 4, .is_member = true, .is_source = true},
		{.group = 5, .is_member = true},
	};
	struct reply_members all = {.list = list, .count = 4}, none = {.count = 0};
	size_t count;
	uint32_t *groups = groups_of_members(&all, &count);

	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(groups[0], 4);
	ck_assert_uint_eq(groups[1], 5);
	free(groups);
	groups = groups_of_members(&none, &count);
	ck_assert_ptr_nonnull(groups);
	ck_assert_uint_eq(count, 0);
	free(groups);
}
END_TEST

/* The relay's channel 2 is left and comes back, with its numbers. */
START_TEST(comes_back_with_its_numbers)
{
	struct relay_rig *x = relay_rig_new((struct relay_options){0});
	const uint16_t ids[] = {1, 2};
	const bool idle[] = {false, false, true};
	const struct relay_channel *c = relay_channel(x->relay, 2);

	relay_rig_open(x, PATH_STREAM);
	relay_rig_capture(x, 2, 3, 10);
	classify_free(relay_set_channels(x->relay, x->now, x->channels, 1, ids,
					 classify_new(x->channels, 1, ids)));
	relay_set_idle(x->relay, idle, 3);
	ck_assert_int_eq(gauge_get(&c->is_withdrawn), 1);
	ck_assert_int_eq(gauge_get(&c->is_idle), 1);
	ck_assert_int_eq(gauge_get(&relay_channel(x->relay, 1)->is_idle), 0);
	relay_rig_capture(x, 2, 2, 10);
	ck_assert_uint_eq(counter_get(&c->book.captured), 3);
	classify_free(relay_set_channels(x->relay, x->now, x->channels, 2, ids,
					 classify_new(x->channels, 2, ids)));
	relay_set_idle(x->relay, idle, 0);
	ck_assert_int_eq(gauge_get(&c->is_idle), 0);
	relay_rig_capture(x, 2, 1, 10);
	ck_assert_uint_eq(history_next(relay_history(x->relay), 2).n, 5);
	relay_rig_free(x);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("demand");
	TCase *tc = tcase_create("relay");

	tcase_add_loop_test(tc, relay_takes_what_is_said, 0, 2);
	tcase_add_test(tc, relay_unites);
	tcase_add_test(tc, relay_remembers);
	tcase_add_test(tc, relay_hears_a_successor);
	tcase_add_loop_test(tc, relay_refuses_nonsense, 0, 5);
	tcase_add_test(tc, frame_has_bounds);
	suite_add_tcase(s, tc);
	tc = tcase_create("peer");
	tcase_add_test(tc, peer_that_does_not_ask_is_silent);
	tcase_add_test(tc, peer_says_until_it_is_answered);
	tcase_add_test(tc, peer_says_after_each_greeting);
	tcase_add_test(tc, peer_refuses_nonsense);
	suite_add_tcase(s, tc);
	tc = tcase_create("made of it");
	tcase_add_test(tc, holds_before_it_leaves);
	tcase_add_test(tc, members_make_groups);
	tcase_add_test(tc, comes_back_with_its_numbers);
	suite_add_tcase(s, tc);
	return suite_run(s);
}
