/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/groups.h"

#include <stdlib.h>

static int
compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

uint32_t *
groups_of_members(const struct reply_members *members, size_t *count)
{
	/* One more, so that none at all is a list, too. */
	uint32_t *groups = calloc(members->count + 1, sizeof(*groups));
	size_t all = 0;

	*count = 0;
	if (groups == NULL)
		return NULL;
	for (size_t i = 0; i < members->count; i++)
		if (members->list[i].is_member)
			groups[all++] = members->list[i].group;
	qsort(groups, all, sizeof(*groups), compare);
	for (size_t i = 0; i < all; i++)
		if (*count == 0 || groups[*count - 1] != groups[i])
			groups[(*count)++] = groups[i];
	return groups;
}
