/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <stdlib.h>

struct tally {
	uint64_t expected, delivered, duplicates, reordered;
	unsigned int channels;
	uint8_t *seen;      /* by number: sequence * channels + channel */
	uint64_t *next;     /* by channel: the highest seen + 1 */
	int64_t *latencies; /* ns, in the order of arrival until sorted */
};

struct tally *
tally_new(uint64_t expected, unsigned int channels)
{
	struct tally *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->expected = expected;
	t->channels = channels;
	t->seen = calloc(expected, 1);
	t->next = calloc(channels, sizeof(*t->next));
	t->latencies = calloc(expected, sizeof(*t->latencies));
	if (t->seen == NULL || t->next == NULL || t->latencies == NULL) {
		tally_free(t);
		return NULL;
	}
	return t;
}

void
tally_free(struct tally *t)
{
	if (t == NULL)
		return;
	free(t->seen);
	free(t->next);
	free(t->latencies);
	free(t);
}

bool
tally_take(struct tally *t, const struct mark *m, int64_t arrived_ns)
{
	uint64_t number;

	if (m->channel >= t->channels || m->sequence >= t->expected)
		return false;
	number = m->sequence * t->channels + m->channel;
	if (number >= t->expected)
		return false;
	if (t->seen[number]) {
		t->duplicates++;
		return true;
	}
	t->seen[number] = 1;
	t->latencies[t->delivered++] = arrived_ns - m->sent_ns;
	if (m->sequence < t->next[m->channel])
		t->reordered++;
	else
		t->next[m->channel] = m->sequence + 1;
	return true;
}

uint64_t
tally_delivered(const struct tally *t)
{
	return t->delivered;
}

uint64_t
tally_duplicates(const struct tally *t)
{
	return t->duplicates;
}

uint64_t
tally_reordered(const struct tally *t)
{
	return t->reordered;
}

static int
by_value(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void
tally_sort(struct tally *t)
{
	qsort(t->latencies, t->delivered, sizeof(*t->latencies), by_value);
}

int64_t
tally_percentile_ns(const struct tally *t, double percent)
{
	uint64_t rank = (uint64_t)(percent / 100 * (double)t->delivered);

	if (t->delivered == 0)
		return 0;
	return t->latencies[rank < t->delivered ? rank : t->delivered - 1];
}

uint64_t
tally_within(const struct tally *t, int64_t latency_ns)
{
	uint64_t low = 0, high = t->delivered;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (t->latencies[middle] <= latency_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
