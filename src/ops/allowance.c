/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/allowance.h"

static const struct {
	const char *id, *name;
} table[ALLOWANCE_COUNT] = {
#define X(id, name) [ALLOWANCE_##id] = {#id, name},
	ALLOWANCES(X)
#undef X
};

const char *
allowance_name(enum allowance allowance)
{
	return allowance < ALLOWANCE_COUNT ? table[allowance].id : "unknown";
}

bool
allowances_match(struct allowances *a, const char (*names)[ETHSTAT_NAME_BYTES],
		 size_t count)
{
	a->available_place =
		ethstat_place(names, count, "conntrack_allowance_available");
	a->matched = a->available_place >= 0;
	a->taken = false;
	for (size_t i = 0; i < ALLOWANCE_COUNT; i++) {
		a->place[i] = ethstat_place(names, count, table[i].name);
		a->matched |= a->place[i] >= 0;
	}
	return a->matched;
}

/* A driver that was reset counts from zero: all it shows is new. */
static void
advance(struct allowances *a, size_t i, uint64_t figure)
{
	if (a->taken)
		a->total[i] += figure >= a->seen[i] ? figure - a->seen[i] : figure;
	a->seen[i] = figure;
}

void
allowances_take(struct allowances *a, const uint64_t *values)
{
	if (!a->matched)
		return;
	for (size_t i = 0; i < ALLOWANCE_COUNT; i++) {
		if (a->place[i] >= 0)
			advance(a, i, values[a->place[i]]);
	}
	if (a->available_place >= 0)
		a->available = values[a->available_place];
	a->taken = true;
}
