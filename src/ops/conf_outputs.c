/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conf_outputs.h"

#include <string.h>

#include "ops/conf_twins.h"

static void
check_relay(struct conf *c, const struct peer_settings *s, size_t i)
{
	const char *name = s->outputs[i].relay;

	for (size_t k = 0; k < s->remote_count; k++) {
		if (name[0] == '\0' || strcmp(s->remotes[k].name, name) == 0)
			return;
	}
	conf_refuse(
		c, conf_path("channels[%zu].relay", i),
		"\"%s\" is not listed; allowed: a name of relays, or no relay for any",
		name);
}

static int
compare_names(const void *a, const void *b)
{
	const struct output_settings *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : strcmp(x->relay, y->relay);
}

/* A group and port that are as captured are known only when the relay has told
 * them, so only two that are both written here can be compared. */
static int
compare_addresses(const void *a, const void *b)
{
	const struct output_settings *x = a, *y = b;
	bool both_x = x->group != 0 && x->port != 0;
	bool both_y = y->group != 0 && y->port != 0;

	if (both_x != both_y)
		return both_x ? 1 : -1;
	if (!both_x)
		return x < y ? -1 : x > y; /* none is like another */
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return x->port < y->port ? -1 : x->port > y->port;
}

static void
check_twins(struct conf *c, const struct output_settings *outputs, size_t i,
	    const struct conf_twins *name, const struct conf_twins *address)
{
	const struct output_settings *o = &outputs[i];

	if (i == name->second)
		conf_refuse(c, conf_path("channels[%zu].name", i),
			    "\"%s\" of %s is given by channels[%zu] already; keep "
			    "one",
			    o->name, o->relay[0] != '\0' ? o->relay : "any relay",
			    name->first);
	if (i == address->second)
		conf_refuse(c, conf_path("channels[%zu].group", i),
			    "group and port are those of channels[%zu]; two "
			    "channels cannot be emitted to one address",
			    address->first);
}

/* The times that go with each other. */
static void
check_age(struct conf *c, const struct peer_settings *s, size_t i)
{
	const struct recovery_settings *r = &s->recovery;
	int64_t max_age_ns = s->outputs[i].max_age_ns;

	if (max_age_ns != 0 && max_age_ns <= r->reorder_ns)
		conf_refuse(c, conf_path("channels[%zu].max_age", i),
			    "must be more than recovery.reorder, or what is "
			    "missing is stale before it is requested");
	else if (max_age_ns != 0 && max_age_ns <= r->give_up_ns &&
		 s->outputs[i].delivery == DELIVERY_ORDERED)
		conf_refuse(c, conf_path("channels[%zu].max_age", i),
			    "must be more than recovery.give_up with ordered "
			    "delivery, or what waits behind a gap is stale when "
			    "the gap is given up");
}

void
conf_outputs_check(struct conf *c, const struct peer_settings *s)
{
	const struct output_settings *outputs = s->outputs;
	size_t count = s->output_count;
	struct conf_twins name, address;

	if (!conf_twins_find(outputs, count, sizeof(*outputs), compare_names, &name) ||
	    !conf_twins_find(outputs, count, sizeof(*outputs), compare_addresses,
			     &address)) {
		conf_refuse(c, conf_path("channels"), "out of memory");
		return;
	}
	for (size_t i = 0; i < count && !c->report.failed; i++) {
		check_relay(c, s, i);
		check_twins(c, outputs, i, &name, &address);
		check_age(c, s, i);
	}
}
