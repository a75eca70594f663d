/* SPDX-License-Identifier: Apache-2.0 */
/* The peer's core when its relay changes channels, honestly or not, and when its own
 * operator changes the settings. */
#include "peer_rig.h"
#include "suite.h"

static struct peer_rig *
open_rig(struct peer_options options)
{
	struct peer_rig *x = peer_rig_new(options);

	peer_rig_open(x, PATH_STREAM);
	return x;
}

static void
say_change(struct peer_rig *x, uint64_t seq, struct wire_channel e)
{
	frames_change(&x->in, seq, &e);
	ck_assert_int_gt(peer_rig_say(x), 0);
}

static bool
knows(const struct peer_rig *x, uint16_t id)
{
	for (size_t i = 0; i < peer_channel_count(x->peer, 0); i++) {
		const struct peer_channel *c = peer_channel(x->peer, 0, i);

		if (c->active && c->id == id)
			return true;
	}
	return false;
}

/* ---- what a relay changes ---- */

START_TEST(changes_are_read_in_their_order)
{
	struct peer_rig *x = open_rig((struct peer_options){0});
	struct wire_channel moved = core_rig_announced(1, 1, 1),
			    again = core_rig_announced(1, 1, 1);

	moved.group += 100;
	again.group += 200;
	again.flags = WIRE_WITHDRAWN;
	say_change(x, 3, again);
	ck_assert_uint_eq(peer_rig_find(x, 1)->group, 0xe9250001);
	say_change(x, 1, core_rig_announced(3, 1, 1));
	ck_assert(knows(x, 3));
	ck_assert_uint_eq(peer_rig_find(x, 1)->group, 0xe9250001);
	say_change(x, 2, moved);
	ck_assert_uint_eq(peer_rig_find(x, 1)->group, again.group);
	ck_assert_int_eq(gauge_get(&peer_rig_find(x, 1)->is_withdrawn), 1);
	/* Once: what comes again is a repeat, and says nothing. */
	say_change(x, 2, moved);
	ck_assert_uint_eq(peer_rig_find(x, 1)->group, again.group);
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 0)->book.duplicate), 1);
	peer_rig_data(x, 3, 1);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "3.1");
	peer_rig_free(x);
}
END_TEST

START_TEST(data_of_a_channel_that_is_not_known)
{
	struct peer_rig *x = open_rig((struct peer_options){0});

	peer_rig_data(x, 3, 1);
	peer_rig_data(x, 3, 2);
	ck_assert_uint_eq(counter_get(&peer_figures(x->peer, 0)->unknown_channel), 2);
	peer_rig_hear(x);
	say_change(x, 1, core_rig_announced(3, 1, 1));
	peer_rig_data(x, 3, 3);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "3:1+2");
	peer_rig_repair(x, 3, 1);
	peer_rig_repair(x, 3, 2);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "3.1 3.2 3.3");
	peer_rig_free(x);
}
END_TEST

/* Channel 0 is asked for until the relay no longer has it. */
START_TEST(a_change_is_asked_for_without_end)
{
	struct peer_rig *x =
		open_rig((struct peer_options){.give_up_ns = 50 * NS_PER_MS});
	uint64_t asked = 0;

	say_change(x, 2, core_rig_announced(3, 1, 1));
	for (int i = 0; i < 20; i++) {
		peer_rig_wait(x, 200 * NS_PER_MS); /* the longest pause of requests */
		peer_rig_heartbeat(x, 1, 1);
		peer_rig_hear(x);
		ck_assert_uint_gt(counter_get(&peer_figures(x->peer, 0)->requested),
				  asked);
		asked = counter_get(&peer_figures(x->peer, 0)->requested);
	}
	ck_assert(!knows(x, 3));
	ck_assert_uint_eq(x->lost[LOST_GIVE_UP], 0);
	frames_verdict(&x->in, (struct wire_answer){
				       .verdict = WIRE_AGED, .first = {1}, .count = 1});
	ck_assert_int_gt(peer_rig_say(x), 0);
	ck_assert(knows(x, 3));
	ck_assert_uint_eq(x->lost[LOST_AGED], 1);
	peer_rig_free(x);
}
END_TEST

