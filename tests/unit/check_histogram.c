/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "suite.h"

#define VALUES 2000

static struct histogram *
make(void)
{
	struct histogram *h = calloc(1, sizeof(*h));

	ck_assert_ptr_nonnull(h);
	return h;
}

static uint64_t
choose_seed(void)
{
	const char *given = getenv("TOMBOLO_SEED");
	struct now now = clock_now();

	return given ? strtoull(given, NULL, 0) : (uint64_t)now.utc.ns | 1;
}

static uint64_t
draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Any magnitude below 2^bits is as likely as another. */
static int64_t
draw_value(uint64_t *state, unsigned int bits)
{
	return (int64_t)(draw(state) >> (64 - 1 - draw(state) % bits));
}

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

START_TEST(empty)
{
	struct histogram *h = make();

	ck_assert_int_eq(histogram_percentile(h, 50), 0);
	ck_assert_int_eq(histogram_percentile(h, 100), 0);
	ck_assert_uint_eq(counter_get(&h->count), 0);
	free(h);
}
END_TEST

START_TEST(small_values_are_exact)
{
	struct histogram *h = make();

	for (int64_t v = 0; v < 32; v++)
		histogram_record(h, v);
	for (int64_t v = 0; v < 32; v++)
		ck_assert_int_eq(histogram_percentile(h, 100.0 * ((double)v + 1) / 32),
				 v);
	ck_assert_uint_eq(counter_get(&h->count), 32);
	ck_assert_uint_eq(counter_get(&h->sum_ns), 31 * 32 / 2);
	ck_assert_int_eq(gauge_get(&h->max_ns), 31);
	free(h);
}
END_TEST

START_TEST(negative_values_are_zero_and_counted)
{
	struct histogram *h = make();

	histogram_record(h, -1);
	histogram_record(h, INT64_MIN);
	histogram_record(h, 7);
	ck_assert_uint_eq(counter_get(&h->negative), 2);
	ck_assert_uint_eq(counter_get(&h->count), 3);
	ck_assert_uint_eq(counter_get(&h->sum_ns), 7);
	ck_assert_int_eq(histogram_percentile(h, 50), 0);
	ck_assert_int_eq(histogram_percentile(h, 100), 7);
	free(h);
}
END_TEST

START_TEST(huge_values_share_the_last_bucket)
{
	struct histogram *h = make();

	histogram_record(h, (1LL << 40) - 1);
	histogram_record(h, 1LL << 40);
	histogram_record(h, INT64_MAX);
	ck_assert_uint_eq(counter_get(&h->buckets[HISTOGRAM_BUCKETS - 1]), 3);
	ck_assert_int_eq(histogram_percentile(h, 1), INT64_MAX);
	ck_assert_int_eq(gauge_get(&h->max_ns), INT64_MAX);
	free(h);
}
END_TEST

/* Each power of two, and its neighbours, lands in a bucket that holds it. */
START_TEST(bucket_edges)
{
	for (unsigned int bit = 0; bit < 40; bit++)
		for (int64_t v = (1LL << bit) - 1; v <= (1LL << bit) + 1; v++) {
			struct histogram *h = make();
			int64_t p;

			histogram_record(h, v);
			histogram_record(h, (1LL << 41));
			p = histogram_percentile(h, 50);
			ck_assert_int_ge(p, v);
			ck_assert_int_le(p - v, v / 16);
			free(h);
		}
}
END_TEST

static void
check_percentiles(const struct histogram *h, const int64_t *sorted, size_t count,
		  unsigned long long seed)
{
	static const double percents[] = {0.1, 1, 10, 25, 50, 75, 90, 99, 99.9, 100};

	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		double rank = percents[i] * (double)count / 100;
		size_t below = (size_t)rank;
		int64_t exact, got = histogram_percentile(h, percents[i]);

		if ((double)below == rank && below > 0)
			below--;
		exact = sorted[below];
		ck_assert_msg(got >= exact && got - exact <= exact / 16,
			      "seed %llu p%g: %lld, exactly %lld", seed, percents[i],
			      (long long)got, (long long)exact);
	}
}

static void
check_bounds(const struct histogram *h, const int64_t *sorted, size_t count,
	     unsigned long long seed)
{
	struct histogram_bounds it = {.histogram = h};
	int64_t last_bound = 0;
	uint64_t last = 0;

	while (histogram_next_bound(&it)) {
		int64_t surely = it.bound_ns - it.bound_ns / 16 - 1;
		size_t at_most = 0, at_least = 0;

		while (at_most < count && sorted[at_most] <= it.bound_ns)
			at_most++;
		while (at_least < count && sorted[at_least] <= surely)
			at_least++;
		if (it.bound_ns == INT64_MAX)
			at_least = count;
		ck_assert_msg(it.count <= at_most && it.count >= at_least,
			      "seed %llu bound %lld: %llu not in %zu..%zu", seed,
			      (long long)it.bound_ns, (unsigned long long)it.count,
			      at_least, at_most);
		ck_assert_int_gt(it.bound_ns, last_bound);
		ck_assert_uint_ge(it.count, last);
		last_bound = it.bound_ns;
		last = it.count;
	}
	ck_assert_int_eq(last_bound, INT64_MAX);
	ck_assert_uint_eq(last, count);
}

START_TEST(against_a_sorted_array)
{
	uint64_t seed = choose_seed(), state = seed;
	int64_t *values = calloc(VALUES, sizeof(*values));
	unsigned int bits = 10 + (unsigned int)_i * 5; /* up to 2^40 */
	struct histogram *h = make();
	uint64_t sum = 0;

	ck_assert_ptr_nonnull(values);
	for (size_t i = 0; i < VALUES; i++) {
		values[i] = draw_value(&state, bits);
		sum += (uint64_t)values[i];
		histogram_record(h, values[i]);
	}
	qsort(values, VALUES, sizeof(*values), compare);
	check_percentiles(h, values, VALUES, seed);
	check_bounds(h, values, VALUES, seed);
	ck_assert_uint_eq(counter_get(&h->sum_ns), sum);
	ck_assert_int_eq(gauge_get(&h->max_ns), values[VALUES - 1]);
	free(values);
	free(h);
}
END_TEST

START_TEST(bounds_are_the_1_2_5_series)
{
	struct histogram *h = make();
	struct histogram_bounds it = {.histogram = h};
	static const int64_t digits[] = {1, 2, 5};
	int64_t step = 10 * NS_PER_US;
	size_t n = 0;

	for (; histogram_next_bound(&it) && it.bound_ns != INT64_MAX; n++) {
		ck_assert_int_eq(it.bound_ns, step * digits[n % 3]);
		if (n % 3 == 2)
			step *= 10;
	}
	ck_assert_uint_eq(n, 19);
	ck_assert(!histogram_next_bound(&it));
	free(h);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("histogram");
	TCase *t = tcase_create("histogram");

	tcase_add_test(t, empty);
	tcase_add_test(t, small_values_are_exact);
	tcase_add_test(t, negative_values_are_zero_and_counted);
	tcase_add_test(t, huge_values_share_the_last_bucket);
	tcase_add_test(t, bucket_edges);
	tcase_add_loop_test(t, against_a_sorted_array, 0, 7);
	tcase_add_test(t, bounds_are_the_1_2_5_series);
	suite_add_tcase(s, t);
	return suite_run(s);
}
