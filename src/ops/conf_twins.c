/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf_twins.h"

#include <stdlib.h>

/* Those that are alike by their places. */
static int
compare_entries(const void *a, const void *b, void *arg)
{
	conf_twins_compare *const *compare = arg;
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;
	int order = (*compare)(x, y);

	if (order != 0)
		return order;
	return x < y ? -1 : x > y;
}

bool
conf_twins_find(const void *items, size_t count, size_t item_bytes,
		conf_twins_compare *compare, struct conf_twins *twins)
{
	const char *base = items;
	const char **entries = calloc(count + 1, sizeof(*entries));

	*twins = (struct conf_twins){count, count};
	if (entries == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		entries[i] = base + i * item_bytes;
	qsort_r(entries, count, sizeof(*entries), compare_entries, &compare);
	for (size_t i = 0, run = 0; i < count; i++) {
		size_t place = (size_t)(entries[i] - base) / item_bytes;

		if (i > 0 && compare(entries[i - 1], entries[i]) != 0)
			run = i;
		if (i == run || place >= twins->second)
			continue;
		twins->first = (size_t)(entries[run] - base) / item_bytes;
		twins->second = place;
	}
	free(entries);
	return true;
}
