/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "path/timing.h"
#include "seeded.h"
#include "suite.h"

#define UTC (1790000000 * NS_PER_S)

static struct now
at(int64_t ns)
{
	return (struct now){.mono = {1000 * NS_PER_S + ns}, .utc = {UTC + ns}};
}

/* What the other side says at `ns`: its monotonic clock began elsewhere, its clock of
 * the day is `ahead_ns` of ours. */
static struct wire_timing
said(int64_t ns, int64_t ahead_ns, int64_t echo_ns, int64_t hold_ns)
{
	return (struct wire_timing){.sent_mono_ns = 5 + ns,
				    .sent_utc_ns = UTC + ns + ahead_ns,
				    .echo_mono_ns = at(echo_ns).mono.ns,
				    .hold_ns = hold_ns};
}

START_TEST(nothing_is_known_at_first)
{
	struct timing t = {0};
	struct wire_timing w = timing_stamp(&t, at(7), 3);

	ck_assert_int_eq(w.sent_mono_ns, at(7).mono.ns);
	ck_assert_int_eq(w.sent_utc_ns, UTC + 7);
	ck_assert_int_eq(w.echo_mono_ns, 0);
	ck_assert_int_eq(w.hold_ns, 0);
	ck_assert_uint_eq(w.frames, 3);
	ck_assert_int_eq(timing_offset_ns(&t), 0);
}
END_TEST

START_TEST(what_arrived_is_echoed)
{
	struct timing t = {0};
	struct wire_timing w = said(100, 0, 0, 0);

	w.echo_mono_ns = 0;
	ck_assert(!timing_take(&t, at(150), &w)); /* no echo, no sample */
	w = timing_stamp(&t, at(190), 0);
	ck_assert_int_eq(w.echo_mono_ns, 105);
	ck_assert_int_eq(w.hold_ns, 40);
	ck_assert_int_eq(t.srtt_ns, 0);
}
END_TEST

START_TEST(a_round_trip)
{
	struct timing t = {0};
	struct wire_timing w = said(9000, 500000, 1000, 3000);

	ck_assert(timing_take(&t, at(14000), &w));
	ck_assert_int_eq(t.srtt_ns, 10000);
	ck_assert_int_eq(t.rttvar_ns, 5000);
	ck_assert_int_eq(gauge_get(&t.rtt_ns), 10000);
	ck_assert_int_eq(gauge_get(&t.rtt_min_ns), 10000);
	/* its clock is half a millisecond ahead, so ours is behind */
	ck_assert_int_eq(timing_offset_ns(&t), -500000);
	ck_assert_int_eq(gauge_get(&t.offset_ns), -500000);
	ck_assert_int_eq(gauge_get(&t.offset_error_ns), 5000);
}
END_TEST

/* RFC 6298 §2.3, computed by hand. */
START_TEST(smoothing)
{
	struct timing t = {0};
	struct wire_timing w;

	w = said(1000, 0, 0, 0);
	ck_assert(timing_take(&t, at(8000), &w)); /* R = 8000 */
	w = said(11000, 0, 10000, 0);
	ck_assert(timing_take(&t, at(26000), &w)); /* R' = 16000 */
	ck_assert_int_eq(t.rttvar_ns, 4000 + (8000 - 4000) / 4);
	ck_assert_int_eq(t.srtt_ns, 8000 + 8000 / 8);
	w = said(31000, 0, 30000, 0);
	ck_assert(timing_take(&t, at(31000), &w)); /* R' = 1000 */
	ck_assert_int_eq(t.rttvar_ns, 5000 + (8000 - 5000) / 4);
	ck_assert_int_eq(t.srtt_ns, 9000 - 8000 / 8);
}
END_TEST

