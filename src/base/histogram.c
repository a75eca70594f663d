/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

#include <assert.h>

#include "base/clock.h"

#define SUB_BUCKETS (1 << HISTOGRAM_SUB_BITS)

/* Below 16 each value has its own bucket. Above, the position of the highest bit
 * chooses the group and the four bits below it the bucket in the group. */
static size_t
find_bucket(uint64_t value)
{
	unsigned int shift;

	if (value >> HISTOGRAM_MAX_BITS)
		return HISTOGRAM_BUCKETS - 1;
	if (value < SUB_BUCKETS)
		return value;
	shift = 63 - (unsigned int)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
	return ((size_t)shift << HISTOGRAM_SUB_BITS) + (value >> shift);
}

/* The largest value of a bucket. */
static int64_t
bucket_end(size_t bucket)
{
	unsigned int shift;

	if (bucket < SUB_BUCKETS)
		return (int64_t)bucket;
	shift = (unsigned int)(bucket >> HISTOGRAM_SUB_BITS) - 1;
	bucket -= (size_t)shift << HISTOGRAM_SUB_BITS;
	return (int64_t)((((uint64_t)bucket + 1) << shift) - 1);
}

void
histogram_record(struct histogram *h, int64_t value_ns)
{
	if (value_ns < 0) {
		counter_inc(&h->negative);
		value_ns = 0;
	}
	counter_inc(&h->buckets[find_bucket((uint64_t)value_ns)]);
	counter_inc(&h->count);
	counter_add(&h->sum_ns, (uint64_t)value_ns);
	if (value_ns > gauge_get(&h->max_ns))
		gauge_set(&h->max_ns, value_ns);
}

int64_t
histogram_percentile(const struct histogram *h, double percent)
{
	int64_t max = gauge_get(&h->max_ns);
	uint64_t seen = 0, total = 0;

	assert(percent > 0 && percent <= 100);
	/* not h->count: the writer may be between the two */
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += counter_get(&h->buckets[i]);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		seen += counter_get(&h->buckets[i]);
		if (seen > 0 && (double)seen >= percent * (double)total / 100)
			return bucket_end(i) < max ? bucket_end(i) : max;
	}
	return max;
}

bool
histogram_next_bound(struct histogram_bounds *it)
{
	static const int64_t bounds[] = {
		10 * NS_PER_US,  20 * NS_PER_US,  50 * NS_PER_US,  100 * NS_PER_US,
		200 * NS_PER_US, 500 * NS_PER_US, 1 * NS_PER_MS,   2 * NS_PER_MS,
		5 * NS_PER_MS,   10 * NS_PER_MS,  20 * NS_PER_MS,  50 * NS_PER_MS,
		100 * NS_PER_MS, 200 * NS_PER_MS, 500 * NS_PER_MS, 1 * NS_PER_S,
		2 * NS_PER_S,    5 * NS_PER_S,    10 * NS_PER_S,   INT64_MAX,
	};

	if (it->next == sizeof(bounds) / sizeof(bounds[0]))
		return false;
	it->bound_ns = bounds[it->next++];
	for (; it->bucket < HISTOGRAM_BUCKETS; it->bucket++) {
		if (bucket_end(it->bucket) > it->bound_ns)
			break;
		it->count += counter_get(&it->histogram->buckets[it->bucket]);
	}
	return true;
}
