/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_BENCH_MARK_H
#define TOMBOLO_BENCH_MARK_H
/* How every datagram of the benchmark begins: which one it is, and when it left. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MARK_BYTES 24

enum mark_kind {
	MARK_PROBE = 1, /* is the way open? */
	MARK_WARM,      /* at full rate, but not yet measured */
	MARK_MEASURED,
};

struct mark {
	enum mark_kind kind;
	uint16_t channel;
	uint64_t sequence; /* within the channel, from 0 */
	int64_t sent_ns;   /* CLOCK_REALTIME, as the kernel stamps arrivals */
};

/* len is at least MARK_BYTES; the rest is filled with what does not compress. */
void mark_write(const struct mark *m, uint8_t *payload, size_t len);

/* False when this is not a payload of the benchmark. */
bool mark_read(const uint8_t *payload, size_t len, struct mark *m);

#endif