/* The offset is that of the shortest of the last round trips, and forgets. */
START_TEST(the_shortest_round_trip_tells_the_time)
{
	struct seeded dice = seeded_init(_i);
	struct {
		int64_t rtt_ns, offset_ns;
	} all[100];
	struct timing t = {0};
	bool told;

	for (int i = 0; i < 100; i++) {
		int64_t ahead_ns = (int64_t)seeded_below(&dice, 2000000) - 1000000;
		int64_t out_ns = 1 + (int64_t)seeded_below(&dice, 100000);
		int64_t hold_ns = (int64_t)seeded_below(&dice, 1000);
		int64_t back_ns = (int64_t)seeded_below(&dice, 100000);
		int64_t ns = i * NS_PER_MS, best = i;
		struct wire_timing w =
			said(ns + out_ns + hold_ns, ahead_ns, ns, hold_ns);

		all[i].rtt_ns = out_ns + back_ns;
		all[i].offset_ns = back_ns - ahead_ns - all[i].rtt_ns / 2;
		seeded_check(&dice,
			     timing_take(&t, at(ns + out_ns + hold_ns + back_ns), &w),
			     "sample %d", i);
		for (int64_t j = i; j >= 0 && j > i - TIMING_SAMPLES; j--) {
			if (all[j].rtt_ns < all[best].rtt_ns)
				best = j;
		}
		seeded_check(&dice, gauge_get(&t.rtt_min_ns) == all[best].rtt_ns,
			     "sample %d: shortest %lld, not %lld", i,
			     (long long)gauge_get(&t.rtt_min_ns),
			     (long long)all[best].rtt_ns);
		/* where two are as short, either will do */
		told = false;
		for (int j = i; j >= 0 && j > i - TIMING_SAMPLES; j--)
			told |= all[j].rtt_ns == all[best].rtt_ns &&
				all[j].offset_ns == timing_offset_ns(&t);
		seeded_check(&dice, told, "sample %d", i);
		/* and is wrong by half a round trip at most */
		seeded_check(&dice,
			     llabs(all[i].offset_ns + ahead_ns) <=
				     (all[i].rtt_ns + 1) / 2,
			     "sample %d", i);
	}
}
END_TEST

START_TEST(what_cannot_be_is_no_sample)
{
	const struct wire_timing cases[] = {
		said(100, 0, 200, 0),            /* echoed before it was said */
		said(100, 0, 50, -1),            /* held for less than nothing */
		said(100, 0, 50, 51),            /* held for longer than it was away */
		said(100, 0, -61 * NS_PER_S, 0), /* away for a minute */
		{-1, UTC, at(50).mono.ns, 0, 0}, /* clocks that never ran */
		{0, UTC, at(50).mono.ns, 0, 0},
		{1, 0, at(50).mono.ns, 0, 0},
		{1, INT64_MIN, at(50).mono.ns, 0, 0},
		{1, INT64_MAX, at(50).mono.ns, 0, 0},
		{1, UTC, 0, 0, 0},
		{1, UTC, INT64_MIN, 0, 0},
		{1, UTC, INT64_MAX, 0, 0},
		{1, UTC, at(50).mono.ns, INT64_MAX, 0},
		{1, UTC, at(50).mono.ns, INT64_MIN, 0},
		{INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, 0},
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct timing t = {0};

		ck_assert_msg(!timing_take(&t, at(100), &cases[i]), "case %zu", i);
		ck_assert_int_eq(t.srtt_ns, 0);
		ck_assert_int_eq(timing_offset_ns(&t), 0);
	}
}
END_TEST

/* The farthest clock that is believed leaves room for sums. */
START_TEST(a_clock_of_another_century)
{
	struct timing t = {0};
	struct wire_timing w = {1, (int64_t)WIRE_SEQ_MAX, at(50).mono.ns, 0, 0};

	ck_assert(timing_take(&t, at(100), &w));
	ck_assert_int_eq(timing_offset_ns(&t), UTC + 100 - (int64_t)WIRE_SEQ_MAX - 25);
	w.sent_utc_ns++;
	ck_assert(!timing_take(&t, at(100), &w));
}
END_TEST

START_TEST(an_instant_round_trip_is_one_all_the_same)
{
	struct timing t = {0};
	struct wire_timing w = said(100, 0, 100, 0);

	ck_assert(timing_take(&t, at(100), &w));
	ck_assert_int_ge(t.srtt_ns, 1); /* 0 would be: none yet */
}
END_TEST

START_TEST(a_path_that_comes_up_begins_anew)
{
	struct timing t = {0};
	struct wire_timing w = said(100, 0, 50, 0);

	ck_assert(timing_take(&t, at(150), &w));
	timing_reset(&t);
	ck_assert_int_eq(t.srtt_ns, 0);
	ck_assert_int_eq(timing_offset_ns(&t), 0);
	ck_assert_int_eq(timing_stamp(&t, at(200), 0).echo_mono_ns, 0);
	ck_assert_int_eq(gauge_get(&t.rtt_ns), 100); /* a scrape sees the last */
	/* the old samples do not come back */
	w = said(9000, 0, 1000, 3000);
	ck_assert(timing_take(&t, at(14000), &w));
	ck_assert_int_eq(gauge_get(&t.rtt_min_ns), 10000);
}
END_TEST

/* ---- loss ---- */

START_TEST(loss_is_told_once_there_are_enough_frames)
{
	struct timing t = {0};

	timing_frames(&t, 199, 0);
	ck_assert_int_eq(gauge_get(&t.loss), 0);
	timing_frames(&t, 1000, 900);
	ck_assert_uint_eq(t.loss_ppm, 100000 / 4);
	ck_assert_int_eq(gauge_get(&t.loss), 100000 / 4);
	timing_frames(&t, 2000, 1900); /* nothing */
	ck_assert_uint_eq(t.loss_ppm, 25000 * 3 / 4);
}
END_TEST