START_TEST(changes_beyond_the_window_come_again)
{
	struct peer_rig *x = open_rig((struct peer_options){.window = 64});
	struct wire_channel e = core_rig_announced(1, 1, 1);

	for (unsigned int i = 2; i <= 100; i++) {
		e.group = 0xe9260000U + i;
		say_change(x, i, e);
	}
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 0)->book.refused_window), 36);
	ck_assert_uint_eq(x->lost[LOST_WINDOW], 0);
	say_change(x, 1, core_rig_announced(3, 1, 1));
	ck_assert(knows(x, 3));
	ck_assert_uint_eq(peer_rig_find(x, 1)->group, 0xe9260000U + 64);
	/* The heartbeat says that there is more. */
	frames_books(&x->in, WIRE_HEARTBEAT, 0, (struct wire_timing){.sent_mono_ns = 1},
		     &(struct wire_books){.next = {101}, .sent = {101}}, 1);
	ck_assert_int_gt(peer_rig_say(x), 0);
	peer_rig_hear(x);
	peer_rig_expect_requests(x, "0:65+36");
	for (unsigned int i = 65; i <= 100; i++) {
		e.group = 0xe9260000U + i;
		say_change(x, i, e);
	}
	ck_assert_uint_eq(peer_rig_find(x, 1)->group, 0xe9260000U + 100);
	peer_rig_free(x);
}
END_TEST

/* ---- what no relay says ---- */

static const struct {
	uint16_t id;
	const char *name;
	uint32_t group;
	uint16_t port;
	enum wire_bye bye;
	uint32_t channels; /* 0: enough */
} lies[] = {
	/* No group; the network's own; no port. */
	{3, "ch3", 0x0a000001, 30003, WIRE_BYE_PROTOCOL, 0},
	{1, "ch1", 0xe0000005, 30001, WIRE_BYE_PROTOCOL, 0},
	{3, "ch3", 0xe9250003, 0, WIRE_BYE_PROTOCOL, 0},
	/* The name of another channel; another name than before. */
	{3, "ch1", 0xe9250003, 30003, WIRE_BYE_PROTOCOL, 0},
	{1, "ch3", 0xe9250001, 30001, WIRE_BYE_PROTOCOL, 0},
	/* One channel too many. */
	{3, "ch3", 0xe9250003, 30003, WIRE_BYE_CHANNELS, 2},
};

START_TEST(changes_that_contradict)
{
	struct peer_rig *x =
		open_rig((struct peer_options){.channels_max = lies[_i].channels});
	struct wire_channel e = core_rig_announced(lies[_i].id, 1, 1);

	wire_set_name(&e.name, lies[_i].name);
	e.group = lies[_i].group;
	e.port = lies[_i].port;
	peer_rig_data(x, 1, 1);
	say_change(x, 1, e);
	ck_assert_uint_eq(peer_rig_said_bye(x), lies[_i].bye);
	ck_assert(!knows(x, 3));
	ck_assert_str_eq(peer_rig_find(x, 1)->name, "ch1");
	ck_assert_uint_eq(peer_rig_find(x, 1)->group, 0xe9250001);
	/* It is counted as read, and what was in hand is emitted. */
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 0)->book.received), 1);
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 0)->book.emitted), 1);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.1");
	peer_rig_wait(x, 100 * NS_PER_MS);
	ck_assert_uint_eq(x->closes > 0, 1);
	ck_assert_int_eq(x->closed_for, lies[_i].bye);
	peer_rig_free(x);
}
END_TEST

/* On the wire already it cannot be. */
START_TEST(changes_that_cannot_be)
{
	static const struct {
		uint16_t id;
		uint64_t seq, next, oldest, fresh;
		size_t cut, more;
	} cases[] = {
		{0, 1, 1, 1, 1, 0, 0},  {3, 0, 1, 1, 1, 0, 0},
		{3, 1, 0, 1, 1, 0, 0},  {3, 1, 1, 2, 1, 0, 0},
		{3, 1, 1, 1, 2, 0, 0},  {3, 1, 1, 1, 1, 1, 0},
		{3, 1, 1, 1, 1, 30, 0}, {3, 1, 1, 1, 1, 0, 1},
		{3, 1, 1, 1, 1, 44, 0}, {3, UINT64_MAX, 1, 1, 1, 0, 0},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct peer_rig *x = open_rig((struct peer_options){0});
		struct wire_channel e =
			core_rig_announced(3, cases[i].next, cases[i].fresh);
		size_t len;

		e.id = cases[i].id;
		e.oldest.n = cases[i].oldest;
		frames_change(&x->in, cases[i].seq, &e);
		len = x->in.len + cases[i].more - cases[i].cut;
		x->in.bytes[2] = 0;
		x->in.bytes[3] = (uint8_t)(len - WIRE_HEADER_BYTES);
		x->in.len = len;
		ck_assert_msg(peer_rig_say(x) == -1, "case %zu is taken", i);
		ck_assert_uint_eq(
			counter_get(&peer_figures(x->peer, 0)->protocol_errors), 1);
		ck_assert_uint_eq(counter_get(&peer_rig_find(x, 0)->book.received), 0);
		ck_assert(!knows(x, 3));
		peer_rig_free(x);
	}
}
END_TEST

