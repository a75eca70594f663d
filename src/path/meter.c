/* SPDX-License-Identifier: Apache-2.0 */
#include "path/meter.h"

#include <string.h>

#define HALF_NS (30 * NS_PER_S)

static const struct {
	int64_t ns;
	const char *name;
} spans[METER_SPANS] = {
	[METER_1MS] = {NS_PER_MS, "1ms"},
	[METER_100MS] = {100 * NS_PER_MS, "100ms"},
	[METER_1S] = {NS_PER_S, "1s"},
};

int64_t
meter_span_ns(enum meter_span span)
{
	return spans[span].ns;
}

const char *
meter_span_name(enum meter_span span)
{
	return spans[span].name;
}

void
meter_init(struct meter *m, mono_t now)
{
	for (int i = 0; i < METER_SPANS; i++) {
		struct meter_window *w = &m->windows[i];

		memset(w->tenths, 0, sizeof(w->tenths));
		w->tenth = 0;
		w->packets = w->bytes = 0;
		w->most_packets = w->most_bytes = 0;
		w->former_packets = w->former_bytes = 0;
		/* Somebody may be looking: it is another flow's from now on. */
		gauge_set(&w->peak_packets, 0);
		gauge_set(&w->peak_bytes, 0);
	}
	m->half_end = mono_add(now, HALF_NS);
}

/* What is older than the window leaves it. */
static void
slide(struct meter_window *w, int64_t tenth)
{
	if (tenth - w->tenth >= METER_TENTHS) {
		memset(w->tenths, 0, sizeof(w->tenths));
		w->packets = w->bytes = 0;
		w->tenth = tenth;
		return;
	}
	while (w->tenth < tenth) {
		size_t i = (size_t)(++w->tenth % METER_TENTHS);

		w->packets -= w->tenths[i].packets;
		w->bytes -= w->tenths[i].bytes;
		w->tenths[i].packets = w->tenths[i].bytes = 0;
	}
}

static void
note(uint64_t *most, uint64_t former, gauge_t *peak, uint64_t n)
{
	if (n <= *most)
		return;
	*most = n;
	if (n > former)
		gauge_set(peak, (int64_t)n);
}

void
meter_add(struct meter *m, mono_t now, uint64_t bytes)
{
	for (int i = 0; i < METER_SPANS; i++) {
		struct meter_window *w = &m->windows[i];
		size_t at;

		slide(w, now.ns / (spans[i].ns / METER_TENTHS));
		at = (size_t)(w->tenth % METER_TENTHS);
		w->tenths[at].packets++;
		w->tenths[at].bytes += bytes;
		w->packets++;
		w->bytes += bytes;
		note(&w->most_packets, w->former_packets, &w->peak_packets, w->packets);
		note(&w->most_bytes, w->former_bytes, &w->peak_bytes, w->bytes);
	}
}

static void
turn_over(struct meter_window *w)
{
	w->former_packets = w->most_packets;
	w->former_bytes = w->most_bytes;
	w->most_packets = w->most_bytes = 0;
	gauge_set(&w->peak_packets, (int64_t)w->former_packets);
	gauge_set(&w->peak_bytes, (int64_t)w->former_bytes);
}

void
meter_fade(struct meter *m, mono_t now)
{
	if (mono_before(now, m->half_end))
		return;
	for (int i = 0; i < METER_SPANS; i++)
		turn_over(&m->windows[i]);
	m->half_end = mono_add(now, HALF_NS);
}
