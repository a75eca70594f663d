/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_BENCH_LINE_H
#define TOMBOLO_BENCH_LINE_H
/*
 * One direction of a wide-area line: what becomes of a packet, and when it comes
 * out. Pure: bytes are the caller's, time is handed in, and the same seed and the
 * same packets give the same fate.
 *
 * Settings are text, "delay=500us,loss=2%:3":
 *
 *   delay=TIME           of every packet
 *   jitter=TIME          more, evenly spread from 0; order is kept
 *   loss=P%              each packet by itself
 *   loss=P%:N            as many, but N in a row in the mean (Gilbert's two states)
 *   duplicate=P%         comes out twice
 *   reorder=P%:TIME      held back for so long, others overtake it
 *   rate=RATE            "100Mbit"; with a queue in front
 *   queue=SIZE           of that queue (256KiB); what does not fit is dropped
 *   dark=on, dark=off    nothing passes, or all again
 *   dark=TIME:TIME       dark after so long, for so long, from the setting on; up to
 *                        LINE_WINDOWS of them
 *
 * Units as in base/quantity.h. What is not named stays as it was.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_WINDOWS 8

struct line_settings {
	int64_t delay_ns, jitter_ns;
	double loss, burst_pkts; /* burst 0: independent losses */
	double duplicate;
	double reorder;
	int64_t reorder_ns;
	uint64_t rate_bits, queue_bytes; /* rate 0: no limit */
};

struct line_window {
	int64_t from_ns, to_ns;
};

struct line {
	struct line_settings settings;
	bool dark;
	struct line_window windows[LINE_WINDOWS];
	unsigned int window_count;
	uint64_t random;
	bool losing;         /* within a burst */
	int64_t sent_out_ns; /* when the rate has let all out that was taken */
	int64_t last_due_ns; /* order is kept behind it */
};

enum line_verdict {
	LINE_CARRIED,
	LINE_DUPLICATED,
	LINE_REORDERED,
	LINE_LOST,
	LINE_LOST_DARK,
	LINE_LOST_QUEUE,
	LINE_VERDICTS
};

void line_init(struct line *l, uint64_t seed);

/* NULL, or what is wrong, in `error`; then nothing has changed. */
const char *line_set(struct line *l, const char *settings, int64_t now_ns, char *error,
		     size_t error_bytes);

/* *due_ns: when it comes out, unless it is lost; twice, if duplicated. */
enum line_verdict line_take(struct line *l, size_t len, int64_t now_ns,
			    int64_t *due_ns);

#endif