/* ---- what the operator changes ---- */

static void
deliver(struct peer_rig *x, enum delivery delivery)
{
	x->outputs[0].delivery = delivery;
	peer_settings_changed(x->peer, x->now);
}

START_TEST(ordered_becomes_immediate)
{
	struct peer_rig *x = open_rig((struct peer_options){0});

	peer_rig_data(x, 1, 1);
	peer_rig_data(x, 1, 3);
	peer_rig_data(x, 1, 4);
	peer_rig_data(x, 1, 6);
	peer_rig_data(x, 2, 2);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.1");
	deliver(x, DELIVERY_IMMEDIATE);
	peer_rig_data(x, 1, 7);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.3 1.4 1.6 1.7"); /* 2.2 still waits */
	ck_assert_int_eq(gauge_get(&peer_rig_find(x, 1)->is_immediate), 1);
	peer_rig_heartbeat(x, 8, 8);
	peer_rig_hear(x);
	ck_assert_uint_eq(peer_rig_reported(x), 2);
	peer_rig_repair(x, 1, 5);
	peer_rig_repair(x, 1, 2);
	peer_rig_data(x, 1, 4); /* nothing twice */
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.5 1.2");
	peer_rig_heartbeat(x, 8, 8);
	peer_rig_hear(x);
	ck_assert_uint_eq(peer_rig_reported(x), 8);
	peer_rig_free(x);
}
END_TEST

START_TEST(immediate_becomes_ordered)
{
	struct peer_rig *x = open_rig((struct peer_options){.immediate = true});

	peer_rig_data(x, 1, 1);
	peer_rig_data(x, 1, 3);
	peer_rig_data(x, 1, 2);
	peer_rig_data(x, 1, 5);
	deliver(x, DELIVERY_ORDERED);
	peer_rig_data(x, 1, 6); /* behind a gap: it waits */
	/* What is ready was released out of order: 3 stands before 2. */
	peer_rig_emit(x, 2, EMIT_SENT);
	peer_rig_expect(x, "1.1 1.3");
	peer_rig_heartbeat(x, 7, 7);
	peer_rig_hear(x);
	ck_assert_msg(peer_rig_reported(x) <= 2, "2 waits, %llu is reported",
		      (unsigned long long)peer_rig_reported(x));
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.2 1.5");
	peer_rig_repair(x, 1, 4);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.4 1.6");
	peer_rig_data(x, 1, 8);
	peer_rig_data(x, 1, 7);
	peer_rig_emit(x, 1, EMIT_SENT);
	peer_rig_heartbeat(x, 9, 9);
	peer_rig_hear(x);
	ck_assert_uint_eq(peer_rig_reported(x), 8); /* in order as ever */
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.7 1.8");
	peer_rig_free(x);
}
END_TEST

/* What went out beyond a gap must not be sent to a successor. */
START_TEST(a_drain_after_immediate_became_ordered)
{
	struct peer_rig *x = open_rig((struct peer_options){.immediate = true});

	peer_rig_data(x, 1, 1);
	peer_rig_data(x, 1, 4);
	peer_rig_emit(x, 10, EMIT_SENT);
	deliver(x, DELIVERY_ORDERED);
	peer_rig_data(x, 1, 6);
	peer_drain(x->peer);
	ck_assert(!peer_drained(x->peer));
	peer_rig_hear(x);
	ck_assert_uint_eq(peer_rig_reported(x), 5);
	ck_assert_uint_eq(x->lost[LOST_DRAIN], 2);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.1 1.4"); /* 6 is the successor's */
	peer_rig_free(x);
}
END_TEST

