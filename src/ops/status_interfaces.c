/* SPDX-License-Identifier: Apache-2.0 */
/* What was lost beside the books, on the interfaces that are used. */
#include <jansson.h>

#include "ops/interfaces.h"
#include "ops/status_shared.h"

static void
put_allowances(struct status *s, json_t *interface, const struct allowances *a)
{
	json_t *o;

	if (!a->matched || !a->taken)
		return;
	o = status_object(s, interface, "allowance_exceeded");
	for (int n = 0; n < ALLOWANCE_COUNT; n++)
		if (a->place[n] >= 0)
			status_integer(s, o, allowance_name((enum allowance)n),
				       (int64_t)a->total[n]);
	if (a->available_place >= 0)
		status_integer(s, interface, "conntrack_available",
			       (int64_t)a->available);
}

static void
put_interface(struct status *s, json_t *o, const struct interface *i)
{
	json_t *counters;

	status_string(s, o, "name", i->name);
	for (int use = 0; use < INTERFACE_USES; use++)
		status_boolean(s, o, interface_use_name((enum interface_use)use),
			       (i->uses >> use & 1) != 0);
	counters = status_object(s, o, "errors");
	for (int c = 0; c < IFSTAT_COUNTER_COUNT; c++)
		status_integer(s, counters, ifstat_counter_name((enum ifstat_counter)c),
			       (int64_t)i->counters.total[c]);
	put_allowances(s, o, &i->allowances);
}

void
status_put_interfaces(struct status *s, json_t *root, const struct interfaces *all)
{
	json_t *array;

	if (all == NULL)
		return;
	array = status_array(s, root, "interfaces");
	for (size_t i = 0; i < all->count; i++)
		put_interface(s, status_append(s, array), &all->all[i]);
}
