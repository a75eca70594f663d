/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "base/bucket.h"
#include "seeded.h"
#include "suite.h"

#define START ((mono_t){1000 * NS_PER_S})

/* The oracle counts in billionths of a token, in 128 bits. */
struct oracle {
	unsigned __int128 billionths;
	uint64_t rate, depth;
	mono_t at;
};

static void
oracle_run(struct oracle *o, mono_t now)
{
	unsigned __int128 most = (unsigned __int128)o->depth * NS_PER_S;

	if (!mono_before(o->at, now))
		return;
	o->billionths += (unsigned __int128)(uint64_t)mono_sub(now, o->at) * o->rate;
	o->at = now;
	if (o->billionths > most)
		o->billionths = most;
}

static bool
oracle_take(struct oracle *o, mono_t now, uint64_t n)
{
	unsigned __int128 cost = (unsigned __int128)n * NS_PER_S;

	oracle_run(o, now);
	if (o->billionths < cost)
		return false;
	o->billionths -= cost;
	return true;
}

static void
oracle_set_rate(struct oracle *o, mono_t now, uint64_t rate, uint64_t depth)
{
	oracle_run(o, now);
	o->rate = rate;
	o->depth = depth;
	if (o->billionths > (unsigned __int128)depth * NS_PER_S)
		o->billionths = (unsigned __int128)depth * NS_PER_S;
}

static mono_t
oracle_ready(const struct oracle *o, mono_t now)
{
	unsigned __int128 wanted;
	mono_t ready;

	if (o->billionths >= NS_PER_S)
		return now;
	if (o->rate == 0)
		return MONO_NEVER;
	wanted = NS_PER_S - o->billionths;
	ready = mono_add(o->at, (int64_t)((wanted + o->rate - 1) / o->rate));
	return mono_before(ready, now) ? now : ready;
}

/* Magnitudes from below one to above ten thousand million a second. */
static uint64_t
draw_rate(struct seeded *dice)
{
	return seeded_roll(dice) >> (30 + seeded_below(dice, 34));
}

START_TEST(against_exact_arithmetic)
{
	struct seeded dice = seeded_init(_i);
	uint64_t rate = draw_rate(&dice), depth = 1 + seeded_below(&dice, 100);
	struct oracle o = {(unsigned __int128)depth * NS_PER_S, rate, depth, START};
	mono_t now = START;
	struct bucket b;

	bucket_init(&b, now, rate, depth);
	for (int i = 0; i < 5000; i++) {
		uint64_t n = seeded_below(&dice, depth + 2);

		if (!seeded_one_in(&dice, 3))
			now = mono_add(now, (int64_t)(seeded_roll(&dice) >>
						      (34 + seeded_below(&dice, 30))));
		if (seeded_one_in(&dice, 200)) {
			rate = draw_rate(&dice);
			depth = 1 + seeded_below(&dice, 100);
			bucket_set_rate(&b, now, rate, depth);
			oracle_set_rate(&o, now, rate, depth);
		}
		seeded_check(&dice, bucket_take(&b, now, n) == oracle_take(&o, now, n),
			     "step %d", i);
		seeded_check(&dice,
			     bucket_ready(&b, now).ns == oracle_ready(&o, now).ns,
			     "step %d: ready %lld, not %lld", i,
			     (long long)bucket_ready(&b, now).ns,
			     (long long)oracle_ready(&o, now).ns);
	}
}
END_TEST

START_TEST(it_begins_full)
{
	struct bucket b;

	bucket_init(&b, START, 10, 3);
	ck_assert(!bucket_take(&b, START, 4));
	ck_assert(bucket_take(&b, START, 3));
	ck_assert(!bucket_take(&b, START, 1));
	ck_assert(bucket_take(&b, START, 0));
	ck_assert_int_eq(bucket_ready(&b, START).ns, START.ns + NS_PER_S / 10);
}
END_TEST

/* However often it is asked, and however oddly the rate divides a second. */
START_TEST(the_rate_is_kept_in_the_long_run)
{
	static const uint64_t rates[] = {1,         3,          7,          75000,
					 600000000, 1500000000, 20000000000};

	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
		uint64_t taken = 0, seconds = rates[i] < 10 ? 100 : 1;
		int64_t step_ns = (int64_t)seconds * NS_PER_S / 100000;
		mono_t now = START;
		struct bucket b;

		bucket_init(&b, now, rates[i], 1000000);
		ck_assert(bucket_take(&b, now, 1000000));
		for (int j = 0; j < 100000; j++) {
			now = mono_add(now, step_ns);
			for (uint64_t n = 1 << 19; n > 0; n /= 2) {
				while (bucket_take(&b, now, n)) {
					taken += n;
					if (taken > rates[i] * seconds)
						ck_abort_msg("too much");
				}
			}
		}
		ck_assert_uint_eq(taken, rates[i] * seconds);
	}
}
END_TEST

START_TEST(a_new_rate_counts_from_now)
{
	struct bucket b;
	mono_t later = mono_add(START, 900 * NS_PER_MS);

	/* nothing was earned while the rate was 0 */
	bucket_init(&b, START, 0, 100);
	ck_assert(bucket_take(&b, START, 100));
	ck_assert_int_eq(bucket_ready(&b, START).ns, MONO_NEVER.ns);
	bucket_set_rate(&b, later, 1000, 100);
	ck_assert(!bucket_take(&b, later, 1));
	ck_assert(bucket_take(&b, mono_add(later, NS_PER_MS), 1));
	/* nine tenths of a token are not nine hundred */
	bucket_init(&b, START, 1, 1000);
	ck_assert(bucket_take(&b, START, 1000));
	bucket_set_rate(&b, later, 1000, 1000);
	ck_assert(!bucket_take(&b, later, 1));
	ck_assert(bucket_take(&b, mono_add(later, 100 * NS_PER_US), 1));
	ck_assert(!bucket_take(&b, mono_add(later, 100 * NS_PER_US), 1));
	/* less depth spills */
	bucket_init(&b, START, 1, 1000);
	bucket_set_rate(&b, START, 1, 10);
	ck_assert(!bucket_take(&b, START, 11));
	ck_assert(bucket_take(&b, START, 10));
}
END_TEST

START_TEST(a_clock_that_stands_gives_nothing)
{
	struct bucket b;

	bucket_init(&b, START, UINT64_MAX, UINT64_MAX);
	ck_assert(bucket_take(&b, START, UINT64_MAX));
	ck_assert(!bucket_take(&b, START, 1));
	ck_assert(!bucket_take(&b, mono_add(START, -5), 1));
	ck_assert(bucket_take(&b, mono_add(START, NS_PER_S), UINT64_MAX));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("bucket");
	TCase *t = tcase_create("bucket");

	tcase_add_test(t, it_begins_full);
	tcase_add_test(t, the_rate_is_kept_in_the_long_run);
	tcase_add_test(t, a_new_rate_counts_from_now);
	tcase_add_test(t, a_clock_that_stands_gives_nothing);
	tcase_add_loop_test(t, against_exact_arithmetic, 0, 200);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return suite_run(s);
}
