/* SPDX-License-Identifier: Apache-2.0 */
/* What was lost beside the books, on the interfaces that are used. */
#include "ops/interfaces.h"
#include "ops/metrics_shared.h"

typedef void put_interface(struct evbuffer *out, const char *family,
			   struct metrics_labels *l, const struct interface *i);

static void
put_uses(struct evbuffer *out, const char *family, struct metrics_labels *l,
	 const struct interface *i)
{
	for (int use = 0; use < INTERFACE_USES; use++) {
		metrics_label(l, 1, "use", interface_use_name((enum interface_use)use));
		metrics_u64(out, family, l, i->uses >> use & 1);
	}
}

static void
put_counters(struct evbuffer *out, const char *family, struct metrics_labels *l,
	     const struct interface *i)
{
	for (int c = 0; c < IFSTAT_COUNTER_COUNT; c++) {
		metrics_label(l, 1, "counter",
			      ifstat_counter_name((enum ifstat_counter)c));
		metrics_u64(out, family, l, i->counters.total[c]);
	}
}

/* What a driver does not have has no series. */
static void
put_exceeded(struct evbuffer *out, const char *family, struct metrics_labels *l,
	     const struct interface *i)
{
	const struct allowances *a = &i->allowances;

	for (int n = 0; n < ALLOWANCE_COUNT; n++) {
		if (!a->matched || a->place[n] < 0)
			continue;
		metrics_label(l, 1, "allowance", allowance_name((enum allowance)n));
		metrics_u64(out, family, l, a->total[n]);
	}
}

static void
put_available(struct evbuffer *out, const char *family, struct metrics_labels *l,
	      const struct interface *i)
{
	const struct allowances *a = &i->allowances;

	if (a->matched && a->taken && a->available_place >= 0)
		metrics_u64(out, family, l, a->available);
}

static const struct {
	const char *family;
	enum exposition_type type;
	const char *help;
	put_interface *put;
} families[] = {
	{"tombolo_interface_use", EXPOSITION_GAUGE,
	 "1 when the interface is used so: captured from, emitted on, or paths go by it",
	 put_uses},
	{"tombolo_interface_errors_total", EXPOSITION_COUNTER,
	 "Frames of anybody that the interface dropped or could not take, by the "
	 "kernel's counter; some are in two",
	 put_counters},
	{"tombolo_interface_allowance_exceeded_packets_total", EXPOSITION_COUNTER,
	 "Packets of anybody that were queued or dropped because the EC2 instance was "
	 "over an allowance",
	 put_exceeded},
	{"tombolo_interface_conntrack_allowance_available", EXPOSITION_GAUGE,
	 "Connections that the EC2 instance may still track", put_available},
};

void
metrics_interfaces(struct evbuffer *out, const struct interfaces *all)
{
	struct metrics_labels l = {.count = 0};

	if (all == NULL)
		return;
	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++) {
		exposition_family(out, families[f].family, families[f].type,
				  families[f].help);
		for (size_t i = 0; i < all->count; i++) {
			metrics_label(&l, 0, "interface", all->all[i].name);
			families[f].put(out, families[f].family, &l, &all->all[i]);
		}
	}
}
