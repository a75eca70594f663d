/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOMBOLO_PACE_H
#define TOMBOLO_PACE_H
/*
 * A limit in bits a second, as max_rate of a path: what was sent is paid for
 * afterwards, so that a record of any length may go when nothing is owed. Pure.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/bucket.h"

struct pace {
	struct bucket bucket; /* bytes; rate 0: no limit */
	uint64_t owed;        /* bytes that were sent before they were due */
};

/* bps: bits a second, 0 for no limit. depth_ns: how much of it a pause saves up. */
void pace_init(struct pace *p, mono_t now, uint64_t bps, int64_t depth_ns);
/* 0 when something may be sent, else how long until then. */
int64_t pace_wait_ns(struct pace *p, mono_t now);
void pace_charge(struct pace *p, uint64_t bytes);
/* They were charged for and not sent. */
void pace_refund(struct pace *p, uint64_t bytes);

static inline bool
pace_is_limited(const struct pace *p)
{
	return p->bucket.rate > 0;
}

#endif