START_TEST(another_age)
{
	struct peer_rig *x = open_rig((struct peer_options){0});

	peer_rig_data(x, 1, 1);
	peer_rig_data(x, 2, 1);
	peer_rig_wait(x, 80 * NS_PER_MS);
	x->outputs[0].max_age_ns = 50 * NS_PER_MS;
	peer_settings_changed(x->peer, x->now);
	peer_rig_data(x, 1, 2);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "2.1 1.2");
	ck_assert_uint_eq(counter_get(&peer_rig_find(x, 1)->book.stale), 1);
	x->outputs[0].max_age_ns = 0;
	peer_settings_changed(x->peer, x->now);
	peer_rig_data(x, 1, 3);
	peer_rig_wait(x, 80 * NS_PER_MS);
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.3");
	peer_rig_free(x);
}
END_TEST

/* Paced, and no more: what was held back leaves at once, in its order. Paced again: what
 * was emitted meanwhile is not to be paid for. */
START_TEST(another_pace)
{
	struct peer_rig *x = open_rig((struct peer_options){0});

	x->settings.emit.quota.flow_pps = 100;
	x->settings.emit.quota.flow_bps = 100000;
	x->settings.emit.over_quota = QUOTA_PACE;
	peer_settings_changed(x->peer, x->now);
	for (uint64_t n = 1; n <= 6; n++)
		peer_rig_data(x, 1, n);
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 1);
	peer_rig_expect(x, "1.1");
	peer_rig_data(x, 2, 1);
	x->settings.emit.over_quota = QUOTA_WARN;
	peer_settings_changed(x->peer, x->now);
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 6);
	peer_rig_expect(x, "1.2 1.3 1.4 1.5 1.6 2.1");
	for (uint64_t n = 7; n <= 206; n++) {
		peer_rig_data(x, 1, n);
		ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 1);
	}
	x->emitted_count = 0;
	x->settings.emit.over_quota = QUOTA_PACE;
	peer_settings_changed(x->peer, x->now);
	for (uint64_t n = 207; n <= 210; n++)
		peer_rig_data(x, 1, n);
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 1);
	peer_rig_expect(x, "1.207");
	peer_rig_wait(x, 20 * NS_PER_MS);
	ck_assert_uint_ge(peer_rig_emit(x, 10, EMIT_SENT), 1);
	peer_rig_expect(x, "1.208");
	peer_rig_free(x);
}
END_TEST

/* The gaps that there are, too. */
START_TEST(another_give_up)
{
	struct peer_rig *x =
		open_rig((struct peer_options){.give_up_ns = 5 * NS_PER_S});

	peer_rig_data(x, 1, 3);
	for (int i = 0; i < 20; i++) {
		peer_rig_heartbeat(x, 4, 4);
		peer_rig_hear(x);
		peer_rig_wait(x, 20 * NS_PER_MS);
	}
	ck_assert_uint_eq(peer_rig_emit(x, 10, EMIT_SENT), 0);
	x->settings.recovery.give_up_ns = 100 * NS_PER_MS;
	peer_settings_changed(x->peer, x->now);
	for (int i = 0; i < 12; i++) {
		peer_rig_heartbeat(x, 4, 4);
		peer_rig_hear(x);
		peer_rig_wait(x, 20 * NS_PER_MS);
	}
	peer_rig_emit(x, 10, EMIT_SENT);
	peer_rig_expect(x, "1.3");
	ck_assert_uint_eq(x->lost[LOST_GIVE_UP], 2);
	peer_rig_free(x);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("peer change");
	TCase *t = tcase_create("change");

	tcase_add_test(t, changes_are_read_in_their_order);
	tcase_add_test(t, data_of_a_channel_that_is_not_known);
	tcase_add_test(t, a_change_is_asked_for_without_end);
	tcase_add_test(t, changes_beyond_the_window_come_again);
	tcase_add_loop_test(t, changes_that_contradict, 0,
			    (int)(sizeof lies / sizeof *lies));
	tcase_add_test(t, changes_that_cannot_be);
	tcase_add_test(t, ordered_becomes_immediate);
	tcase_add_test(t, immediate_becomes_ordered);
	tcase_add_test(t, a_drain_after_immediate_became_ordered);
	tcase_add_test(t, another_age);
	tcase_add_test(t, another_pace);
	tcase_add_test(t, another_give_up);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
