/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_HISTOGRAM_H
#define TOMBOLO_HISTOGRAM_H
/*
 * Log-linear histogram of durations in nanoseconds: every power of two is cut
 * into 16 equal buckets, so a value is known to within a sixteenth of itself.
 * Fixed memory, no set-up but zeroes. One writer and many readers (counter.h): a
 * reader never waits and never sees a torn count, but may see a record half done.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"

#define HISTOGRAM_SUB_BITS 4  /* 16 buckets to a power of two */
#define HISTOGRAM_MAX_BITS 40 /* from 2^40 ns, 18 minutes, on all share the last */
#define HISTOGRAM_BUCKETS \
	((HISTOGRAM_MAX_BITS - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

struct histogram {
	counter_t buckets[HISTOGRAM_BUCKETS];
	counter_t count;
	counter_t sum_ns;
	counter_t negative; /* recorded as 0: a clock's step, or its error */
	gauge_t max_ns;
};

void histogram_record(struct histogram *h, int64_t value_ns);

/* The smallest bound below or at which `percent` of the values are known to be
 * (0 < percent <= 100): at least the exact one, and less than a sixteenth above
 * it. 0 when nothing was recorded. */
int64_t histogram_percentile(const struct histogram *h, double percent);

/*
 * Prometheus's cumulative buckets: 10 us to 10 s in steps of 1-2-5, then
 * INT64_MAX for +Inf, whose count is that of all values. A value just below a
 * bound may be counted under the next one: it is within the precision above.
 *
 *	struct histogram_bounds it = {.histogram = h};
 *	while (histogram_next_bound(&it))
 *		use(it.bound_ns, it.count);
 */
struct histogram_bounds {
	const struct histogram *histogram;
	int64_t bound_ns; /* this bucket's upper bound, inclusive */
	uint64_t count;   /* of values at or below it */
	size_t next, bucket;
};

bool histogram_next_bound(struct histogram_bounds *it);

#endif