START_TEST(more_than_was_sent_is_no_loss)
{
	struct timing t = {0};

	timing_frames(&t, 1000, 5000);
	ck_assert_uint_eq(t.loss_ppm, 0);
	timing_frames(&t, 10, 10); /* totals that went back: begun anew */
	ck_assert_uint_eq(t.loss_ppm, 0);
	timing_frames(&t, 1010, 510);
	ck_assert_uint_eq(t.loss_ppm, 500000 / 4);
}
END_TEST

/* Now many frames are on the way, now none: that is no loss. */
START_TEST(frames_on_the_way_even_out)
{
	struct timing t = {0};

	for (uint64_t n = 1; n <= 50; n++)
		timing_frames(&t, n * 1000, n * 1000 - (n % 2 ? 60 : 0));
	ck_assert_uint_le(t.loss_ppm, 20000);
	for (uint64_t n = 51; n <= 100; n++)
		timing_frames(&t, n * 1000, n * 900 + 5000 - (n % 2 ? 60 : 0));
	ck_assert_uint_ge(t.loss_ppm, 80000);
	ck_assert_uint_le(t.loss_ppm, 120000);
}
END_TEST

/* Parts per million are at most a million, whatever the other half counts. */
START_TEST(loss_has_a_limit)
{
	struct timing t = {0};

	for (uint64_t n = 1; n <= 64; n++) {
		timing_frames(&t, n * (WIRE_SEQ_MAX / 64), 0);
		ck_assert_uint_le(t.loss_ppm, 1000000);
	}
	ck_assert_uint_ge(t.loss_ppm, 900000);
}
END_TEST

static int told;

static void
on_clock(void *arg, unsigned int remote, unsigned int slot, bool apart,
	 int64_t offset_ns, int64_t error_ns)
{
	const struct timing *t = arg;

	ck_assert_uint_eq(remote, 3);
	ck_assert_uint_eq(slot, 5);
	ck_assert_int_eq(apart, t->apart);
	ck_assert_int_eq(offset_ns, gauge_get(&t->offset_ns));
	ck_assert_int_eq(error_ns, gauge_get(&t->offset_error_ns));
	told++;
}

/* Beyond doubt, once, and once when it is over. */
START_TEST(clocks_come_apart_and_together)
{
	static const struct {
		int64_t offset_ms, error_ms;
		bool changed, apart;
	} steps[] = {
		{9, 0, false, false},   {-11, 2, false, false}, {-11, 0, true, true},
		{1000, 1, false, true}, {6, 0, false, true},    {4, 0, true, false},
		{9, 0, false, false},
	};
	struct timing t = {.count = 1};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		gauge_set(&t.offset_ns, steps[i].offset_ms * NS_PER_MS);
		gauge_set(&t.offset_error_ns, steps[i].error_ms * NS_PER_MS);
		told = 0;
		timing_tell(&t, on_clock, &t, 3, 5);
		ck_assert_int_eq(told, steps[i].changed);
		ck_assert_int_eq(t.apart, steps[i].apart);
	}
}
END_TEST

/* It has happened all the same, and is not told later. */
START_TEST(clocks_come_apart_with_nobody_to_tell)
{
	struct timing t = {.count = 1};

	told = 0;
	gauge_set(&t.offset_ns, NS_PER_S);
	timing_tell(&t, NULL, NULL, 3, 5);
	ck_assert(t.apart);
	timing_tell(&t, on_clock, &t, 3, 5);
	ck_assert_int_eq(told, 0);
	gauge_set(&t.offset_ns, 0);
	timing_tell(&t, on_clock, &t, 3, 5);
	ck_assert_int_eq(told, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("timing");
	TCase *t = tcase_create("timing");

	tcase_add_test(t, nothing_is_known_at_first);
	tcase_add_test(t, what_arrived_is_echoed);
	tcase_add_test(t, a_round_trip);
	tcase_add_test(t, smoothing);
	tcase_add_loop_test(t, the_shortest_round_trip_tells_the_time, 0, 100);
	tcase_add_test(t, what_cannot_be_is_no_sample);
	tcase_add_test(t, a_clock_of_another_century);
	tcase_add_test(t, an_instant_round_trip_is_one_all_the_same);
	tcase_add_test(t, a_path_that_comes_up_begins_anew);
	tcase_add_test(t, loss_is_told_once_there_are_enough_frames);
	tcase_add_test(t, more_than_was_sent_is_no_loss);
	tcase_add_test(t, frames_on_the_way_even_out);
	tcase_add_test(t, loss_has_a_limit);
	tcase_add_test(t, clocks_come_apart_and_together);
	tcase_add_test(t, clocks_come_apart_with_nobody_to_tell);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
