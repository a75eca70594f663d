/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_METER_H
#define TOMBOLO_METER_H
/*
 * How much went by in the last millisecond, the last 100 ms and the last second, and
 * the most of each within a minute. A window slides in tenths of its length: its
 * sum is of the tenth under way and the nine before it. Pure; written by one thread,
 * the peaks are read by any.
 */
#include <stdint.h>

#include "base/clock.h"
#include "base/counter.h"

enum meter_span { METER_1MS, METER_100MS, METER_1S, METER_SPANS };

#define METER_TENTHS 10

struct meter_window {
	struct {
		uint64_t packets, bytes;
	} tenths[METER_TENTHS];
	int64_t tenth; /* under way: time / (length / 10) */
	uint64_t packets, bytes;
	/* Half a minute, and the one before it. */
	uint64_t most_packets, most_bytes, former_packets, former_bytes;
	gauge_t peak_packets, peak_bytes; /* of both */
};

struct meter {
	struct meter_window windows[METER_SPANS];
	mono_t half_end;
};

int64_t meter_span_ns(enum meter_span span);
const char *meter_span_name(enum meter_span span); /* "1ms" … */

void meter_init(struct meter *m, mono_t now);
/* One packet of so many bytes. */
void meter_add(struct meter *m, mono_t now, uint64_t bytes);
/* Now and then, so that peaks fade without traffic too. */
void meter_fade(struct meter *m, mono_t now);

#endif
